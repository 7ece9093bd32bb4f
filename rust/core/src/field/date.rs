//! Days: `YYYY-MM-DD`.
//!
//! Python is `date.fromisoformat(value).isoformat()`, which from CPython 3.11 on also reads the basic format and week
//! dates, and what stands behind them up to ten bytes; those are the control's.

use super::civil::{is_day, pair};
use super::{Answer, Scalar};

const INVALID: Answer = Answer::Invalid("invalid_date");
const FORM: Answer = Answer::Unsupported("date.form");

/// Applies the rule; see [`Op::apply`](super::Op::apply). A day is never rewritten.
pub fn apply(value: Scalar<'_>) -> Answer {
    let Scalar::String(text) = value else { return Answer::WrongType };
    match *text.as_bytes() {
        [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] if m1 != b'W' => {
            if is_day_of([y1, y2, y3, y4, m1, m2, d1, d2]) {
                Answer::Same
            } else {
                INVALID
            }
        }
        [y1, y2, y3, y4, b'-', b'W', w1, w2, b'-', d] if are_digits([y1, y2, y3, y4, w1, w2, d]) => FORM,
        [y1, y2, y3, y4, b'-', b'W', w1, w2] | [y1, y2, y3, y4, b'W', w1, w2]
            if are_digits([y1, y2, y3, y4, w1, w2, w2]) =>
        {
            FORM
        }
        // Ten bytes are enough for CPython, which does not look at the last two.
        [y1, y2, y3, y4, b'W', w1, w2, d] | [y1, y2, y3, y4, b'W', w1, w2, d, _, _]
            if are_digits([y1, y2, y3, y4, w1, w2, d]) =>
        {
            FORM
        }
        [y1, y2, y3, y4, m1, m2, d1, d2] | [y1, y2, y3, y4, m1, m2, d1, d2, _, _]
            if is_day_of([y1, y2, y3, y4, m1, m2, d1, d2]) =>
        {
            FORM
        }
        _ => INVALID,
    }
}

fn is_day_of([y1, y2, y3, y4, m1, m2, d1, d2]: [u8; 8]) -> bool {
    match (pair(y1, y2), pair(y3, y4), pair(m1, m2), pair(d1, d2)) {
        (Some(century), Some(year), Some(month), Some(day)) => {
            is_day(u16::from(century) * 100 + u16::from(year), month, day)
        }
        _ => false,
    }
}

fn are_digits(bytes: [u8; 7]) -> bool {
    bytes.iter().all(u8::is_ascii_digit)
}
