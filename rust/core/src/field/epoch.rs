//! Instants as counts since 1970-01-01T00:00:00Z, where a policy says which unit they have.

use super::civil;

/// The unit of a count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Epoch {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Milliseconds,
}

/// An instant out of a count.
pub(super) struct Counted {
    /// Year, month, day.
    pub(super) date: (u16, u8, u8),
    /// Second of the day.
    pub(super) second: u32,
    /// Three digits of the second, or none where seconds were counted.
    pub(super) fraction: Option<[u8; 3]>,
}

/// Whether a string is a count: digits, with a minus sign or without.
pub(super) fn is_count(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

impl Epoch {
    /// The instant of a text that [`is_count`]; `None` outside the years 1 to 9999.
    pub(super) fn instant(self, text: &str) -> Option<Counted> {
        let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
        let size = digits.bytes().fold(0i64, |n, b| n.saturating_mul(10).saturating_add(i64::from(b - b'0')));
        let count = if negative { -size } else { size };
        let (seconds, fraction) = match self {
            Self::Seconds => (count, None),
            Self::Milliseconds => {
                let rest = count.rem_euclid(1000) as u16;
                let digits = [rest / 100, rest / 10 % 10, rest % 10].map(|digit| b'0' + digit as u8);
                (count.div_euclid(1000), Some(digits))
            }
        };
        let date = civil::of_days(seconds.div_euclid(86_400))?;
        Some(Counted { date, second: seconds.rem_euclid(86_400) as u32, fraction })
    }
}
