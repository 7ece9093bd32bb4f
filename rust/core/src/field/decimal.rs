//! Decimal numbers on digit strings: no float on the way.
//!
//! Python is `Decimal(text).quantize(Decimal(1).scaleb(-scale), rounding)` in the default context, written with `f`.
//! A text that is no finite Decimal and a number that does not fit the context are two answers: the first can be left
//! alone, the second is an error of its own in Python, so it is the control's.

use super::digits::is_foreign;
use super::{Answer, Scalar};
use crate::unicode;

const INVALID: Answer = Answer::Invalid("invalid_decimal");
const FORM: Answer = Answer::Unsupported("decimal.form");
const RANGE: Answer = Answer::Unsupported("decimal.range");

/// Most digits of a result without its leading zeros: the precision of Python's default decimal context.
pub(crate) const PRECISION: usize = 28;

/// Largest exponent that is judged, either sign; Python reads up to about 10^18, no number in a body needs it.
const EXPONENT: i64 = 999_999;

/// Scale and rounding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decimal {
    /// Digits after the point in the result.
    pub scale: u8,
    /// What happens to further digits.
    pub rounding: Rounding,
    /// Whether the result is a JSON string instead of a number.
    pub as_string: bool,
    /// The least value, in units of the last place; within 28 digits.
    pub min: Option<i128>,
    /// The greatest value, likewise.
    pub max: Option<i128>,
}

/// What happens to digits beyond the scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// To the nearest, ties to the even digit (Python `ROUND_HALF_EVEN`).
    HalfEven,
    /// To the nearest, ties away from zero (Python `ROUND_HALF_UP`).
    HalfUp,
    /// They are refused unless zero.
    Reject,
}

/// A number as it is spelled: `±whole.fraction` times ten to the `exponent`.
struct Spelled<'a> {
    negative: bool,
    whole: &'a [u8],
    fraction: &'a [u8],
    /// None beyond [`EXPONENT`].
    exponent: Option<i64>,
}

/// The digits of a result, most significant first, without leading zeros.
struct Digits {
    held: [u8; PRECISION],
    count: usize,
}

impl Decimal {
    /// Applies the rule; see [`Op::apply`](super::Op::apply).
    pub fn apply(&self, value: Scalar<'_>, out: &mut String) -> Answer {
        let (text, from_string) = match value {
            Scalar::Number(text) => (text, false),
            Scalar::String(text) => (text, true),
            Scalar::Bool(_) | Scalar::Null => return Answer::WrongType,
        };
        let is_bounded = self.min.is_some() || self.max.is_some();
        if !is_bounded && self.as_string == from_string && self.is_written(text.as_bytes()) {
            return Answer::Same;
        }
        let Some(spelled) = spelled(if from_string { unicode::strip(text) } else { text }) else {
            return refusal(text, from_string);
        };
        let digits = match self.rounded(&spelled) {
            Ok(digits) => digits,
            Err(answer) => return answer,
        };
        // -0 as a JSON integer is Python's int 0; everywhere else a zero keeps its sign.
        let is_integer = !from_string && !text.bytes().any(|b| matches!(b, b'.' | b'e' | b'E'));
        let negative = spelled.negative && (digits.count > 0 || !is_integer);
        if negative && digits.count == 0 && self.scale == 0 && !self.as_string {
            // Written as the integer -0, which would be read as 0 the next time.
            return FORM;
        }
        if is_bounded && !self.holds(digits.value(negative)) {
            return Answer::Invalid("out_of_range");
        }
        self.write(negative, &digits, out);
        if self.as_string == from_string && out == text {
            out.clear();
            return Answer::Same;
        }
        if self.as_string { Answer::String } else { Answer::Literal }
    }

    fn holds(&self, value: i128) -> bool {
        self.min.is_none_or(|min| value >= min) && self.max.is_none_or(|max| value <= max)
    }

    /// Whether `text` is what [`Self::write`] writes, told without rounding; false is no answer.
    fn is_written(&self, text: &[u8]) -> bool {
        let scale = usize::from(self.scale);
        if text.len() > PRECISION || scale == 0 {
            return false;
        }
        let text = text.strip_prefix(b"-").unwrap_or(text);
        let Some((whole, fraction)) = text.len().checked_sub(scale + 1).and_then(|at| text.split_at_checked(at)) else {
            return false;
        };
        let one_zero = whole.len() == 1 || whole.first() != Some(&b'0');
        !whole.is_empty()
            && one_zero
            && whole.iter().all(u8::is_ascii_digit)
            && matches!(fraction, [b'.', digits @ ..] if digits.iter().all(u8::is_ascii_digit))
    }

    /// The digits of `spelled` times ten to the scale, rounded to an integer.
    fn rounded(&self, spelled: &Spelled<'_>) -> Result<Digits, Answer> {
        let exponent = spelled.exponent.ok_or(RANGE)?;
        let mut significant =
            spelled.whole.iter().chain(spelled.fraction).map(|b| b - b'0').skip_while(|digit| *digit == 0);
        let leading = spelled.whole.iter().chain(spelled.fraction).take_while(|b| **b == b'0').count();
        // Digits of the result that stand left of where it is cut.
        let kept = (spelled.whole.len() as i64 - leading as i64).saturating_add(exponent) + i64::from(self.scale);
        let mut digits = Digits { held: [0; PRECISION], count: 0 };
        if leading == spelled.whole.len() + spelled.fraction.len() {
            return Ok(digits);
        }
        let Ok(kept) = usize::try_from(kept) else {
            // Less than a tenth of the last place.
            return if self.rounding == Rounding::Reject { Err(INVALID) } else { Ok(digits) };
        };
        let Some(held) = digits.held.get_mut(..kept) else { return Err(RANGE) };
        for place in held {
            *place = significant.next().unwrap_or(0);
        }
        digits.count = kept;
        let first = significant.next().unwrap_or(0);
        let rest = significant.any(|digit| digit != 0);
        let last_is_odd = kept.checked_sub(1).and_then(|last| digits.held.get(last)).is_some_and(|d| d % 2 == 1);
        let up = match self.rounding {
            Rounding::HalfEven => first > 5 || (first == 5 && (rest || last_is_odd)),
            Rounding::HalfUp => first >= 5,
            Rounding::Reject if first != 0 || rest => return Err(INVALID),
            Rounding::Reject => false,
        };
        if up && !digits.increment() {
            return Err(RANGE);
        }
        Ok(digits)
    }

    fn write(&self, negative: bool, digits: &Digits, out: &mut String) {
        let scale = usize::from(self.scale);
        let held = digits.held.get(..digits.count).unwrap_or_default();
        let (whole, fraction) = held.split_at(held.len().saturating_sub(scale));
        if negative {
            out.push('-');
        }
        if whole.is_empty() {
            out.push('0');
        }
        out.extend(whole.iter().map(|digit| char::from(b'0' + digit)));
        if scale > 0 {
            out.push('.');
            out.extend(std::iter::repeat_n('0', scale - fraction.len()));
            out.extend(fraction.iter().map(|digit| char::from(b'0' + digit)));
        }
    }
}

impl Digits {
    /// The number, in units of the last place: 28 digits fit.
    fn value(&self, negative: bool) -> i128 {
        let size = self.held.iter().take(self.count).fold(0, |n: i128, digit| n * 10 + i128::from(*digit));
        if negative { -size } else { size }
    }

    /// Adds one in the last place; false when that needs one digit too many.
    fn increment(&mut self) -> bool {
        for digit in self.held.iter_mut().take(self.count).rev() {
            if *digit < 9 {
                *digit += 1;
                return true;
            }
            *digit = 0;
        }
        // All were nines, or there was none: a one in front of zeros.
        let Some(last) = self.held.get_mut(self.count) else { return false };
        *last = 0;
        if let Some(first) = self.held.first_mut() {
            *first = 1;
        }
        self.count += 1;
        true
    }
}

/// Reads `[+-] (digits [. digits] | . digits) [(e|E) [+-] digits]`; None for everything else.
fn spelled(text: &str) -> Option<Spelled<'_>> {
    let (negative, rest) = sign(text.as_bytes());
    let (whole, rest) = digits(rest);
    let (fraction, rest) = rest.strip_prefix(b".").map_or((&rest[..0], rest), digits);
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let exponent = match rest {
        [] => Some(0),
        [b'e' | b'E', rest @ ..] => {
            let (negative, rest) = sign(rest);
            let (digits, rest) = digits(rest);
            if digits.is_empty() || !rest.is_empty() {
                return None;
            }
            let size = digits.iter().fold(0, |sum: i64, b| sum.saturating_mul(10).saturating_add(i64::from(b - b'0')));
            (size <= EXPONENT).then_some(if negative { -size } else { size })
        }
        _ => return None,
    };
    Some(Spelled { negative, whole, fraction, exponent })
}

fn sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    }
}

fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(text.iter().take_while(|b| b.is_ascii_digit()).count())
}

/// The answer for what is not spelled as above. Python ignores underscores wherever they stand and reads the decimal
/// digits of every script; a text with any other character is no number, or not a finite one.
fn refusal(text: &str, from_string: bool) -> Answer {
    let (mut might_be_number, mut beyond) = (true, false);
    for c in unicode::strip(text).chars() {
        beyond |= c == '_' || !c.is_ascii();
        might_be_number &= matches!(c, '0'..='9' | '+' | '-' | '.' | 'e' | 'E' | '_') || is_foreign(c);
    }
    if from_string && might_be_number && beyond { FORM } else { INVALID }
}
