//! Field paths: `a.b[*].c`, `[*].x`, `a."b.c"`; and the tree that the body is walked with.

use super::{FieldNode, FieldRule};

/// Most steps of a path: a body nests at most this deep.
const MAX_STEPS: usize = 64;

/// One step of a field path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step<'a> {
    /// A member of an object.
    Member(&'a str),
    /// Every item of an array.
    Items,
}

/// Reads a path.
pub(super) fn parse(path: &str) -> Result<Vec<Step<'_>>, &'static str> {
    let mut steps = Vec::new();
    let mut left = path;
    loop {
        if steps.len() == MAX_STEPS {
            return Err("a path has at most 64 steps, as deep as a body nests");
        }
        if let Some(rest) = left.strip_prefix("[*]") {
            steps.push(Step::Items);
            left = rest;
        } else {
            let (name, rest) = member(left)?;
            steps.push(Step::Member(name));
            left = rest;
        }
        if left.is_empty() {
            return Ok(steps);
        }
        match left.strip_prefix('.') {
            Some(rest) if !rest.starts_with('[') => left = rest,
            None if left.starts_with('[') => {}
            _ => return Err("steps are joined by \".\", and \"[*]\" follows without one: items[*].price"),
        }
    }
}

fn member(left: &str) -> Result<(&str, &str), &'static str> {
    if let Some(quoted) = left.strip_prefix('"') {
        return quoted.split_once('"').ok_or("a quoted name has no end");
    }
    let end = left.find(['.', '[', ']', '"']).unwrap_or(left.len());
    match left.split_at(end) {
        ("", _) if left.starts_with('[') => Err("only \"[*]\", every item, can stand in brackets"),
        ("", _) => Err("a step is empty: a name with dots is quoted, as in 'a.\"b.c\"'"),
        (_, rest) if rest.starts_with([']', '"']) => Err("a name with dots, brackets or quotes is quoted: 'a.\"b.c\"'"),
        found => Ok(found),
    }
}

/// The tree of the paths of all rules, whose steps are given by position. What is renamed is in it under both names.
pub(super) fn tree(fields: &[FieldRule], steps: &[Vec<Step<'_>>]) -> Vec<FieldNode> {
    let mut tree = vec![FieldNode::default()];
    let mut renamed = Vec::new();
    for (index, (field, steps)) in fields.iter().zip(steps).enumerate() {
        let (mut parent, mut node) = (0, 0);
        for step in steps {
            parent = node;
            node = child(&mut tree, parent, *step);
        }
        let matters = field.required || field.default.is_some() || field.rename.is_some();
        if matters && matches!(steps.last(), Some(Step::Member(_))) {
            tree[node].slot = Some(tree[parent].expected.len());
            tree[parent].expected.push(index);
            renamed.extend(field.rename.as_deref().map(|new| (parent, node, new)));
        }
        tree[node].rule = Some(index);
    }
    for (parent, node, new) in renamed {
        let members = &mut tree[parent].members;
        // A name that is there already was complained about.
        if let Err(place) = members.binary_search_by(|(known, _)| (**known).cmp(new)) {
            members.insert(place, (new.into(), node));
        }
    }
    tree
}

/// The child of a node for one step, made if there is none.
fn child(tree: &mut Vec<FieldNode>, parent: usize, step: Step<'_>) -> usize {
    let new = tree.len();
    let node = match step {
        Step::Items => *tree[parent].items.get_or_insert(new),
        Step::Member(name) => {
            let members = &mut tree[parent].members;
            match members.binary_search_by(|(known, _)| (**known).cmp(name)) {
                Ok(found) => members[found].1,
                Err(place) => {
                    members.insert(place, (name.into(), new));
                    new
                }
            }
        }
    };
    if node == new {
        tree.push(FieldNode::default());
    }
    node
}

#[cfg(test)]
mod tests {
    use super::{Step::*, parse};

    #[test]
    fn paths_are_members_and_items() {
        assert_eq!(parse("a.b[*].c"), Ok(vec![Member("a"), Member("b"), Items, Member("c")]));
        assert_eq!(parse("[*].x"), Ok(vec![Items, Member("x")]));
        assert_eq!(parse("a[*][*]"), Ok(vec![Member("a"), Items, Items]));
        assert_eq!(parse("a.\"b.c\"[*]"), Ok(vec![Member("a"), Member("b.c"), Items]));
        assert_eq!(parse("\"\""), Ok(vec![Member("")]));
        for bad in ["", ".", "a.", ".a", "a..b", "a[0]", "a[*]b", "a.[*]", "a]", "a\"b", "\"a", "[*", "a[*"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(parse(&"a.".repeat(100)).is_err());
    }
}
