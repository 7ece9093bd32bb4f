//! What docs/policy/values.md shows of single values is what their rules answer; a result is in its rule's own grammar.

use crossfade_core::Policy;
use crossfade_core::field::{Answer, Op, Scalar};

const CHAPTER: &str = include_str!("../../../docs/policy/values.md");

/// The operation of the lines above `---`.
fn op(lines: &[&str]) -> Op {
    let start = "version = 1\n[[route]]\nname = \"r\"\nmatch = \"POST /r\"\n[route.json]\noutput = \"python\"\n";
    let policy = format!("{start}[route.json.fields]\nv = {{ {} }}\n", lines.join(", "));
    let policy = Policy::parse("values.md", &policy).unwrap_or_else(|errors| panic!("{errors}"));
    policy.routes[0].json.as_ref().expect("a body").fields[0].op.clone()
}

/// A side of a case: its text, if it is a JSON string, or its literal.
fn side(text: &str) -> (Option<String>, &str) {
    let decoded = text.starts_with('"').then(|| serde_json::from_str(text).unwrap_or_else(|_| panic!("{text}")));
    (decoded, text)
}

fn scalar<'a>((decoded, literal): &'a (Option<String>, &'a str)) -> Scalar<'a> {
    match (decoded, *literal) {
        (Some(text), _) => Scalar::String(text),
        (None, "true") => Scalar::Bool(true),
        (None, "false") => Scalar::Bool(false),
        (None, "null") => Scalar::Null,
        (None, number) => Scalar::Number(number),
    }
}

fn answer(op: &Op, value: Scalar<'_>) -> String {
    let mut out = String::new();
    match op.apply(value, &mut out) {
        Answer::Same => "same".to_owned(),
        Answer::String => format!("string {out}"),
        Answer::Literal => format!("literal {out}"),
        Answer::Kept(code) => format!("kept {code}"),
        Answer::WrongType => "invalid wrong_type".to_owned(),
        Answer::Invalid(code) => format!("invalid {code}"),
        Answer::Unsupported(code) => format!("unsupported {code}"),
    }
}

#[test]
fn every_case_of_the_chapter_holds() {
    let mut count = 0;
    for block in CHAPTER.split("```cases value\n").skip(1) {
        let block = block.split("```").next().expect("an end");
        let (rule, cases) = block.split_once("---\n").expect("a rule above the line");
        let op = op(&rule.lines().collect::<Vec<_>>());
        for line in cases.lines().filter(|line| !line.trim().is_empty()) {
            let (before, after) = line.split_once('→').expect("an arrow");
            let (before, after) = (side(before.trim()), after.trim());
            let wanted = match side(after) {
                (Some(text), _) => format!("string {text}"),
                (None, "same") => "same".to_owned(),
                (None, code) if code.starts_with("invalid ") || code.starts_with("unsupported ") => code.to_owned(),
                (None, literal) => format!("literal {literal}"),
            };
            assert_eq!(answer(&op, scalar(&before)), wanted, "{}: {line}", rule.trim());
            if wanted.starts_with("string ") || wanted.starts_with("literal ") {
                assert_eq!(answer(&op, scalar(&side(after))), "same", "{}: {after} again", rule.trim());
            }
            count += 1;
        }
    }
    assert!(count > 200, "{count} cases");
}
