//! Times as logs write them.

const DAY: i64 = 86_400;
const MONTHS: [&[u8]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];

/// `10/Oct/2000:13:55:36 -0700`.
pub(super) fn common_log(text: &[u8]) -> Option<u64> {
    let text: &[u8; 26] = text.try_into().ok()?;
    let [.., b'/', _, _, _, b'/', _, _, _, _, b':', _, _, b':', _, _, b':', _, _, b' ', _, _, _, _, _] = text else {
        return None;
    };
    let month = MONTHS.iter().position(|&month| month == &text[3..6])? as i64 + 1;
    let sign = match text[21] {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let offset = sign * (digits(&text[22..24])? * 3_600 + digits(&text[24..26])? * 60);
    let date = (digits(&text[7..11])?, month, digits(&text[..2])?);
    let clock = (digits(&text[12..14])?, digits(&text[15..17])?, digits(&text[18..20])?);
    micros(date, clock, offset, 0)
}

/// RFC 3339 text, or whole microseconds since the epoch.
pub fn instant(text: &str) -> Result<u64, String> {
    let bytes = text.as_bytes();
    if !bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit) {
        return text.parse().map_err(|_| format!("{text} is too large for microseconds since the epoch"));
    }
    parse_rfc3339(bytes).ok_or_else(|| {
        let text: String = text.chars().take(40).collect();
        format!("{text:?} is no time; write 2026-01-31T12:00:00.5Z, with a zone, or whole microseconds since the epoch")
    })
}

fn parse_rfc3339(text: &[u8]) -> Option<u64> {
    let (head, rest) = text.split_at_checked(19)?;
    let [_, _, _, _, b'-', _, _, b'-', _, _, b'T' | b't' | b' ', _, _, b':', _, _, b':', _, _] = head else {
        return None;
    };
    let date = (digits(&head[..4])?, digits(&head[5..7])?, digits(&head[8..10])?);
    let clock = (digits(&head[11..13])?, digits(&head[14..16])?, digits(&head[17..])?);
    let (fraction, zone) = match rest.strip_prefix(b".") {
        Some(rest) => {
            let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if length == 0 {
                return None;
            }
            let kept = &rest[..length.min(6)];
            (digits(kept)? * 10_i64.pow(6 - kept.len() as u32), &rest[length..])
        }
        None => (0, rest),
    };
    let offset = match zone {
        b"Z" | b"z" => 0,
        [sign @ (b'+' | b'-'), _, _, b':', _, _] => {
            let (hours, minutes) = (digits(&zone[1..3])?, digits(&zone[4..])?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            (hours * 3_600 + minutes * 60) * if *sign == b'-' { -1 } else { 1 }
        }
        _ => return None,
    };
    micros(date, clock, offset, fraction)
}

/// RFC 3339 text in UTC with microseconds.
pub fn rfc3339(at: u64) -> String {
    let seconds = at / 1_000_000;
    let (year, month, day) = civil((seconds / DAY as u64) as i64);
    let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:06}Z", at % 1_000_000)
}

fn digits(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0')))
}

fn micros(date: (i64, i64, i64), (hour, minute, second): (i64, i64, i64), offset: i64, fraction: i64) -> Option<u64> {
    // A leap second is the first second of the next minute.
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let seconds = days(date)? * DAY + hour * 3_600 + minute * 60 + second - offset;
    u64::try_from(seconds * 1_000_000 + fraction).ok()
}

/// Days since 1970-01-01 in the Gregorian calendar; `None` if there is no such day. Howard Hinnant's algorithm.
fn days((year, month, day): (i64, i64, i64)) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(leap),
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    let shifted = if month > 2 { year } else { year - 1 };
    let era = shifted.div_euclid(400);
    let of_era = shifted.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

/// The inverse of [`days`].
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Law: a log time means the same instant in every zone, on both sides of a DST change.
    #[test]
    fn common_log_times() {
        assert_eq!(common_log(b"10/Oct/2000:13:55:36 -0700"), Some(971_211_336_000_000));
        assert_eq!(common_log(b"13/Mar/2016:01:59:59 -0500"), Some(1_457_852_399_000_000));
        assert_eq!(common_log(b"13/Mar/2016:03:00:00 -0400"), Some(1_457_852_400_000_000));
        assert_eq!(common_log(b"29/Feb/2016:00:00:00 +0530"), Some(1_456_684_200_000_000));
        for bad in [
            &b"30/Feb/2016:00:00:00 +0000"[..],
            b"10/oct/2000:13:55:36 -0700",
            b"10/Oct/2000:13:55:36",
            b"",
            b"10/Oct/1969:13:55:36 +0000",
            b"1x/Oct/2000:13:55:36 -0700",
            b"10/Oct/2000 13:55:36 -0700",
        ] {
            assert_eq!(common_log(bad), None);
        }
    }

    /// Law: RFC 3339 needs a zone; more than six digits of a second are cut off.
    #[test]
    fn rfc3339_times() {
        assert_eq!(instant("2022-05-20T15:17:51.394Z"), Ok(1_653_059_871_394_000));
        assert_eq!(instant("2022-05-20t17:17:51.3940009+02:00"), Ok(1_653_059_871_394_000));
        assert_eq!(instant("1653059871394000"), Ok(1_653_059_871_394_000));
        assert_eq!(instant("1970-01-01T00:00:00Z"), Ok(0));
        for bad in [
            "2022-05-20T15:17:51",
            "2022-05-20",
            "",
            "1.5",
            "-1",
            "2022-13-01T00:00:00Z",
            "2022-05-20T24:00:00Z",
            "2022-05-20T15:17:51.Z",
            "1969-12-31T23:59:59Z",
            "2022-05-20T15:17:51+2:00",
            "99999999999999999999",
        ] {
            assert!(instant(bad).is_err(), "{bad}");
        }
    }

    /// Law: writing and reading are inverse, on every day for 400 years.
    #[test]
    fn days_round_trip() {
        for day in 0..146_097 {
            let at = day * 86_400_000_000 + 1;
            assert_eq!(instant(&rfc3339(at)), Ok(at));
        }
    }
}
