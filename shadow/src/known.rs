//! Known differences: differences that somebody answers for, until a day and up to a budget.

use std::time::{SystemTime, UNIX_EPOCH};

use crossfade_core::policy::{DifferenceRule, KnownDifference};
use serde::Serialize;

use crate::compare::{Difference, Kind, Value};

/// A day, `YYYY-MM-DD`, in UTC.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(String);

impl Day {
    /// Reads `YYYY-MM-DD`.
    pub fn parse(text: &str) -> Option<Self> {
        let shape: Vec<&str> = text.split('-').collect();
        let [year, month, day] = shape.as_slice() else { return None };
        let number = |part: &str, digits: usize| {
            (part.len() == digits && part.bytes().all(|b| b.is_ascii_digit()))
                .then(|| part.parse::<u32>().ok())
                .flatten()
        };
        number(year, 4)?;
        let in_range = (1..=12).contains(&number(month, 2)?) && (1..=31).contains(&number(day, 2)?);
        in_range.then(|| Self(text.to_owned()))
    }

    /// The day that `micros` microseconds after the epoch is part of.
    pub fn of_micros(micros: u64) -> Self {
        // Days to civil date: eras of 400 years that start on the first of March.
        let days = micros / 86_400_000_000 + 719_468;
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = era * 400 + year_of_era + u64::from(month <= 2);
        Self(format!("{year:04}-{month:02}-{day:02}"))
    }

    /// An instant as RFC 3339 writes it, to the microsecond.
    pub fn instant(micros: u64) -> String {
        let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
        let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
        format!("{}T{hour:02}:{minute:02}:{second:02}.{fraction:06}Z", Self::of_micros(micros).0)
    }

    /// Today.
    pub fn today() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::of_micros(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
    }

    /// The day as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a known difference still counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It explains what it names.
    Live,
    /// Its last day is over: what it names is a mismatch.
    Expired,
    /// It would explain more than its budget: all that it names is a mismatch.
    OverBudget,
}

/// Whether `known` may still explain anything on `today`.
pub fn expired(known: &KnownDifference, today: &Day) -> bool {
    today.as_str() > &*known.expires
}

/// The most exchanges of a route with `exchanges` that `known` may explain.
pub fn allowed(known: &KnownDifference, exchanges: u64) -> u64 {
    // Both are far below 2^53; a budget is between 0 and 1.
    (known.budget * exchanges as f64).floor() as u64
}

/// Whether `known` is about `difference`, expired or not.
pub fn covers(known: &KnownDifference, difference: &Difference) -> bool {
    if *known.field != difference.place || difference.kind == Kind::More {
        return false;
    }
    let (control, candidate) = (&difference.control, &difference.candidate);
    match known.rule {
        DifferenceRule::Any => true,
        DifferenceRule::Absent => difference.kind == Kind::Absent,
        DifferenceRule::AsciiCase => match (control, candidate) {
            (Value::Bytes(a), Value::Bytes(b)) | (Value::Json(a), Value::Json(b)) => a.eq_ignore_ascii_case(b),
            (Value::Word(a), Value::Word(b)) => a.eq_ignore_ascii_case(b),
            _ => false,
        },
        DifferenceRule::NumberText => {
            let number =
                |value: &Value| matches!(value, Value::Json(raw) if matches!(raw.first(), Some(b'-' | b'0'..=b'9')));
            difference.kind == Kind::Spelling && number(control) && number(candidate)
        }
    }
}
