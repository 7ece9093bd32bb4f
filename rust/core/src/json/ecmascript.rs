//! Numbers as RFC 8785 §3.2.2.3 writes them: ECMA-262 `Number::toString` of the nearest double.
//!
//! The digits are those of the standard library's `{:e}`, which are the fewest that read back as the same double. Of two
//! such that are equally near it takes the upper one, where ECMAScript (and Python's `repr`) take the even one.

use std::fmt::Write;

/// The largest integer up to which every integer is a double of its own: 2^53 - 1.
const MAX_INTEGER: u64 = (1 << 53) - 1;

/// From here on ECMAScript writes an exponent.
const EXPONENT_FROM: f64 = 1e21;

/// Appends the form of a JSON number to `out`; `None`: it has none, and nothing was appended.
///
/// Integers beyond ±(2^53 - 1) have none, nor what would be written as one, nor what no finite double other than zero is
/// near to.
pub(crate) fn number(literal: &str, out: &mut String) -> Option<()> {
    if literal.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') {
        return integer(literal, out);
    }
    let double: f64 = literal.parse().ok()?;
    if double == 0.0 {
        let mantissa = literal.split(['e', 'E']).next().unwrap_or_default();
        let is_zero = mantissa.bytes().all(|byte| !matches!(byte, b'1'..=b'9'));
        return is_zero.then(|| out.push('0'));
    }
    let magnitude = double.abs();
    if !double.is_finite() || (magnitude > MAX_INTEGER as f64 && magnitude < EXPONENT_FROM) {
        return None;
    }
    lay_out(double, out);
    Some(())
}

fn integer(literal: &str, out: &mut String) -> Option<()> {
    let digits = literal.strip_prefix('-').unwrap_or(literal);
    let value: u64 = digits.parse().ok().filter(|&value| value <= MAX_INTEGER)?;
    out.push_str(if value == 0 { "0" } else { literal });
    Some(())
}

/// Writes a double that is not zero as ECMA-262 §6.1.6.1.20 lays it out.
fn lay_out(double: f64, out: &mut String) {
    let mut shortest = Shortest::default();
    // It holds every double: 17 digits, a point, and an exponent of four characters.
    let _ = write!(shortest, "{:e}", double.abs());
    let Some((first, rest, exponent)) = shortest.even(double.abs()) else { return };
    if double < 0.0 {
        out.push('-');
    }
    match exponent {
        21.. | ..=-7 => {
            out.push_str(first);
            if !rest.is_empty() {
                out.push('.');
                out.push_str(rest);
            }
            let _ = write!(out, "e{exponent:+}");
        }
        0.. => {
            let whole = rest.len().min(exponent as usize);
            out.push_str(first);
            out.push_str(&rest[..whole]);
            out.extend(std::iter::repeat_n('0', exponent as usize - whole));
            if whole < rest.len() {
                out.push('.');
                out.push_str(&rest[whole..]);
            }
        }
        -6..=-1 => {
            out.push_str("0.");
            out.extend(std::iter::repeat_n('0', (-1 - exponent) as usize));
            out.push_str(first);
            out.push_str(rest);
        }
    }
}

/// A double as `{:e}` writes it, on the stack: `1.25e-3`.
#[derive(Default)]
struct Shortest {
    bytes: [u8; 32],
    len: usize,
}

impl Shortest {
    /// What was written.
    fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.len]).unwrap_or_default()
    }

    /// First digit, further digits and exponent of `double`, whose text this is. If another text of this length is
    /// equally near, the one whose last digit is even.
    fn even(&mut self, double: f64) -> Option<(&str, &str, i32)> {
        let (mantissa, exponent) = self.text().split_once('e')?;
        let exponent: i32 = exponent.parse().ok()?;
        let end = mantissa.len();
        let digits = mantissa.bytes().filter(u8::is_ascii_digit);
        let value = digits.clone().fold(0, |value: u64, digit| value * 10 + u64::from(digit - b'0'));
        let power = exponent + 1 - digits.count() as i32;
        // Halves are between it and its neighbours.
        let last = self.bytes[end - 1];
        if value % 2 == 1 && is_exactly(double, value * 10 - 5, power - 1) {
            self.bytes[end - 1] -= 1;
        } else if value % 2 == 1 && value % 10 != 9 && is_exactly(double, value * 10 + 5, power - 1) {
            self.bytes[end - 1] += 1;
        }
        // Below a power of two doubles lie closer: the even text may be nearer to another one.
        if self.bytes[end - 1] != last && self.text().parse() != Ok(double) {
            self.bytes[end - 1] = last;
        }
        let mantissa = std::str::from_utf8(&self.bytes[..end]).ok()?;
        let (first, rest) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        Some((first, rest, exponent))
    }
}

impl Write for Shortest {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let place = self.bytes.get_mut(self.len..self.len + text.len()).ok_or(std::fmt::Error)?;
        place.copy_from_slice(text.as_bytes());
        self.len += text.len();
        Ok(())
    }
}

/// Whether a positive double is `value` times ten to the `power`, exactly: their odd parts and their powers of two agree.
fn is_exactly(double: f64, value: u64, power: i32) -> bool {
    const FRACTION: u64 = (1 << 52) - 1;
    let (fraction, exponent) = (double.to_bits() & FRACTION, (double.to_bits() >> 52) as i32);
    let (mantissa, exponent) =
        if exponent == 0 { (fraction, -1074) } else { (fraction | (FRACTION + 1), exponent - 1075) };
    let odd = |number: u64| u128::from(number >> number.trailing_zeros());
    let fives = 5_u128.checked_pow(power.unsigned_abs());
    let (one, other) = if power < 0 { (odd(mantissa), odd(value)) } else { (odd(value), odd(mantissa)) };
    exponent + mantissa.trailing_zeros() as i32 == power + value.trailing_zeros() as i32
        && fives.and_then(|fives| fives.checked_mul(one)) == Some(other)
}

/// Whether two JSON numbers have the same value.
pub(crate) fn is_same_value(one: &str, other: &str) -> bool {
    Decimal::read(one) == Decimal::read(other)
}

/// A number as sign, digits and the power of ten of the last one.
#[derive(PartialEq)]
struct Decimal<'a> {
    is_negative: bool,
    /// Without zeros at either end, in two pieces: before and behind the point. Empty for zero.
    digits: Digits<'a>,
    power: i64,
}

struct Digits<'a>(&'a [u8], &'a [u8]);

impl PartialEq for Digits<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.0.iter().chain(self.1).eq(other.0.iter().chain(other.1))
    }
}

impl<'a> Decimal<'a> {
    fn read(literal: &'a str) -> Self {
        let unsigned = literal.strip_prefix('-').unwrap_or(literal);
        let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let (mut whole, mut fraction) = (whole.as_bytes(), fraction.as_bytes());
        let mut power = exponent.parse::<i64>().unwrap_or_default() - fraction.len() as i64;
        let is_zero = |byte: Option<&u8>| byte == Some(&b'0');
        while is_zero(whole.first()) {
            whole = &whole[1..];
        }
        while whole.is_empty() && is_zero(fraction.first()) {
            fraction = &fraction[1..];
        }
        while is_zero(fraction.last()) {
            (fraction, power) = (&fraction[..fraction.len() - 1], power + 1);
        }
        while fraction.is_empty() && is_zero(whole.last()) {
            (whole, power) = (&whole[..whole.len() - 1], power + 1);
        }
        let is_zero = whole.is_empty() && fraction.is_empty();
        Self {
            is_negative: literal.starts_with('-') && !is_zero,
            digits: Digits(whole, fraction),
            power: if is_zero { 0 } else { power },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(literal: &str) -> Option<String> {
        let mut out = String::new();
        number(literal, &mut out).map(|()| out)
    }

    #[test]
    fn the_samples_of_rfc_8785_come_out_as_it_says() {
        for (literal, expected) in [
            ("0", "0"),
            ("-0", "0"),
            ("-0.0", "0"),
            ("5e-324", "5e-324"),
            ("-5e-324", "-5e-324"),
            ("1.7976931348623157e308", "1.7976931348623157e+308"),
            ("9007199254740991", "9007199254740991"),
            ("-9007199254740991", "-9007199254740991"),
            ("1e23", "1e+23"),
            ("999999999999999700000e3", "9.999999999999997e+23"),
            ("1E21", "1e+21"),
            ("333333333.33333329", "333333333.3333333"),
            ("-0.0000033333333333333333", "-0.0000033333333333333333"),
            ("4.50", "4.5"),
            ("2e-3", "0.002"),
            ("0.000000000000000000000000001", "1e-27"),
            ("1e-6", "0.000001"),
            ("1e-7", "1e-7"),
            ("1.5e-7", "1.5e-7"),
            ("123456.789e3", "123456789"),
            ("1234567890123456.7", "1234567890123456.8"),
            ("1424953923781206.2", "1424953923781206.2"),
            ("5.9604644775390625e-8", "5.960464477539063e-8"),
            ("2.98023223876953125e-8", "2.9802322387695312e-8"),
        ] {
            assert_eq!(form(literal).as_deref(), Some(expected), "{literal}");
        }
    }

    #[test]
    fn what_would_be_another_number_has_no_form() {
        for literal in [
            "9007199254740992",
            "-9007199254740992",
            "1e20",
            "999999999999999.9e6",
            "9007199254740992.0",
            "1e309",
            "-1e400",
            "1e-400",
            "0.1e-350",
        ] {
            assert_eq!(form(literal), None, "{literal}");
        }
        assert_eq!(form("0e99999").as_deref(), Some("0"));
    }

    #[test]
    fn values_are_compared_without_their_spelling() {
        for (one, other) in [("1.50", "1.5"), ("0.0", "-0"), ("100", "1e2"), ("0.001", "1E-3"), ("12.5e1", "125")] {
            assert!(is_same_value(one, other), "{one} {other}");
        }
        for (one, other) in [("1.5", "1.05"), ("10", "1"), ("-1", "1"), ("0.1", "0.10000000000000001"), ("101", "11")] {
            assert!(!is_same_value(one, other), "{one} {other}");
        }
    }
}
