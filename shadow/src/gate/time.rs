//! Times as people read them.

use std::fmt;

use crate::known::Day;
use crate::report::grouped;

/// Seconds, in the two units that matter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Time(pub f64);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minutes = (self.0 / 60.0).ceil() as u64;
        let (hours, days) = (minutes / 60, minutes / 1_440);
        match () {
            () if self.0 < 60.0 => write!(f, "{} s", self.0.ceil()),
            () if days >= 10 => write!(f, "{} d", grouped(days)),
            () if days > 0 && !hours.is_multiple_of(24) => write!(f, "{days} d {} h", hours % 24),
            () if days > 0 => write!(f, "{days} d"),
            () if hours > 0 && minutes.is_multiple_of(60) => write!(f, "{hours} h"),
            () if hours > 0 => write!(f, "{hours} h {} min", minutes % 60),
            () => write!(f, "{minutes} min"),
        }
    }
}

/// Hour and minute of an instant in microseconds since the epoch, in UTC; with its day, if that is not the day of `now`.
pub fn clock(micros: u64, now: u64) -> String {
    let instant = Day::instant(micros);
    let (day, time) = (instant.get(..10).unwrap_or_default(), instant.get(11..16).unwrap_or_default());
    if Day::of_micros(micros) == Day::of_micros(now) { format!("{time} UTC") } else { format!("{day} {time} UTC") }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Times are rounded up, and an instant of another day names it.
    #[test]
    fn times_are_read() {
        for (seconds, text) in [
            (0.2, "1 s"),
            (61.0, "2 min"),
            (22_200.0, "6 h 10 min"),
            (86_400.0, "1 d"),
            (100_000.0, "1 d 3 h"),
            (9e7, "1,041 d"),
        ] {
            assert_eq!(Time(seconds).to_string(), text);
        }
        let nine = 1_700_000_000_000_000;
        assert_eq!(clock(nine, nine + 1), "22:13 UTC");
        assert_eq!(clock(nine, nine + 86_400_000_000), "2023-11-14 22:13 UTC");
    }
}
