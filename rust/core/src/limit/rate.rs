//! The notation of `limits`: `10/second`, `60 per 1 minute`. One rate per text; a policy names each of its limits.

use std::fmt;
use std::str::FromStr;

/// Largest amount that a text may name: up to here `f64`, in which the window strategies weigh, holds every whole number.
pub const MAX_AMOUNT: u64 = 1 << 53;

/// Longest window that a text may name, in seconds (136 years): microseconds times amounts then fit in 128 bits.
pub const MAX_WINDOW: u64 = 1 << 32;

/// An amount in a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub amount: u64,
    /// In how many units.
    pub multiples: u64,
    /// The unit.
    pub unit: Unit,
}

/// A unit of time with the lengths that `limits` gives them: a month is 30 days, a year 360.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Unit {
    Second,
    Minute,
    Hour,
    Day,
    Month,
    Year,
}

impl Unit {
    const ALL: [Self; 6] = [Self::Second, Self::Minute, Self::Hour, Self::Day, Self::Month, Self::Year];

    /// Length in seconds.
    pub const fn seconds(self) -> u64 {
        match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 60 * 60,
            Self::Day => 24 * 60 * 60,
            Self::Month => 30 * 24 * 60 * 60,
            Self::Year => 360 * 24 * 60 * 60,
        }
    }

    /// Name in the singular, as it stands in the keys of `limits`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    /// The unit of that name, in the singular or the plural, without case.
    pub fn named(name: &str) -> Option<Self> {
        let singular = name.strip_suffix(['s', 'S']).unwrap_or(name);
        Self::ALL.into_iter().find(|unit| unit.name().eq_ignore_ascii_case(singular))
    }
}

impl Rate {
    /// Length of the window in whole seconds; at least 1, whoever built the rate.
    pub const fn window(&self) -> u64 {
        let multiples = if self.multiples == 0 { 1 } else { self.multiples };
        self.unit.seconds().saturating_mul(multiples)
    }
}

/// As Python's `str(RateLimitItem)`: `60 per 1 minute`.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} per {} {}", self.amount, self.multiples, self.unit.name())
    }
}

/// Why a text is no rate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RateError {
    /// Not of the form `N/unit` or `N per M units`.
    Malformed,
    /// More than one rate: `10/second; 60/minute`.
    Several,
    /// This is not the name of a unit.
    UnknownUnit(Box<str>),
    /// The amount is above this: [`MAX_AMOUNT`], or what the strategy can keep.
    AmountTooLarge(u64),
    /// The window is longer than [`MAX_WINDOW`].
    WindowTooLong,
}

impl fmt::Display for RateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("not a rate: write `10/second`, `60 per minute` or `5 per 10 minutes`"),
            Self::Several => f.write_str("several rates in one text: give each a limit of its own, with a name"),
            Self::UnknownUnit(name) => {
                write!(f, "`{name}` is no unit of time: second, minute, hour, day, month (30 days) or year (360 days)")
            }
            Self::AmountTooLarge(most) => write!(f, "the amount is above {most}"),
            Self::WindowTooLong => write!(f, "the window is longer than {MAX_WINDOW} seconds"),
        }
    }
}

impl std::error::Error for RateError {}

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        if text.contains([',', ';', '|']) {
            return Err(RateError::Several);
        }
        let (amount, rest) = digits(text.trim_matches(is_space));
        let rest = rest.trim_start_matches(is_space);
        let rest = rest.strip_prefix('/').or_else(|| strip_per(rest)).ok_or(RateError::Malformed)?;
        let (multiples, rest) = digits(rest.trim_start_matches(is_space));
        let name = rest.trim_start_matches(is_space);
        if amount.is_empty() || name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            return Err(RateError::Malformed);
        }
        let unit = Unit::named(name).ok_or_else(|| RateError::UnknownUnit(name.into()))?;
        let amount =
            whole(amount).filter(|&amount| amount <= MAX_AMOUNT).ok_or(RateError::AmountTooLarge(MAX_AMOUNT))?;
        // `10 per 0 minutes` is 10 per minute: so says `limits`.
        let multiples = whole(multiples).ok_or(RateError::WindowTooLong)?.max(1);
        let rate = Self { amount, multiples, unit };
        if rate.window() > MAX_WINDOW {
            return Err(RateError::WindowTooLong);
        }
        Ok(rate)
    }
}

/// White space as Python's `\s` sees it: four separators more than Rust's.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

fn strip_per(text: &str) -> Option<&str> {
    let (head, rest) = text.split_at_checked(3)?;
    head.eq_ignore_ascii_case("per").then_some(rest)
}

fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.bytes().take_while(u8::is_ascii_digit).count())
}

/// Value of a run of digits, nothing of an empty one being 0; `None` above `u64`.
fn whole(digits: &str) -> Option<u64> {
    if digits.is_empty() { Some(0) } else { digits.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What `limits` reads, we read alike, and print as it prints.
    #[test]
    fn reads_the_notation() {
        for (text, printed, window) in [
            ("10/second", "10 per 1 second", 1),
            ("60 per 1 minute", "60 per 1 minute", 60),
            ("  5PER10 Minutes ", "5 per 10 minute", 600),
            ("5 per0hours", "5 per 1 hour", 3600),
            ("0/second", "0 per 1 second", 1),
            ("007 / 2 days", "7 per 2 day", 172_800),
            ("1/month", "1 per 1 month", 2_592_000),
            ("1\u{1f}/\u{a0}YEARS", "1 per 1 year", 31_104_000),
            ("9007199254740992/second", "9007199254740992 per 1 second", 1),
        ] {
            let rate: Rate = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!((rate.to_string().as_str(), rate.window()), (printed, window), "{text}");
        }
    }

    /// What is no single rate is refused, and the reason says what to write.
    #[test]
    fn refuses_the_rest() {
        use RateError::*;
        for (text, error) in [
            ("", Malformed),
            ("10", Malformed),
            ("/second", Malformed),
            ("10/", Malformed),
            ("10/5", Malformed),
            ("-1/second", Malformed),
            ("1.5/second", Malformed),
            ("10 second", Malformed),
            ("10/1 0 second", Malformed),
            ("10/second x", Malformed),
            ("1/\u{17f}econd", Malformed),
            ("10/second; 60/minute", Several),
            ("10/second,", Several),
            ("1/sec", UnknownUnit("sec".into())),
            ("5/fortnight", UnknownUnit("fortnight".into())),
            ("1/secondss", UnknownUnit("secondss".into())),
            ("5 perper second", Malformed),
            ("9007199254740993/second", AmountTooLarge(MAX_AMOUNT)),
            ("99999999999999999999999/second", AmountTooLarge(MAX_AMOUNT)),
            ("1/99999999999999999999999 second", WindowTooLong),
            ("1/139 years", WindowTooLong),
        ] {
            assert_eq!(text.parse::<Rate>(), Err(error), "{text}");
        }
    }

    proptest! {
        /// Total: any text gives a rate or an error; what is printed reads back as the same rate.
        #[test]
        fn total_and_stable(text in "[ 0-9]{0,3}(/|per|PER|.)?[0-9 ]{0,3}.{0,9}|.*") {
            if let Ok(rate) = text.parse::<Rate>() {
                prop_assert!((1..=MAX_WINDOW).contains(&rate.window()));
                prop_assert_eq!(rate.to_string().parse::<Rate>(), Ok(rate));
            }
        }
    }
}
