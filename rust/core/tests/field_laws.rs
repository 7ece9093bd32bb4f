//! Laws of every rule: total, idempotent, bounded, and silent about what it leaves alone.

use crossfade_core::field::boolean::Words;
use crossfade_core::field::decimal::{Decimal, Rounding};
use crossfade_core::field::email::Email;
use crossfade_core::field::enumeration::Enumeration;
use crossfade_core::field::integer::Integer;
use crossfade_core::field::text::{Controls, Step, Text, Unassigned};
use crossfade_core::field::timestamp::Instant;
use crossfade_core::field::uuid::Uuid;
use crossfade_core::field::{Answer, Op, Scalar};
use proptest::prelude::*;

/// NFKC makes at most eleven times as many bytes (U+FDFA); all other results have constant bounds.
const GROWTH: usize = 11;
/// Sign, 28 digits, point, the largest scale.
const BOUND: usize = 300;

fn ops() -> impl Strategy<Value = Op> {
    let step = prop::sample::select(Step::NAMES.map(|(_, step)| step).to_vec());
    let controls = [Controls::Keep, Controls::Keep, Controls::Strip, Controls::KeepTabsAndNewlines, Controls::Reject];
    let unassigned = [Unassigned::Outside, Unassigned::Keep, Unassigned::Reject];
    let treated = (prop::sample::select(controls.to_vec()), prop::sample::select(unassigned.to_vec()));
    let bound = || prop::option::weighted(0.3, 0..20usize);
    let rounding = prop::sample::select(vec![Rounding::HalfEven, Rounding::HalfUp, Rounding::Reject]);
    let names = [("closed", "Closed"), ("open", "open"), ("reopened", "open"), ("öl", "öl")];
    let names: Vec<_> = names.iter().map(|(spelling, name)| ((*spelling).into(), (*name).into())).collect();
    prop_oneof![
        (prop::collection::vec(step, 0..5), bound(), bound(), bound(), treated).prop_map(
            |(steps, max_bytes, max_chars, min_chars, (controls, unassigned))| {
                Op::Text(Text { steps, max_bytes, max_chars, min_chars, controls, unassigned })
            }
        ),
        (0..=9u8, any::<bool>()).prop_map(|(digits, assume_utc)| Op::Timestamp(Instant {
            digits,
            assume_utc,
            epoch: None
        })),
        Just(Op::Uuid(Uuid::default())),
        Just(Op::Email(Email::default())),
        Just(Op::Integer(Integer::default())),
        Just(Op::Boolean(Words::Forms)),
        (any::<u8>(), rounding, any::<bool>()).prop_map(|(scale, rounding, as_string)| Op::Decimal(Decimal {
            scale,
            rounding,
            as_string,
            min: None,
            max: None
        })),
        prop::sample::select(vec![3, 4])
            .prop_map(move |most| Op::Enum(Enumeration::new(names.iter().take(most).cloned().collect()))),
    ]
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[ \\x1c\u{a0}]?[eHhKOo\u{200e}\u{200d}\u{a8}\u{df}\u{345}\u{1f80}\u{313}\u{fb01}\u{1d400}\u{378}\u{85} \u{212a}\u{301}\u{331}\u{323}\u{1100}\u{1161}\u{11a8}\u{958}]{0,9} ?",
        "(19|20)[0-9]{2}-[01][0-9]-[0-3][0-9][Tt ][0-2][0-9]:[0-5][0-9]:[0-6][0-9](\\.[0-9]{1,9})?(Z|z|[+-][0-2][0-9]:[0-9]{2})?",
        "(0001|9999)-(01-01|12-31)T[0-2][0-9]:[0-5][0-9]:[0-5][0-9][+-][0-2][0-9]:[0-5][0-9]",
        "[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}",
        "(Info|[a-zA-Z.+]{1,9})@[a-zA-Z.-]{1,12}\\.(com|ORG|test)",
        " ?[+-]?[0-9_]{1,40} ?",
        "[+-]?[0-9]{0,30}\\.?[0-9]{0,30}([eE][+-]?[0-9]{1,7})?",
        "[ \\x1f]?(True|yes|OFF|open|ReOpened|clo\u{17f}ed|öl) ?",
    ]
}

fn numbers() -> impl Strategy<Value = String> {
    "-?(0|[1-9][0-9]{0,32})(\\.[0-9]{1,32})?([eE][+-]?[0-9]{1,7})?"
}

fn scalar(kind: u8, text: &str) -> Scalar<'_> {
    match kind {
        0 => Scalar::Null,
        1 => Scalar::Bool(text.len().is_multiple_of(2)),
        2 => Scalar::Number(text),
        _ => Scalar::String(text),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// A new value differs from the old one, is within bounds, and is the same the next time.
    #[test]
    fn a_rule_is_total_idempotent_and_bounded(op in ops(), kind in 0..12u8, text in texts(), number in numbers()) {
        let text = if kind == 2 { number } else { text };
        let value = scalar(kind, &text);
        let mut out = String::new();
        let answer = op.apply(value, &mut out);
        let new = match answer {
            Answer::String => Scalar::String(&out),
            Answer::Literal if out == "true" || out == "false" => Scalar::Bool(out == "true"),
            Answer::Literal => Scalar::Number(&out),
            _ => {
                prop_assert!(out.is_empty(), "{answer:?} left {out:?}");
                return Ok(());
            }
        };
        prop_assert_ne!(new, value);
        prop_assert!(out.len() <= BOUND.max(GROWTH * text.len()));
        let mut again = String::new();
        prop_assert_eq!(op.apply(new, &mut again), Answer::Same, "{:?} of {:?}", out, text);
    }
}

/// A quarter of a million pieces of anything is answered at once: no rule is worse than linear.
#[test]
fn long_values_take_linear_time() {
    let pieces =
        ["a", "0", " ", "-", "_", "1_", "\u{1c}", "é", "e\u{301}", "\u{301}", "漢", "\u{378}", ".", "@", "a.", "f"];
    let rules = [
        Op::Text(Text {
            steps: vec![Step::Trim, Step::Nfc, Step::AsciiLower, Step::Nfc],
            max_chars: None,
            ..Text::default()
        }),
        Op::Timestamp(Instant { digits: 3, assume_utc: true, epoch: None }),
        Op::Uuid(Uuid::default()),
        Op::Email(Email::default()),
        Op::Integer(Integer::default()),
        Op::Boolean(Words::Forms),
        Op::Decimal(Decimal { scale: 2, rounding: Rounding::HalfEven, as_string: false, min: None, max: None }),
        Op::Enum(Enumeration::new(vec![("a".into(), "a".into())])),
    ];
    for piece in pieces {
        for (head, tail) in [("", ""), ("2024-01-01T00:00:00.", "Z"), ("a@", ".com"), ("0.", "1"), ("1e", "")] {
            let long = [head, &piece.repeat(1 << 18), tail].concat();
            for op in &rules {
                let mut out = String::new();
                let _ = op.apply(Scalar::String(&long), &mut out);
                assert!(out.len() <= GROWTH * long.len());
            }
        }
    }
}
