//! Laws of the operations on numbers, instants, addresses and codes, with every argument: total, idempotent, bounded,
//! linear.

use crossfade_core::field::boolean::Words;
use crossfade_core::field::codes::{Country, Currency};
use crossfade_core::field::decimal::{Decimal, Rounding};
use crossfade_core::field::email::Email;
use crossfade_core::field::enumeration::Enumeration;
use crossfade_core::field::epoch::Epoch;
use crossfade_core::field::integer::Integer;
use crossfade_core::field::ip::{Cidr, Ip, Mapped, Version};
use crossfade_core::field::language::Language;
use crossfade_core::field::phone::Phone;
use crossfade_core::field::timestamp::Instant;
use crossfade_core::field::url::Url;
use crossfade_core::field::uuid::Uuid;
use crossfade_core::field::{Answer, Op, Scalar};
use proptest::prelude::*;
use proptest::sample::select;

/// What a result may have beyond its value: the longest decimal, instant or address.
const BOUND: usize = 64;

fn ops() -> BoxedStrategy<Op> {
    let version = || select(vec![None, Some(Version::V4), Some(Version::V6)]);
    let domains = || select(vec![vec![], vec!["b.com".into()], vec!["a.com".into(), "b.com".into()]]);
    let names: Vec<(Box<str>, Box<str>)> =
        [("beer", "Öl"), ("wein", "Wein"), ("Öl", "Öl")].map(|(spelling, name)| (spelling.into(), name.into())).into();
    prop_oneof![
        (any::<bool>(), any::<bool>(), prop::option::of(-20..20i64), prop::option::of(-20..20i64)).prop_map(
            |(from_string, whole, min, max)| {
                let whole = whole || min.is_some() || max.is_some();
                Op::Integer(Integer { from_string, whole, min, max })
            }
        ),
        select(vec![Words::Forms, Words::Letters, Words::Strict]).prop_map(Op::Boolean),
        (0..19u8, any::<bool>(), prop::option::of(-999..999i128), prop::option::of(-999..999i128)).prop_map(
            |(scale, as_string, min, max)| {
                Op::Decimal(Decimal { scale, rounding: Rounding::HalfUp, as_string, min, max })
            }
        ),
        Just(Op::Date),
        (0..=9u8, any::<bool>(), select(vec![None, Some(Epoch::Seconds), Some(Epoch::Milliseconds)]))
            .prop_map(|(digits, assume_utc, epoch)| Op::Timestamp(Instant { digits, assume_utc, epoch })),
        (any::<bool>(), any::<bool>()).prop_map(|(braces, urn)| Op::Uuid(Uuid { braces, urn })),
        (any::<bool>(), domains(), domains()).prop_map(|(lower_local, strip_dots, strip_tag)| Op::Email(Email {
            lower_local,
            strip_dots,
            strip_tag
        })),
        Just(Op::Enum(Enumeration::new(names))),
        any::<bool>().prop_map(|double_zero| Op::Phone(Phone::International { double_zero })),
        any::<bool>().prop_map(|alpha3| Op::Country(Country { alpha3, also: vec![*b"XK"] })),
        Just(Op::Currency(Currency { also: vec![*b"DEM"] })),
        any::<bool>().prop_map(|underscore| Op::Language(Language { underscore })),
        (version(), select(vec![Mapped::Outside, Mapped::Keep, Mapped::Unmap]))
            .prop_map(|(version, mapped)| Op::Ip(Ip { version, mapped })),
        version().prop_map(|version| Op::Cidr(Cidr { version })),
        any::<bool>().prop_map(|drop_fragment| Op::Url(Url { drop_fragment })),
    ]
    .boxed()
}

fn texts() -> BoxedStrategy<String> {
    let pieces = |pieces: &'static [&'static str], most: usize| {
        prop::collection::vec(select(pieces), 0..most).prop_map(|pieces| pieces.concat())
    };
    prop_oneof![
        any::<String>(),
        pieces(&["0", "1", "9", "-", "_", "+", ".", "e", " ", "٣", "\u{a0}"], 12),
        "-?[0-9]{1,20}",
        "[0-9]{4}-?(W|[01])[0-9]-?[0-3][0-9]?",
        "(urn:uuid:|\\{)?[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}\\}?",
        "[iInNfFoO.+]{1,9}@([aAbB]\\.)?[aAbB]\\.(com|COM)",
        pieces(&["beer", "WEIN", "Öl", "öl", " ", "\u{212a}"], 3),
        "(\\+|00)?[-0-9 ()./]{6,22}",
        "[ \u{85}]?[a-zA-Z]{2,3} ?",
        "[a-zA-Z]{2,3}([-_]([a-zA-Z]{1,8}|[0-9]{3}|[0-9a-z]{4,8})){0,5}",
        pieces(&["::", ":", "1", "ffff", "FFFF:", "0", "1.2.3.4", "%eth0", "/", "9", "12", ".", "0:0"], 9),
        "[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,2}\\.0(/[0-9]{1,3})?",
        "(::ffff:)?([0-9a-fA-F]{0,4}:){0,7}[0-9a-fA-F]{1,4}(/[0-9]{1,3})?",
        (select(vec!["http://a.de", "HTTPS://B.com.:443", "http://[::FFFF:1.2.3.4]:08"]), pieces(&URL, 14))
            .prop_map(|(start, rest)| format!("{start}{rest}")),
        pieces(&["http", "s", "://", "@", "A", ".", "1", "0x", ":", "[", "::1", "]", "/", "_", "-"], 9),
    ]
    .boxed()
}

const URL: [&str; 18] =
    ["/", "/", ".", "..", "%2e", "%2E", "%2f", "%7e", "%25", "%", "41", "a", "?", "#", "=", "[", " ", "é"];

fn numbers() -> impl Strategy<Value = String> {
    "-?(0|[1-9][0-9]{0,17})(\\.[0-9]{1,9})?([eE][+-]?[0-9]{1,3})?"
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// A new value differs from the old one, is within bounds, and is the same the next time.
    #[test]
    fn a_result_is_in_its_own_grammar(op in ops(), is_number in 0..5u8, text in texts(), number in numbers()) {
        let value = if is_number == 0 { Scalar::Number(&number) } else { Scalar::String(&text) };
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
        prop_assert!(out.len() <= BOUND + text.len(), "{:?} of {:?}", out, value);
        let mut again = String::new();
        prop_assert_eq!(op.apply(new, &mut again), Answer::Same, "{:?}: {:?} of {:?}", op, out, value);
    }
}

/// A quarter of a million pieces of anything is answered at once.
#[test]
fn long_values_take_linear_time() {
    let rules = [
        Op::Integer(Integer { min: Some(1), max: None, from_string: true, whole: true }),
        Op::Decimal(Decimal { scale: 2, rounding: Rounding::Reject, as_string: true, min: Some(1), max: Some(9) }),
        Op::Date,
        Op::Timestamp(Instant { digits: 3, assume_utc: true, epoch: Some(Epoch::Milliseconds) }),
        Op::Uuid(Uuid { braces: true, urn: true }),
        Op::Email(Email { lower_local: true, strip_dots: vec!["a.com".into()], strip_tag: vec!["a.com".into()] }),
        Op::Phone(Phone::International { double_zero: true }),
        Op::Country(Country::default()),
        Op::Language(Language { underscore: true }),
        Op::Ip(Ip::default()),
        Op::Cidr(Cidr::default()),
        Op::Url(Url::default()),
    ];
    for piece in ["0", "-", "a", "a.", "_a", ":", "::", "/", "/..", "/a/..", "/%2e", "%", "(0)", " ", "{", "٣"] {
        for (head, tail) in [("", ""), ("http://a.de/", "/.."), ("00", "/8"), ("en-x-", ""), ("a+", "@a.com")] {
            let long = [head, &piece.repeat(1 << 18), tail].concat();
            for op in &rules {
                let mut out = String::new();
                let _ = op.apply(Scalar::String(&long), &mut out);
                assert!(out.len() <= BOUND + long.len());
            }
        }
    }
}
