//! What each rule answers, example by example. `tests/parity/test_fields.py` holds the same against Python itself.

use crossfade_core::field::boolean::Words;
use crossfade_core::field::decimal::{Decimal, Rounding};
use crossfade_core::field::email::Email;
use crossfade_core::field::enumeration::Enumeration;
use crossfade_core::field::integer::Integer;
use crossfade_core::field::text::{Step, Text};
use crossfade_core::field::timestamp::Instant;
use crossfade_core::field::uuid::Uuid;
use crossfade_core::field::{Answer, Op, Scalar};

/// What stands in a table: the answer, with the text if there is a new one.
#[derive(Debug, PartialEq)]
enum Says {
    Same,
    Text(String),
    Literal(String),
    No(&'static str),
    WrongType,
}
use Says::{Literal, No, Same, WrongType};

fn text(new: &str) -> Says {
    Says::Text(new.to_owned())
}

fn literal(new: &str) -> Says {
    Literal(new.to_owned())
}

fn say(op: &Op, value: Scalar<'_>) -> Says {
    let mut out = String::new();
    let answer = op.apply(value, &mut out);
    assert!(matches!(answer, Answer::String | Answer::Literal) || out.is_empty(), "left something behind: {value:?}");
    match answer {
        Answer::Same => Same,
        Answer::String => Says::Text(out),
        Answer::Literal => Literal(out),
        Answer::WrongType => WrongType,
        Answer::Kept(code) | Answer::Invalid(code) | Answer::Unsupported(code) => No(code),
    }
}

fn check(op: &Op, table: &[(&str, Says)]) {
    for (value, says) in table {
        assert_eq!(say(op, Scalar::String(value)), *says, "{value:?}");
    }
}

fn steps(steps: &[Step]) -> Op {
    Op::Text(Text { steps: steps.to_vec(), max_chars: Some(5), ..Text::default() })
}

fn instant(digits: u8, assume_utc: bool) -> Op {
    Op::Timestamp(Instant { digits, assume_utc, epoch: None })
}

fn decimal(scale: u8, rounding: Rounding) -> Op {
    Op::Decimal(Decimal { scale, rounding, as_string: false, min: None, max: None })
}

/// Text is trimmed of White_Space, composed, and counted in code points afterwards.
#[test]
fn text_is_trimmed_composed_and_bounded() {
    let table = [
        ("", Same),
        ("abc", Same),
        ("é", Same),
        ("漢字", Same),
        (" \t", text("")),
        ("\u{3000}a b\u{A0}", text("a b")),
        ("e\u{301}", text("é")),
        ("\u{2000}e\u{301} ", text("é")),
        ("\u{FA10}", text("\u{585A}")),
        ("12345", Same),
        ("  12345  ", text("12345")),
        ("e\u{301}1234", text("é1234")),
        ("123456", No("too_long")),
        ("\u{958}12", text("\u{915}\u{93C}12")),
        ("\u{958}\u{958}\u{958}", No("too_long")),
        (" \u{1C}a", No("text.separator")),
        ("a\u{1F}", No("text.separator")),
        ("a\u{1F}b", Same),
        ("\u{378}", No("text.unassigned")),
        ("\u{10FFFF}", No("text.unassigned")),
        ("\u{E000}", Same),
    ];
    check(&steps(&[Step::Trim, Step::Nfc]), &table);
    check(&steps(&[Step::Nfc, Step::Trim]), &table);
    check(&steps(&[Step::Trim]), &[(" \u{378}", text("\u{378}")), ("e\u{301}", Same)]);
}

/// Case and composition that feed each other are refused, since a second pass would change the result.
#[test]
fn text_steps_that_feed_each_other_are_left_alone() {
    let lowered = [("ABC", text("abc")), ("É", Same), ("H\u{331}", No("text.case")), ("\u{212A}", text("k"))];
    check(&steps(&[Step::Nfc, Step::AsciiLower]), &lowered);
    check(&steps(&[Step::AsciiLower, Step::Nfc]), &[("H\u{331}", text("\u{1E96}")), ("E\u{301}", text("é"))]);
    check(&steps(&[Step::AsciiLower, Step::Nfc]), &[("é\u{212A}", No("text.case"))]);
    check(&steps(&[Step::AsciiUpper]), &[("aé", text("Aé")), ("A", Same)]);
}

/// Instants come out in UTC with the stated digits; what only `fromisoformat` reads is the control's.
#[test]
fn instants_come_out_in_utc() {
    check(
        &instant(3, true),
        &[
            ("2024-05-06T07:08:09.123Z", Same),
            ("2024-05-06T07:08:09Z", text("2024-05-06T07:08:09.000Z")),
            ("2024-05-06 07:08:09", text("2024-05-06T07:08:09.000Z")),
            ("2024-05-06t07:08:09.1239999Z", text("2024-05-06T07:08:09.123Z")),
            ("2024-05-06T07:08:09.5+02:00", text("2024-05-06T05:08:09.500Z")),
            ("2024-03-01T00:30:00+01:00", text("2024-02-29T23:30:00.000Z")),
            ("2023-12-31T23:30:00-01:00", text("2024-01-01T00:30:00.000Z")),
            ("2024-01-01T00:00:00-00:00", text("2024-01-01T00:00:00.000Z")),
            ("0001-01-01T00:00:00+00:01", No("invalid_timestamp")),
            ("9999-12-31T23:59:59-00:01", No("invalid_timestamp")),
            ("now-15m", No("invalid_timestamp")),
            ("", No("invalid_timestamp")),
            ("2024-1-1", No("invalid_timestamp")),
            ("2023-02-29T00:00:00Z", No("invalid_timestamp")),
            ("0000-01-01T00:00:00Z", No("invalid_timestamp")),
            ("1684769356", No("invalid_timestamp")),
            ("2024-06-30T23:59:60Z", No("invalid_timestamp")),
            ("2024-01-01T00:00:00+24:00", No("invalid_timestamp")),
            ("2024-01-01T24:00:00Z", No("timestamp.form")),
            ("2024-01-01T00:00:00z", No("timestamp.form")),
            ("2024-01-01T00:00:00+22:99", No("timestamp.form")),
            ("2024-01-01T00:00:00.1234567890Z", No("timestamp.form")),
            ("2024-01-01T00:00:00x+00:00", No("timestamp.form")),
            ("2024-01-01", No("timestamp.form")),
            ("2024-01-01T00:00Z", No("timestamp.form")),
            ("20240101T000000Z", No("timestamp.form")),
            ("2024-W01-1", No("timestamp.form")),
        ],
    );
    check(&instant(0, true), &[("2024-05-06T07:08:09.9Z", text("2024-05-06T07:08:09Z"))]);
    check(&instant(9, true), &[("2024-05-06T07:08:09.123456789Z", text("2024-05-06T07:08:09.123456000Z"))]);
    check(&instant(9, true), &[("2024-05-06T07:08:09.123456000Z", Same)]);
    check(&instant(3, false), &[("2024-05-06T07:08:09", No("invalid_timestamp"))]);
}

/// UUIDs come out in lower case with four hyphens.
#[test]
fn uuids_come_out_hyphenated() {
    let usual = "c0ffee00-1234-4abc-8def-0123456789ab";
    check(
        &Op::Uuid(Uuid::default()),
        &[
            (usual, Same),
            ("C0FFEE00-1234-4ABC-8DEF-0123456789AB", text(usual)),
            ("c0ffee0012344abc8def0123456789AB", text(usual)),
            ("abc-def-ghi", No("invalid_uuid")),
            ("c0ffee0012344abc8def0123456789a", No("invalid_uuid")),
            ("c0ffee00-1234-4abc-8def-0123456789ag", No("invalid_uuid")),
            ("{c0ffee00-1234-4abc-8def-0123456789ab}", No("uuid.form")),
            ("urn:uuid:c0ffee00-1234-4abc-8def-0123456789ab", No("uuid.form")),
            ("c0ffee00-12344-abc-8def-0123456789ab", No("uuid.form")),
            ("0xffee0012344abc8def0123456789ab", No("uuid.form")),
            ("+0ffee0012344abc8def0123456789ab", No("uuid.form")),
            ("0xffee0012344abc8def0123456789abcd", No("invalid_uuid")),
        ],
    );
}

/// Addresses keep their local part, RFC 2142's mailboxes excepted, and lower-case their domain.
#[test]
fn addresses_keep_their_local_part() {
    check(
        &Op::Email(Email::default()),
        &[
            ("a.B+c@example.com", Same),
            ("A@Example.COM", text("A@example.com")),
            ("INFO@example.com", text("info@example.com")),
            ("Infos@example.com", Same),
            ("a", No("invalid_email")),
            ("é", No("invalid_email")),
            ("a@b", No("invalid_email")),
            ("a..b@c.de", No("invalid_email")),
            ("a@b.1", No("invalid_email")),
            ("a@-b.de", No("invalid_email")),
            ("a@ab--c.de", No("invalid_email")),
            ("a@b.TEST", No("invalid_email")),
            ("\"a\"@b.de", No("invalid_email")),
            ("N <a@b.de>", No("invalid_email")),
            ("a@[127.0.0.1]", No("invalid_email")),
            ("a@xn--p1ai.de", No("email.form")),
            ("é@b.de", No("email.form")),
        ],
    );
    let long = format!("{}@b.de", "a".repeat(250));
    check(&Op::Email(Email::default()), &[(&long[1..], Same), (&long, No("invalid_email"))]);
}

/// Integers are read from text as `int` reads ASCII, and numbers are left as written.
#[test]
fn integers_are_read_from_text() {
    check(
        &Op::Integer(Integer::default()),
        &[
            ("0", literal("0")),
            ("-0", literal("0")),
            ("007", literal("7")),
            (" +7\n", literal("7")),
            ("-1_000", literal("-1000")),
            ("1__0", No("invalid_integer")),
            ("1.0", No("invalid_integer")),
            ("", No("invalid_integer")),
            ("- 1", No("invalid_integer")),
            ("\u{1C}1", No("invalid_integer")),
            ("é", No("invalid_integer")),
            ("١٢", No("integer.form")),
            ("1\u{A0}", No("integer.form")),
        ],
    );
    let long = "1".repeat(129);
    check(&Op::Integer(Integer::default()), &[(&long[1..], literal(&long[1..])), (&long, No("integer.length"))]);
    assert_eq!(say(&Op::Integer(Integer::default()), Scalar::Number("1e5")), Same);
}

/// Booleans are eight words, in any case, with anything around them that `str.strip` removes.
#[test]
fn booleans_are_eight_words() {
    let (yes, no) = (literal("true"), literal("false"));
    check(
        &Op::Boolean(Words::Forms),
        &[(" Yes\u{1F}", yes), ("0", no), ("y", No("invalid_boolean")), ("oﬀ", No("invalid_boolean"))],
    );
    assert_eq!(say(&Op::Boolean(Words::Forms), Scalar::Bool(false)), Same);
}

/// Decimals are rounded on their digits; signs of zero and exponents as Python's Decimal has them.
#[test]
fn decimals_are_rounded_on_their_digits() {
    let cents = decimal(2, Rounding::HalfEven);
    check(
        &cents,
        &[
            ("1", literal("1.00")),
            (" +.5\n", literal("0.50")),
            ("5.", literal("5.00")),
            ("1e3", literal("1000.00")),
            ("1e-999999", literal("0.00")),
            ("0.005", literal("0.00")),
            ("0.015", literal("0.02")),
            ("0.0050001", literal("0.01")),
            ("-0.001", literal("-0.00")),
            ("99.995", literal("100.00")),
            ("99999999999999999999999999.99", literal("99999999999999999999999999.99")),
            ("99999999999999999999999999.995", No("decimal.range")),
            ("1e26", No("decimal.range")),
            ("1e1000000", No("decimal.range")),
            ("0e999999", literal("0.00")),
            ("1_0", No("decimal.form")),
            ("٣", No("decimal.form")),
            ("NaN", No("invalid_decimal")),
            ("é", No("invalid_decimal")),
            (".", No("invalid_decimal")),
        ],
    );
    for (number, says) in [
        ("1.10", Same),
        ("-0.00", Same),
        ("-0", literal("0.00")),
        ("-0.0", literal("-0.00")),
        ("0.1000000000000000055", literal("0.10")),
    ] {
        assert_eq!(say(&cents, Scalar::Number(number)), says, "{number}");
    }
    check(&decimal(2, Rounding::HalfUp), &[("0.005", literal("0.01")), ("-0.0049", literal("-0.00"))]);
    let exact = [("0.005", No("invalid_decimal")), ("0.0500", literal("0.05")), ("1e-9", No("invalid_decimal"))];
    check(&decimal(2, Rounding::Reject), &exact);
    check(&decimal(0, Rounding::HalfEven), &[("2.5", literal("2")), ("-0.4", No("decimal.form"))]);
    let quoted = Op::Decimal(Decimal { scale: 1, rounding: Rounding::HalfEven, as_string: true, min: None, max: None });
    check(&quoted, &[("1.5", Same), ("1.55", text("1.6")), (" 1.5", text("1.5"))]);
    assert_eq!(say(&quoted, Scalar::Number("1.5")), text("1.5"));
}

/// Names are found in any case; a set of ASCII spellings judges every text.
#[test]
fn names_are_found_in_any_case() {
    let set = |names: &[(&str, &str)]| {
        Op::Enum(Enumeration::new(names.iter().map(|(s, n)| ((*s).into(), (*n).into())).collect()))
    };
    let states = set(&[("closed", "closed"), ("open", "open"), ("reopened", "open"), ("working", "Working")]);
    check(
        &states,
        &[
            ("open", Same),
            (" OPEN", text("open")),
            ("Reopened", text("open")),
            ("Working", Same),
            ("wor\u{212A}ing", text("Working")),
            ("opened", No("invalid_enum")),
            ("öpen", No("invalid_enum")),
        ],
    );
    check(&set(&[("öl", "Öl"), ("wein", "Wein")]), &[("wein", text("Wein")), ("Öl", No("enum.form"))]);
}

/// A rule leaves the JSON types alone that it does not speak of.
#[test]
fn other_types_are_left_alone() {
    let (number, flag, null) = (Scalar::Number("1"), Scalar::Bool(true), Scalar::Null);
    let names = Op::Enum(Enumeration::new(Vec::new()));
    for op in [steps(&[Step::Trim]), instant(3, true), Op::Uuid(Uuid::default()), Op::Email(Email::default()), names] {
        for value in [number, flag, null] {
            assert_eq!(say(&op, value), WrongType, "{op:?} {value:?}");
        }
    }
    let (integer, boolean) = (|| Op::Integer(Integer::default()), || Op::Boolean(Words::Forms));
    for (op, value) in [(integer(), flag), (integer(), null), (boolean(), number), (boolean(), null)] {
        assert_eq!(say(&op, value), WrongType, "{op:?} {value:?}");
    }
    assert_eq!(say(&decimal(2, Rounding::HalfEven), flag), WrongType);
    assert_eq!(say(&Op::Nothing, null), Same);
}
