//! What each text step and each key of a text rule answers, example by example.
//!
//! `tests/parity/test_text.py` holds the same against CPython's own tables.

use crossfade_core::field::text::{Controls, Step, Text, Unassigned};
use crossfade_core::field::{Answer, Op, Scalar};

use Step::{AsciiLower, AsciiUpper, Collapse, Fold, Nfc, Nfkc, StripBidi, StripInvisible, Trim};

fn steps(steps: &[Step]) -> Text {
    Text { steps: steps.to_vec(), ..Text::default() }
}

/// The new text, `same`, or the code.
fn say(text: &Text, value: &str) -> String {
    let mut out = String::new();
    match Op::Text(text.clone()).apply(Scalar::String(value), &mut out) {
        Answer::String => out,
        answer => {
            assert!(out.is_empty(), "{answer:?} left {out:?}");
            match answer {
                Answer::Same => "same".to_owned(),
                Answer::Kept(code) => format!("kept {code}"),
                Answer::Invalid(code) => format!("invalid {code}"),
                Answer::Unsupported(code) => format!("unsupported {code}"),
                other => format!("{other:?}"),
            }
        }
    }
}

#[track_caller]
fn check(text: &Text, table: &[(&str, &str)]) {
    for (value, says) in table {
        assert_eq!(say(text, value), *says, "{value:?}");
    }
}

#[test]
fn runs_of_white_space_become_one_space() {
    let table = [
        ("a b", "same"),
        ("", "same"),
        ("a  b", "a b"),
        ("a\tb", "a b"),
        ("\u{3000}a\u{a0}\u{2003}b\n", " a b "),
        ("a\u{1f}\u{1f}b", "same"),
        ("a\u{200b}\u{200b}b", "same"),
    ];
    check(&steps(&[Collapse]), &table);
    check(&steps(&[Collapse, Trim]), &[(" a \t b ", "a b"), ("\n", ""), (" \u{1c}", "unsupported text.separator")]);
    check(&steps(&[Trim, Collapse]), &[(" a \t b ", "a b"), ("\n", "")]);
}

#[test]
fn compatibility_and_case_are_folded() {
    let table = [
        ("ﬁ", "fi"),
        ("\u{a8}", " \u{308}"),
        ("／＠․％", "/@.%"),
        ("e\u{301}", "é"),
        ("é", "same"),
        ("\u{fdfa}x", FDFA_X),
    ];
    check(&steps(&[Nfkc]), &table);
    check(&steps(&[Nfkc, Trim]), &[("\u{a8}", "\u{308}"), ("\u{2002}a", "a")]);
    let table = [
        ("Straße", "strasse"),
        ("ΣΑΣ ς", "σασ σ"),
        ("İ", "i\u{307}"),
        ("ABC", "abc"),
        ("abc", "same"),
        ("漢字", "same"),
        ("\u{212a}é", "ké"),
        ("\u{378}", "unsupported text.unassigned"),
    ];
    check(&steps(&[Fold]), &table);
    let closed =
        [("\u{1d400}Ⅷ", "aviii"), ("H\u{331}", "\u{1e96}"), ("\u{1f80}\u{313}", "\u{1f00}\u{1f30}"), ("ẞ", "ss")];
    check(&steps(&[Nfkc, Fold, Nfkc]), &closed);
    check(&steps(&[Nfc, AsciiLower, Nfc]), &[("H\u{331}", "\u{1e96}"), ("\u{212a}É", "kÉ")]);
}

const FDFA_X: &str =
    "\u{635}\u{644}\u{649} \u{627}\u{644}\u{644}\u{647} \u{639}\u{644}\u{64a}\u{647} \u{648}\u{633}\u{644}\u{645}x";

#[test]
fn what_is_not_seen_is_removed() {
    let family = "👩\u{200d}💻";
    check(
        &steps(&[StripBidi, Trim]),
        &[("a\u{200e}\u{202e}b", "ab"), ("\u{2066} a", "a"), (family, "same"), ("a", "same")],
    );
    let table = [(family, "👩💻"), ("\u{ad}\u{feff}\u{3164}", ""), ("❤\u{fe0f}", "❤"), ("\u{e000}", "same")];
    check(&steps(&[StripInvisible]), &table);
    check(&steps(&[StripInvisible, Nfc]), &[("e\u{200b}\u{301}", "é"), ("\u{2065}", "unsupported text.unassigned")]);
}

#[test]
fn controls_are_removed_before_the_steps_or_refused_after_them() {
    let with = |controls| Text { controls, ..steps(&[Trim]) };
    check(&with(Controls::Keep), &[("\0 a", "same")]);
    let table = [("\0 a", "a"), ("a\r\n\tb\u{9f}", "ab"), ("\u{1c}a", "a"), ("a b", "same"), ("é\u{85}", "é")];
    check(&with(Controls::Strip), &table);
    let table = [("a\r\n\tb\u{7f}", "a\n\tb"), ("a\n\tb", "same"), ("a\u{7}\n", "a"), ("\u{2028}", "")];
    check(&with(Controls::KeepTabsAndNewlines), &table);
    let table =
        [("a\n", "a"), ("a\nb", "invalid control_character"), ("\u{80}", "invalid control_character"), ("é", "same")];
    check(&with(Controls::Reject), &table);
}

#[test]
fn bounds_count_bytes_before_and_after_and_code_points_after() {
    let bytes = Text { max_bytes: Some(4), ..steps(&[Nfkc, Trim]) };
    let table = [
        ("abcd", "same"),
        ("  ab ", "invalid too_long"),
        (" ab ", "ab"),
        ("éé", "same"),
        ("éée", "invalid too_long"),
        ("\u{fdfa}", "invalid too_long"),
    ];
    check(&bytes, &table);
    let chars = Text { min_chars: Some(2), max_chars: Some(3), ..steps(&[Trim]) };
    let table = [
        ("漢字", "same"),
        ("漢字漢字", "invalid too_long"),
        ("  a   ", "invalid too_short"),
        ("", "invalid too_short"),
        ("🦀", "invalid too_short"),
        ("🦀🦀🦀", "same"),
        (" abc ", "abc"),
    ];
    check(&chars, &table);
    let all = Text { max_chars: Some(2), controls: Controls::Reject, ..Text::default() };
    check(&all, &[("\0\0\0", "invalid too_long"), ("\0", "invalid control_character")]);
}

#[test]
fn what_is_not_assigned_is_outside_kept_or_refused() {
    let with = |unassigned| Text { unassigned, max_chars: Some(3), controls: Controls::Strip, ..steps(&[Trim, Nfc]) };
    for text in [" \u{378}", "\u{ffff}", "\u{2065}", "\u{1c}\u{378}"] {
        assert_eq!(say(&with(Unassigned::Outside), text), "unsupported text.unassigned");
        assert_eq!(say(&with(Unassigned::Reject), text), "invalid unassigned_character");
        assert_eq!(say(&with(Unassigned::Keep), text), "kept text.unassigned");
    }
    assert_eq!(say(&with(Unassigned::Keep), " \u{378}  "), "invalid too_long");
    assert_eq!(say(&with(Unassigned::Keep), " e\u{301} "), "é");
    let strict = Text { controls: Controls::Reject, unassigned: Unassigned::Keep, ..steps(&[Fold]) };
    check(&strict, &[("\u{378}\n", "invalid control_character"), ("\u{378}A", "kept text.unassigned")]);
    check(&steps(&[Trim, Collapse, AsciiUpper, StripInvisible]), &[("\u{378}", "same"), ("\u{2065}", "")]);
    check(&Text { unassigned: Unassigned::Reject, ..Text::default() }, &[("\u{378}", "invalid unassigned_character")]);
}

/// Texts that normalise, fold and shrink as badly as they can are answered at once, and the second time the buffer has
/// its size.
#[test]
fn long_texts_take_linear_time() {
    let rule = steps(&[StripInvisible, Nfkc, Fold, Nfkc, Collapse, Trim]);
    let rule = Op::Text(Text { controls: Controls::Strip, ..rule });
    let mut out = String::new();
    for piece in ["\u{fdfa}", "\u{344}", "\u{301}\u{323}", "\u{200d}\u{345}", " \t", "\0ΐ", "\u{1100}\u{1161}\u{11a8}"]
    {
        let text = piece.repeat(1 << 16);
        for pass in 0..2 {
            let before = out.capacity();
            out.clear();
            rule.apply(Scalar::String(&text), &mut out);
            assert!(out.len() <= 11 * text.len());
            assert!(pass == 0 || out.capacity() == before, "{piece:?}");
        }
    }
}
