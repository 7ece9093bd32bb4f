//! Routes made by hand, so that the body can be tested without a policy file.
#![allow(dead_code, reason = "each test binary uses its own part of this")]

use crossfade_core::body::normalize;
use crossfade_core::field::Op;
use crossfade_core::outcome::{Part, Reason, Stop};
use crossfade_core::policy::{
    AboveCap, CompareBody, FieldNode, FieldRule, JsonPolicy, LimitsStand, Misfit, Outside, Profile, Rejects, Route,
    RuleId, RuleName, Unknown, UnsupportedPolicy,
};
use crossfade_core::{Request, Scratch};

/// A route that rewrites every JSON body in `output` and has no rule.
pub fn route(output: Profile) -> Route {
    let json = JsonPolicy {
        output,
        unknown: Unknown::Keep,
        compare: CompareBody::Bytes,
        required: false,
        bounds: Default::default(),
        tree: vec![FieldNode::default()],
        fields: Vec::new(),
    };
    Route {
        name: "test".into(),
        patterns: Vec::new(),
        limits: Vec::new(),
        limits_stand: LimitsStand::BeforeBody,
        limits_charge: crossfade_core::policy::LimitsCharge::Sequential,
        tells: false,
        limit_headers: crossfade_core::limit::LimitHeaders::None,
        outside: Outside::Unsupported,
        unsupported: UnsupportedPolicy { cap: 1.0, above: AboveCap::Alarm },
        rollouts: Default::default(),
        target: None,
        host: None,
        headers: None,
        max_body: None,
        json: Some(json),
        form: None,
        rules: Vec::new(),
        digest: "".into(),
        known_differences: Vec::new(),
        gate: Default::default(),
        rejects: Rejects::Control,
        cutover_key: None,
    }
}

/// A rule that keeps what does not fit.
pub fn rule(path: &str, op: Op) -> FieldRule {
    FieldRule {
        id: RuleId(0),
        path: path.into(),
        name: path.rsplit('.').next().unwrap_or_default().into(),
        op,
        wrong_type: Misfit::Keep,
        invalid: Misfit::Keep,
        required: false,
        default: None,
        null: None,
        empty: None,
        rename: None,
        drop: false,
        rollout: Default::default(),
    }
}

/// The route with rules, in this order.
pub fn with_rules(mut route: Route, rules: impl IntoIterator<Item = FieldRule>) -> Route {
    for mut rule in rules {
        rule.id = RuleId(route.rules.len() as u16);
        route.rules.push(RuleName { place: rule.path.clone(), operation: "test".into() });
        let json = route.json.as_mut().expect("the route has a JSON policy");
        let index = json.fields.len();
        let (mut parent, mut node) = (0, 0);
        for step in rule.path.replace("[*]", ".[*]").split('.').filter(|step| !step.is_empty()) {
            parent = node;
            node = child(&mut json.tree, node, step);
        }
        json.tree[node].rule = Some(index);
        if rule.required || rule.default.is_some() || rule.rename.is_some() {
            json.tree[node].slot = Some(json.tree[parent].expected.len());
            json.tree[parent].expected.push(index);
        }
        if let Some(new) = &rule.rename {
            let members = &mut json.tree[parent].members;
            let at = members.partition_point(|(name, _)| name < new);
            members.insert(at, (new.clone(), node));
        }
        json.fields.push(rule);
    }
    route
}

fn child(tree: &mut Vec<FieldNode>, node: usize, step: &str) -> usize {
    let new = tree.len();
    let found = if step == "[*]" {
        *tree[node].items.get_or_insert(new)
    } else {
        match tree[node].members.binary_search_by(|(name, _)| (**name).cmp(step)) {
            Ok(at) => tree[node].members[at].1,
            Err(at) => {
                tree[node].members.insert(at, (step.into(), new));
                new
            }
        }
    };
    if found == new {
        tree.push(FieldNode::default());
    }
    found
}

/// A POST of `body` as `application/json`.
pub fn post(body: &[u8]) -> Request<'_> {
    Request {
        method: b"POST",
        raw_path: b"/",
        query: b"",
        headers: &[(b"Content-Type", b"application/json")],
        peer: None,
        body,
        given: &[],
    }
}

/// What goes on for `body`: its own bytes, or those that were written.
pub fn normalized<'a>(route: &Route, body: &'a [u8], scratch: &'a mut Scratch) -> Result<(Part, &'a [u8]), Stop> {
    scratch.exercised.clear();
    scratch.remarks.clear();
    match normalize(route, &post(body), scratch)? {
        Part::Same => Ok((Part::Same, body)),
        Part::Rewritten => Ok((Part::Rewritten, &scratch.body)),
    }
}

/// The same in a word: the text that goes on, or the code that ends it.
pub fn verdict(route: &Route, body: impl AsRef<[u8]>) -> String {
    let mut scratch = Scratch::new();
    let stop = match normalized(route, body.as_ref(), &mut scratch) {
        Ok((_, bytes)) => return String::from_utf8_lossy(bytes).into_owned(),
        Err(stop) => stop,
    };
    match stop.answer(route.outside) {
        Ok(Reason { code, rule: Some(rule) }) => format!("invalid {code} by {}", rule.0),
        Ok(Reason { code, rule: None }) => format!("invalid {code}"),
        Err(unsupported) => unsupported.to_string(),
    }
}

/// The route of a policy file with this table in it, `[route.json]` or `[route.form]`; or what is wrong with the file.
pub fn compiled(table: &str) -> Result<Route, String> {
    let file = format!("version = 1\n[[route]]\nname = \"r\"\nmatch = \"POST /r\"\n{table}");
    let mut policy = crossfade_core::Policy::parse("f", &file).map_err(|errors| errors.to_string())?;
    Ok(policy.routes.remove(0))
}

/// The same for the keys of `[route.json]`.
#[track_caller]
pub fn json(keys: &str) -> Route {
    compiled(&format!("[route.json]\n{keys}")).unwrap_or_else(|errors| panic!("{errors}"))
}

/// The remarks that a body leaves, as `code` and the rule's number.
pub fn remarks(route: &Route, body: &str) -> Vec<(&'static str, Option<u16>)> {
    let mut scratch = Scratch::new();
    let _ = normalized(route, body.as_bytes(), &mut scratch);
    scratch.remarks.iter().map(|remark| (remark.code, remark.rule.map(|RuleId(id)| id))).collect()
}
