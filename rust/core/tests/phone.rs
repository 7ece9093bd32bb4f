//! Numbers as dialled in a region, in a build that has numbering plans. Equality with Python's `phonenumbers` is held
//! elsewhere; these are numbers that every numbering plan of the last years agrees on.
#![cfg(feature = "phone")]

use crossfade_core::Policy;
use crossfade_core::field::phone::METADATA;
use crossfade_core::field::{Answer, Op, Scalar};
use proptest::prelude::*;

fn policy(region: &str) -> Policy {
    let start = "version = 1\n[[route]]\nname = \"r\"\nmatch = \"POST /r\"\n[route.json]\noutput = \"python\"\n";
    Policy::parse("f", &format!("{start}[route.json.fields]\nv = {{ phone = {{ region = \"{region}\" }} }}\n"))
        .unwrap_or_else(|errors| panic!("{errors}"))
}

fn op(policy: Policy) -> Op {
    policy.routes[0].json.as_ref().expect("a body").fields[0].op.clone()
}

fn say(op: &Op, text: &str) -> String {
    let mut out = String::new();
    match op.apply(Scalar::String(text), &mut out) {
        Answer::Same => "same".to_owned(),
        Answer::String => out,
        Answer::Invalid(code) | Answer::Unsupported(code) => code.to_owned(),
        other => format!("{other:?}"),
    }
}

#[test]
fn numbers_are_read_as_dialled_in_the_region() {
    for (region, text, says) in [
        ("US", "(415) 555-2671", "+14155552671"),
        ("US", "1 415 555 2671", "+14155552671"),
        ("US", "+14155552671", "same"),
        ("US", "011 49 30 901820", "+4930901820"),
        ("US", "tel:+1-415-555-2671", "+14155552671"),
        ("US", "1-800-FLOWERS", "+18003569377"),
        ("US", "415 555 2671 ext. 5", "phone.form"),
        ("US", "４１５ 555 2671", "phone.form"),
        ("US", "555", "invalid_phone"),
        ("US", "", "invalid_phone"),
        ("US", "hello", "invalid_phone"),
        ("US", "+1 999 999 9999", "invalid_phone"),
        ("DE", "030 901820", "+4930901820"),
        ("DE", "+49 (0)30 901820", "+4930901820"),
        ("DE", "0049 30 901820", "+4930901820"),
        ("IT", "06 698 12345", "+390669812345"),
        ("GB", "020 7946 0018", "+442079460018"),
    ] {
        assert_eq!(say(&op(policy(region)), text), says, "{region} {text:?}");
    }
    assert_eq!(op(policy("US")).apply(Scalar::Number("4155552671"), &mut String::new()), Answer::WrongType);
    assert_eq!(say(&op(policy("US")), &"1".repeat(251)), "phone.form");
}

#[test]
fn another_metadata_puts_every_text_outside() {
    let off = op(policy("US").without_phone_regions());
    for text in ["+14155552671", "(415) 555-2671", "", "hello"] {
        assert_eq!(say(&off, text), "phone.metadata");
    }
    assert_eq!(off.apply(Scalar::Null, &mut String::new()), Answer::WrongType);
}

/// What is decided differently is not what evidence of the other was about.
#[test]
fn another_metadata_is_another_digest() {
    let both = |text: &str| {
        let policy = Policy::parse("f", text).unwrap_or_else(|errors| panic!("{errors}"));
        (policy.routes[0].digest.clone(), policy.without_phone_regions().routes[0].digest.clone())
    };
    let route = "version = 1\n[[route]]\nname = \"r\"\nmatch = \"POST /r\"\n";
    for body in ["json", "form"] {
        let with = |rule: &str| {
            let output = if body == "json" { "output = 'python'\n" } else { "" };
            both(&format!("{route}[route.{body}]\n{output}fields.v = {{ phone = {{ {rule} }} }}\n"))
        };
        let (on, off) = with("region = \"US\"");
        assert_ne!(on, off, "{body}");
        assert_ne!(off, with("region = \"GB\"").1, "{body}");
        let (on, off) = with("");
        assert_eq!(on, off, "{body}: no region");
    }
}

#[test]
fn regions_are_codes_with_a_numbering_plan() {
    assert_ne!(policy("US").routes[0].digest, policy("GB").routes[0].digest);
    for code in ["us", "USA", "XX", "001", "", "AQ"] {
        let start = "version = 1\n[[route]]\nname = \"r\"\nmatch = \"POST /r\"\n[route.json]\noutput = \"python\"\n";
        let file = format!("{start}[route.json.fields]\nv = {{ phone = {{ region = \"{code}\" }} }}\n");
        let said = Policy::parse("f", &file).expect_err(code).to_string();
        assert!(said.contains("which is no region"), "{said}");
    }
}

/// The constant is what the crate was made from: the pinned version says so in its manual.
#[test]
fn the_version_of_the_metadata_is_told() {
    let version = METADATA.expect("this build has numbering plans");
    assert!(version.split('.').count() == 3 && version.bytes().all(|b| b == b'.' || b.is_ascii_digit()), "{version}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// A result is E.164 and is the same the next time; nothing panics.
    #[test]
    fn a_result_is_in_its_own_grammar(
        region in prop::sample::select(vec!["US", "DE", "IT", "MX", "AR", "BR", "GB", "AU", "CI"]),
        text in prop_oneof![
            any::<String>(),
            "(\\+|00|011|0|1)?[-0-9 ().,/;xA-F]{0,18}",
            "(\\+(1|39|44|49|52|54|55|61|225)|0)? ?\\(?[0-9]{1,4}\\)?[- .]?[0-9]{3,4}[- ]?[0-9]{2,4}",
        ],
    ) {
        let op = op(policy(region));
        let mut out = String::new();
        if op.apply(Scalar::String(&text), &mut out) == Answer::String {
            prop_assert!(out.starts_with('+') && (8..=16).contains(&out.len()), "{}", out);
            prop_assert_eq!(op.apply(Scalar::String(&out), &mut String::new()), Answer::Same, "{} of {:?}", out, text);
        } else {
            prop_assert!(out.is_empty());
        }
    }
}
