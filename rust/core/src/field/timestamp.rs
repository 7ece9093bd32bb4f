//! Instants to UTC.
//!
//! Python is `datetime.fromisoformat(value)`, naive read as UTC, `.astimezone(UTC).isoformat()`. What it reads beyond
//! RFC 3339 is wide and full of accidents (any separator, a junk character before the offset), so three kinds of text
//! are told apart: ours, judged here; those that no CPython from 3.11 on reads, because the date in front is not there
//! or is no date, or a field of our own form is out of range; and the rest, which is the control's.

use super::civil::{days_of, is_day, pair};
use super::epoch::{self, Counted, Epoch};
use super::{Answer, Scalar};

const INVALID: Answer = Answer::Invalid("invalid_timestamp");
const FORM: Answer = Answer::Unsupported("timestamp.form");

/// Length of `YYYY-MM-DDTHH:MM:SS`.
const SECONDS: usize = 19;
/// Most digits of a fraction that are read, and written.
const FRACTION: usize = 9;
/// Digits of a fraction that count: Python's datetime has microseconds.
const MICROSECONDS: usize = 6;

/// How an instant is read and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instant {
    /// Digits of the fraction that are written, 0 to 9; more are cut off, fewer are filled with zeros.
    pub digits: u8,
    /// Whether an instant without an offset is read as UTC; otherwise it is `invalid_timestamp`.
    pub assume_utc: bool,
    /// The unit of a number or of a string of digits; without one neither is read.
    pub epoch: Option<Epoch>,
}

/// A civil time and what it was written with.
struct Civil<'a> {
    year: u16,
    month: u8,
    day: u8,
    hour: u8,
    minute: u8,
    second: u8,
    fraction: &'a [u8],
    zone: Zone,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Zone {
    Absent,
    Zulu,
    /// Minutes east of UTC.
    Offset(i32),
}

impl Instant {
    /// Applies the rule; see [`Op::apply`](super::Op::apply).
    pub fn apply(&self, value: Scalar<'_>, out: &mut String) -> Answer {
        let text = match (value, self.epoch) {
            (Scalar::String(text), Some(unit)) if epoch::is_count(text) => return self.count(unit, text, out),
            (Scalar::String(text), _) => text,
            (Scalar::Number(text), Some(unit)) if epoch::is_count(text) => return self.count(unit, text, out),
            (Scalar::Number(_), Some(_)) => return Answer::Unsupported("timestamp.epoch"),
            _ => return Answer::WrongType,
        };
        let mut civil = match read(text.as_bytes()) {
            Ok(civil) => civil,
            Err(answer) => return answer,
        };
        let zone = civil.zone;
        match zone {
            Zone::Absent if !self.assume_utc => return INVALID,
            Zone::Absent | Zone::Zulu => {}
            Zone::Offset(minutes) if !civil.go_back(minutes) => return INVALID,
            Zone::Offset(_) => {}
        }
        if self.is_written(text.as_bytes(), &civil) {
            return Answer::Same;
        }
        self.write(&civil, out);
        Answer::String
    }

    fn count(&self, unit: Epoch, text: &str, out: &mut String) -> Answer {
        let Some(Counted { date: (year, month, day), second, fraction }) = unit.instant(text) else { return INVALID };
        let [hour, minute, second] = [second / 3600, second / 60 % 60, second % 60].map(|n| n as u8);
        let fraction = fraction.as_ref().map_or(&[][..], |digits| digits);
        self.write(&Civil { year, month, day, hour, minute, second, fraction, zone: Zone::Zulu }, out);
        Answer::String
    }

    /// Whether `text` is what [`Self::write`] would write.
    fn is_written(&self, text: &[u8], civil: &Civil<'_>) -> bool {
        let digits = usize::from(self.digits).min(FRACTION);
        civil.zone == Zone::Zulu
            && text.get(10) == Some(&b'T')
            && civil.fraction.len() == digits
            && civil.fraction.iter().skip(MICROSECONDS).all(|b| *b == b'0')
    }

    fn write(&self, civil: &Civil<'_>, out: &mut String) {
        let [century, year] = [civil.year / 100, civil.year % 100].map(|n| n as u8);
        push_pair(century, out);
        push_pair(year, out);
        for (before, pair) in
            [('-', civil.month), ('-', civil.day), ('T', civil.hour), (':', civil.minute), (':', civil.second)]
        {
            out.push(before);
            push_pair(pair, out);
        }
        let digits = usize::from(self.digits).min(FRACTION);
        if digits > 0 {
            out.push('.');
            let read = civil.fraction.iter().take(MICROSECONDS).map(|b| char::from(*b));
            out.extend(read.chain(std::iter::repeat('0')).take(digits));
        }
        out.push('Z');
    }
}

fn push_pair(n: u8, out: &mut String) {
    out.push(char::from(b'0' + n / 10 % 10));
    out.push(char::from(b'0' + n % 10));
}

/// Reads the declared grammar; the answer for everything else is the error.
fn read(text: &[u8]) -> Result<Civil<'_>, Answer> {
    let date = date(text)?;
    let (Some(clock), Some(rest)) = (text.get(10..SECONDS), text.get(SECONDS..)) else { return Err(FORM) };
    let ([b'T' | b't' | b' ', h1, h2, b':', m1, m2, b':', s1, s2], Some((fraction, zone))) = (clock, tail(rest)) else {
        return Err(FORM);
    };
    let (Some(hour), Some(minute), Some(second)) = (pair(*h1, *h2), pair(*m1, *m2), pair(*s1, *s2)) else {
        return Err(FORM);
    };
    if hour == 24 {
        // Midnight at the end of a day: read from CPython 3.14 on.
        return Err(FORM);
    }
    let zone = match zone {
        [] => Zone::Absent,
        [b'Z'] => Zone::Zulu,
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => match (pair(*h1, *h2), pair(*m1, *m2)) {
            (Some(hours), Some(minutes @ 0..=59)) if hours < 24 => {
                let east = i32::from(hours) * 60 + i32::from(minutes);
                Zone::Offset(if *sign == b'-' { -east } else { east })
            }
            (Some(24..), Some(_)) => return Err(INVALID),
            // 60 minutes and more pass in CPython as long as the sum stays below a day.
            _ => return Err(FORM),
        },
        // The grammar's `z` is here: RFC 3339 has it, no CPython so far reads it, one may.
        _ => return Err(FORM),
    };
    if hour > 24 || minute > 59 || second > 59 {
        return Err(INVALID);
    }
    Ok(Civil { year: date.0, month: date.1, day: date.2, hour, minute, second, fraction, zone })
}

/// The date in front, if it is `YYYY-MM-DD` and exists.
///
/// Every form of `fromisoformat` starts with four ASCII digits and goes on as one of four; with any of them missing, or
/// a month or day that is not in the calendar, no text behind it makes it a date.
fn date(text: &[u8]) -> Result<(u16, u8, u8), Answer> {
    let [y1, y2, y3, y4, rest @ ..] = text else { return Err(INVALID) };
    let (Some(century), Some(year)) = (pair(*y1, *y2), pair(*y3, *y4)) else { return Err(INVALID) };
    let year = u16::from(century) * 100 + u16::from(year);
    let (month, day, ours) = match rest {
        [b'-', m1, m2, b'-', d1, d2, ..] if *m1 != b'W' => (pair(*m1, *m2), pair(*d1, *d2), true),
        [b'-', b'W', w1, w2, ..] | [b'W', w1, w2, ..] if pair(*w1, *w2).is_some() => return Err(FORM),
        [m1, m2, d1, d2, ..] => (pair(*m1, *m2), pair(*d1, *d2), false),
        _ => return Err(INVALID),
    };
    match (month, day) {
        (Some(month), Some(day)) if is_day(year, month, day) => {
            if ours {
                Ok((year, month, day))
            } else {
                Err(FORM)
            }
        }
        _ => Err(INVALID),
    }
}

/// What stands behind the seconds: digits of the fraction and zone, if the fraction is one.
fn tail(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let Some(behind) = rest.strip_prefix(b".") else { return Some((&[], rest)) };
    let digits = behind.iter().take(FRACTION + 1).take_while(|b| b.is_ascii_digit()).count();
    if (1..=FRACTION).contains(&digits) { behind.split_at_checked(digits) } else { None }
}

impl Civil<'_> {
    /// Goes `offset` minutes back, to UTC; false when that leaves the years 1 to 9999. An offset is below a day, so at most one
    /// day is crossed.
    fn go_back(&mut self, offset: i32) -> bool {
        let minutes = i32::from(self.hour) * 60 + i32::from(self.minute) - offset;
        let of_day = minutes.rem_euclid(24 * 60);
        self.hour = (of_day / 60) as u8;
        self.minute = (of_day % 60) as u8;
        match minutes.div_euclid(24 * 60) {
            -1 => self.day_before(),
            1 => self.day_after(),
            _ => {}
        }
        (1..=9999).contains(&self.year)
    }

    fn day_before(&mut self) {
        if self.day > 1 {
            self.day -= 1;
            return;
        }
        if self.month > 1 {
            self.month -= 1;
        } else {
            self.month = 12;
            self.year -= 1; // at least year 1 before
        }
        self.day = days_of(self.year, self.month);
    }

    fn day_after(&mut self) {
        if self.day < days_of(self.year, self.month) {
            self.day += 1;
            return;
        }
        self.day = 1;
        if self.month < 12 {
            self.month += 1;
        } else {
            self.month = 1;
            self.year += 1;
        }
    }
}
