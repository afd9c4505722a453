//! Wall-clock time, and the two ways in which vendors write it.
//!
//! No date library: a connector needs a point in time from a text, and that is arithmetic.

use crate::host;

/// Milliseconds since the Unix epoch.
pub type Timestamp = u64;

/// The hub's present time, in whole milliseconds.
#[must_use]
pub fn now() -> Timestamp {
    host::now()
}

/// Reads `2026-11-01T00:00:00.5Z` or with an offset as `+01:00` (RFC 3339). Digits below the millisecond
/// are cut off; times before 1970 are `None`.
#[must_use]
pub fn parse_rfc3339(text: &str) -> Option<Timestamp> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let mut parts = date.split('-');
    let days = days(digits(parts.next()?, 4)?, digits(parts.next()?, 2)?, digits(parts.next()?, 2)?)?;
    if parts.next().is_some() {
        return None;
    }
    let (time, offset_minutes) = match time.strip_suffix(['Z', 'z']) {
        Some(time) => (time, 0),
        None => {
            let at = time.rfind(['+', '-'])?;
            let (time, offset) = time.split_at_checked(at)?;
            let (hours, minutes) = offset.get(1..)?.split_once(':')?;
            let minutes = digits(hours, 2)? * 60 + digits(minutes, 2)?;
            (time, if offset.starts_with('-') { -minutes } else { minutes })
        }
    };
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let millis: i64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    let seconds = days * 86_400 + second_of_day(time)? - offset_minutes * 60;
    u64::try_from(seconds * 1000 + millis).ok()
}

/// Writes a point in time as `2026-11-01T00:00:00Z`, with milliseconds if there are any (RFC 3339, UTC).
#[must_use]
pub fn rfc3339(at: Timestamp) -> String {
    let (seconds, millis) = (at / 1000, at % 1000);
    let (year, month, day) = date(i64::try_from(seconds / 86_400).unwrap_or(i64::MAX / 2));
    let (hour, minute, second) = (seconds % 86_400 / 3600, seconds % 3600 / 60, seconds % 60);
    let fraction = if millis == 0 { String::new() } else { format!(".{millis:03}") };
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
}

/// Reads `Sun, 01 Nov 2026 00:00:00 GMT` (RFC 9110, section 5.6.7; the two obsolete forms are not read).
#[must_use]
pub fn parse_http_date(text: &str) -> Option<Timestamp> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (_, rest) = text.split_once(", ")?;
    let mut parts = rest.split(' ');
    let day = digits(parts.next()?, 2)?;
    let name = parts.next()?;
    let month = MONTHS.iter().position(|month| *month == name)?;
    let year = digits(parts.next()?, 4)?;
    let seconds = second_of_day(parts.next()?)?;
    if parts.next() != Some("GMT") || parts.next().is_some() {
        return None;
    }
    u64::try_from((days(year, i64::try_from(month).ok()? + 1, day)? * 86_400 + seconds) * 1000).ok()
}

fn second_of_day(time: &str) -> Option<i64> {
    let mut parts = time.split(':');
    let (hour, minute, second) = (digits(parts.next()?, 2)?, digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    (parts.next().is_none() && hour < 24 && minute < 60 && second <= 60).then_some(hour * 3600 + minute * 60 + second)
}

fn digits(text: &str, length: usize) -> Option<i64> {
    (text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

/// Days since 1970-01-01 of a date of the Gregorian calendar; Howard Hinnant's `days_from_civil`.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let year_of_era = shifted.rem_euclid(400);
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    Some(era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468)
}

/// The date of so many days since 1970-01-01; Howard Hinnant's `civil_from_days`.
fn date(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day_of_year - (153 * from_march + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_3339_is_read() {
        assert_eq!(parse_rfc3339("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(parse_rfc3339("2026-11-01T00:00:00Z"), Some(1_793_491_200_000));
        assert_eq!(parse_rfc3339("2026-11-01T01:00:00.0019+01:00"), Some(1_793_491_200_001));
        assert_eq!(parse_rfc3339("2026-10-31T19:30:00.5-04:30"), Some(1_793_491_200_500));
        assert_eq!(parse_rfc3339("2024-02-29T12:00:00Z"), Some(1_709_208_000_000));
    }

    #[test]
    fn what_is_written_is_read_again() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(1_793_491_200_001), "2026-11-01T00:00:00.001Z");
        for day in 0..40_000 {
            let at = day * 86_400_000 + 45_296_789;
            assert_eq!(parse_rfc3339(&rfc3339(at)), Some(at));
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "2026-11-01",
            "2026-02-29T00:00:00Z",
            "2026-11-01T24:00:00Z",
            "2026-11-01T00:00:00",
            "2026-11-01T00:00:00.Z",
            "1969-12-31T23:59:59Z",
            "2026-13-01T00:00:00Z",
            "2026-11-01T00:00:00é+01:00",
        ] {
            assert_eq!(parse_rfc3339(text), None, "{text}");
        }
    }

    #[test]
    fn http_dates_are_read() {
        assert_eq!(parse_http_date("Sun, 01 Nov 2026 00:00:00 GMT"), Some(1_793_491_200_000));
        assert_eq!(parse_http_date("Sunday, 01-Nov-26 00:00:00 GMT"), None);
    }
}
