//! Number literals: the grammar of RFC 8259 §6. They stay text.

use super::finding::Halt;
use super::scan::skip_digits;

/// The most characters of a literal. A double needs 17 digits and an exponent, a 256-bit integer 78; the quadratic
/// conversions of longer integers are what CPython bounds too (at 4,300 digits).
const MAX_LITERAL: usize = 128;

/// The most digits of an exponent. Decimals of any use have four; more make a few bytes stand for gigabytes.
const MAX_EXPONENT: usize = 5;

/// A literal that ends at `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Number {
    pub(super) end: usize,
    /// Longer than anybody means, in all or in its exponent.
    pub(super) is_long: bool,
}

/// Reads the literal that starts at `start`, with a digit or a minus sign.
#[inline]
pub(super) fn number(bytes: &[u8], start: usize) -> Result<Number, Halt> {
    let minus = usize::from(bytes.get(start) == Some(&b'-'));
    let first = start + minus;
    let mut end = match bytes.get(first) {
        Some(b'0') => first + 1,
        Some(b'1'..=b'9') => skip_digits(bytes, first + 1),
        _ => return Err(Halt::Malformed),
    };
    let mut exponent = 0;
    if bytes.get(end) == Some(&b'.') {
        end = digits(bytes, end + 1)?;
    }
    if let Some(b'e' | b'E') = bytes.get(end) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let power = end + 1 + sign;
        end = digits(bytes, power)?;
        exponent = end - power;
    }
    Ok(Number { end, is_long: end - start > MAX_LITERAL || exponent > MAX_EXPONENT })
}

/// Whether a text is a literal that the reader calls too long.
pub(crate) fn is_long(text: &str) -> bool {
    number(text.as_bytes(), 0).is_ok_and(|number| number.is_long)
}

/// At least one digit from `at` on; where they end.
fn digits(bytes: &[u8], at: usize) -> Result<usize, Halt> {
    let end = skip_digits(bytes, at);
    if end == at { Err(Halt::Malformed) } else { Ok(end) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_end_where_rfc_8259_ends_them() {
        for text in ["0", "-0", "7", "120", "-1.50", "1e5", "1E+05", "0.0e-0"] {
            assert_eq!(number(text.as_bytes(), 0), Ok(Number { end: text.len(), is_long: false }), "{text}");
        }
        assert_eq!(number(b"01", 0).unwrap().end, 1);
        for text in ["-", "-a", "1.", "1.e1", "1e", "1e+", "-Infinity", ".5", "+1"] {
            assert_eq!(number(text.as_bytes(), 0), Err(Halt::Malformed), "{text}");
        }
    }

    #[test]
    fn long_literals_and_exponents_are_told_apart() {
        assert!(!number("9".repeat(128).as_bytes(), 0).unwrap().is_long);
        assert!(number("9".repeat(129).as_bytes(), 0).unwrap().is_long);
        assert!(!number(b"1e99999", 0).unwrap().is_long);
        assert!(number(b"1e-100000", 0).unwrap().is_long);
    }
}
