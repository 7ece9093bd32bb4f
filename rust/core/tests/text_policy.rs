//! What the policy compiler says of text rules.

use crossfade_core::Policy;
use crossfade_core::field::Op;
use crossfade_core::field::text::{Controls, Step, Unassigned};

fn parse(rule: &str) -> Result<Policy, String> {
    let text = format!(
        "version = 1\n[[route]]\nname = 'r'\nmatch = 'POST /'\n[route.json]\noutput = 'python'\n[route.json.fields]\nf = {{ {rule} }}\n"
    );
    Policy::parse("f", &text).map_err(|errors| errors.to_string())
}

#[track_caller]
fn refused(rule: &str, messages: &[&str]) {
    let said = parse(rule).expect_err(rule);
    for message in messages {
        assert!(said.contains(message), "{rule}\n{said}");
    }
}

/// Every list that a second pass would change is refused, with a text that shows it and a way out.
#[test]
fn orders_that_are_not_idempotent_are_refused() {
    for (steps, what, advice) in [
        ("'trim', 'nfkc'", "step \"nfkc\" stands after \"trim\"", r#""\u{a8}" again: write "nfkc" before "trim""#),
        (
            "'collapse', 'nfkc'",
            "\"nfkc\" stands after \"collapse\"",
            r#"" \u{a8}" again: write "nfkc" before "collapse""#,
        ),
        ("'trim', 'strip_bidi'", "\"strip_bidi\" stands after \"trim\"", r#""\u{200e} a" again"#),
        ("'nfc', 'strip_invisible'", "\"strip_invisible\" stands after \"nfc\"", r#""e\u{200e}\u{301}" again"#),
        (
            "'nfc', 'ascii_lower'",
            "\"ascii_lower\" stands after \"nfc\"",
            r#""H\u{331}" again: write "nfc", "ascii_lower", "nfc""#,
        ),
        (
            "'ascii_lower', 'nfc'",
            "\"nfc\" stands after \"ascii_lower\"",
            r#""\u{212a}" again: write "nfc", "ascii_lower", "nfc""#,
        ),
        ("'nfc', 'ascii_upper'", "\"ascii_upper\" stands after \"nfc\"", r#""i\u{307}" again"#),
        ("'ascii_upper', 'nfkc'", "\"nfkc\" stands after \"ascii_upper\"", r#""\u{fb01}" again"#),
        (
            "'nfkc', 'fold'",
            "\"fold\" stands after \"nfkc\"",
            r#""\u{1f80}\u{313}" again: write "nfkc", "fold", "nfkc""#,
        ),
        ("'fold', 'nfkc'", "\"nfkc\" stands after \"fold\"", r#""\u{1d400}" again: write "nfkc", "fold", "nfkc""#),
        ("'trim', 'nfkc', 'fold', 'nfkc'", "\"nfkc\" stands after \"trim\"", "write \"nfkc\" before \"trim\""),
    ] {
        refused(&format!("text = [{steps}]"), &[what, advice]);
    }
}

/// What repeats, contradicts or does nothing is refused whatever it would do to texts.
#[test]
fn steps_without_effect_are_refused() {
    for (rule, message) in [
        ("text = []", "key \"text\" names no step"),
        ("text = ['nfd']", "text step \"nfd\" is unknown"),
        ("text = ['nfd']", "did you mean \"nfc\"?"),
        ("text = ['trim', 'nfc', 'trim']", "text step \"trim\" repeats"),
        ("text = ['nfc', 'trim', 'nfc']", "text step \"nfc\" repeats"),
        ("text = ['nfc', 'fold', 'nfc', 'nfc']", "text step \"nfc\" repeats"),
        ("text = ['ascii_lower', 'ascii_upper']", "\"ascii_upper\" does not go with \"ascii_lower\""),
        ("text = ['fold', 'ascii_lower']", "\"ascii_lower\" does not go with \"fold\""),
        ("text = ['nfc', 'nfkc']", "\"nfkc\" does not go with \"nfc\""),
        ("text = ['strip_bidi', 'strip_invisible']", "\"strip_invisible\" does not go with \"strip_bidi\""),
        ("min_chars = 3, max_chars = 2", "key \"min_chars\" (3) contradicts max_chars = 2 on line 8"),
        ("max_bytes = 2, min_chars = 3", "key \"min_chars\" (3) contradicts max_bytes = 2 on line 8"),
        ("max_bytes = '2KB'", "key \"max_bytes\" is \"2KB\", which is no size"),
        ("max_chars = 0", "key \"max_chars\" is 0"),
        ("controls = 'drop'", "key \"controls\" is \"drop\", which is no choice"),
        ("unassigned = 'keep'", "key \"unassigned\" says nothing of these steps"),
        ("text = ['trim'], unassigned = 'outside'", "key \"unassigned\" says nothing of these steps"),
        ("email = {}, controls = 'reject'", "\"controls\" bounds a text"),
        ("email = {}, text = ['trim'], max_chars = 3", "are two operations"),
        ("text = ['fold'], default = 'A'", "which the field's own rule would write as a"),
    ] {
        refused(rule, &[message]);
    }
    refused("text = ['trim', 'nfd'], controls = 'x', max_chars = -1", &["\"nfd\"", "\"controls\"", "\"max_chars\""]);
}

/// What is accepted is what was written.
#[test]
fn a_rule_says_what_was_written() {
    let policy = parse(
        "text = ['strip_invisible', 'nfkc', 'fold', 'nfkc', 'collapse', 'trim'], max_bytes = '1KiB', max_chars = 9, \
         min_chars = 1, controls = 'keep_tnl', unassigned = 'keep'",
    )
    .expect("a policy");
    let route = &policy.routes[0];
    let Op::Text(text) = &route.json.as_ref().expect("a body").fields[0].op else { panic!("no text") };
    let steps = [Step::StripInvisible, Step::Nfkc, Step::Fold, Step::Nfkc, Step::Collapse, Step::Trim];
    assert_eq!(text.steps, steps);
    assert_eq!((text.max_bytes, text.max_chars, text.min_chars), (Some(1024), Some(9), Some(1)));
    assert_eq!((text.controls, text.unassigned), (Controls::KeepTabsAndNewlines, Unassigned::Keep));
    assert_eq!(&*route.rules[0].operation, "text");
    let policy = parse("min_chars = 1, controls = 'reject'").expect("a policy");
    assert_eq!(&*policy.routes[0].rules[0].operation, "min_chars");
}

/// A rule that only refuses goes with the client's own bytes; one that rewrites does not.
#[test]
fn only_what_rewrites_contradicts_the_original() {
    for (rule, rewrites) in [
        ("controls = 'reject', min_chars = 1, unassigned = 'reject', max_bytes = 9", false),
        ("controls = 'strip'", true),
        ("controls = 'keep_tnl'", true),
        ("text = ['fold']", true),
    ] {
        let text =
            format!("version = 1\n[[route]]\nname = 'r'\nmatch = 'POST /'\n[route.json.fields]\nf = {{ {rule} }}\n");
        match Policy::parse("f", &text) {
            Ok(_) => assert!(!rewrites, "{rule}"),
            Err(errors) => {
                assert!(
                    rewrites && errors.to_string().contains("contradicts output = \"original\""),
                    "{rule}\n{errors}"
                );
            }
        }
    }
}

/// Evidence about a rule is about all of it.
#[test]
fn every_key_of_a_rule_is_in_the_digest() {
    let digest = |rule: &str| parse(rule).expect(rule).routes[0].digest.clone();
    let rules = [
        "text = ['nfc']",
        "text = ['nfkc']",
        "text = ['nfc'], max_chars = 5",
        "text = ['nfc'], max_bytes = 5",
        "text = ['nfc'], min_chars = 5",
        "text = ['nfc'], controls = 'strip'",
        "text = ['nfc'], controls = 'keep_tnl'",
        "text = ['nfc'], unassigned = 'keep'",
        "text = ['nfc'], unassigned = 'reject'",
    ];
    let mut digests = rules.map(digest).to_vec();
    digests.sort();
    digests.dedup();
    assert_eq!(digests.len(), rules.len());
    assert_eq!(digest("text = ['nfc'], controls = 'keep', unassigned = 'outside'"), digest("text = ['nfc']"));
}
