//! Days of the proleptic Gregorian calendar, the years 1 to 9999.

/// Days from 0001-01-01 to 1970-01-01.
const BEFORE_EPOCH: i64 = 719_162;

/// Days of 400 years, after which the calendar repeats.
const CYCLE: i64 = 146_097;

/// Two ASCII digits as a number.
pub(super) fn pair(tens: u8, ones: u8) -> Option<u8> {
    (tens.is_ascii_digit() && ones.is_ascii_digit()).then(|| (tens - b'0') * 10 + (ones - b'0'))
}

/// Days of a month, 1 to 12.
pub(super) fn days_of(year: u16, month: u8) -> u8 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year.into()) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Whether the day exists.
pub(super) fn is_day(year: u16, month: u8, day: u8) -> bool {
    (1..=9999).contains(&year) && (1..=12).contains(&month) && day > 0 && day <= days_of(year, month)
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Year, month and day of a number of days since 1970-01-01; `None` outside the years 1 to 9999.
pub(super) fn of_days(since_epoch: i64) -> Option<(u16, u8, u8)> {
    let days = since_epoch.checked_add(BEFORE_EPOCH).filter(|days| *days >= 0)?;
    let (cycle, in_cycle) = (days / CYCLE, days % CYCLE);
    // 36,524 days a century, 1,461 a period of four years; the last one of each is a day longer than its division says.
    let century = (in_cycle / 36_524).min(3);
    let in_century = in_cycle - century * 36_524;
    let (four, in_four) = (in_century / 1_461, in_century % 1_461);
    let year_of_four = (in_four / 365).min(3);
    let year = u16::try_from(cycle * 400 + century * 100 + four * 4 + year_of_four + 1).ok().filter(|y| *y <= 9999)?;
    let mut day = in_four - year_of_four * 365;
    for month in 1..=12 {
        let days = i64::from(days_of(year, month));
        if day < days {
            return Some((year, month, day as u8 + 1));
        }
        day -= days;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every day of all 9999 years, counted one by one.
    #[test]
    fn days_count_as_the_calendar_does() {
        let mut count = -BEFORE_EPOCH;
        assert_eq!(of_days(count - 1), None);
        for year in 1..=9999 {
            for month in 1..=12 {
                for day in 1..=days_of(year, month) {
                    assert_eq!(of_days(count), Some((year, month, day)));
                    count += 1;
                }
            }
        }
        assert_eq!(of_days(count), None);
        assert_eq!(of_days(0), Some((1970, 1, 1)));
        assert!(of_days(i64::MAX).is_none() && of_days(i64::MIN).is_none());
    }
}
