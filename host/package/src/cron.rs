//! Times by the clock on the wall: cron expressions, read in a time zone.
//!
//! Here and not in the hub, because a manifest is checked by the same rules as what an org puts. Where clocks are set, a fixed
//! time is met once each day: one that is left out comes right after the gap, one that comes twice counts the first time.
//! Expressions with `*` in their hour or minute go by what the clock shows, so what runs each hour runs in both of a doubled
//! hour.

use std::str::FromStr as _;

use chrono::{DateTime, Utc};
pub use chrono_tz::Tz;
pub use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};

/// The time zone of who names none.
pub const UTC: &str = "UTC";

/// The most seconds that a job begins later than its time.
pub const MOST_JITTER_S: u32 = 3_600;

/// The longest expression, in bytes.
const MOST_BYTES: usize = 200;

/// Why something is no schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    /// Not an expression; says why.
    #[error("a cron expression: minute, hour, day of the month, month and day of the week, as in `30 6 * * 1-5` ({0})")]
    Expression(String),
    /// Not a time zone.
    #[error("the name of an IANA time zone, as in `Europe/Berlin`")]
    Zone,
    /// Nothing ever matches.
    #[error("a cron expression that some time in the next years matches")]
    Never,
}

/// Reads an expression of five fields, or of six with seconds first.
///
/// # Errors
/// [`CronError::Expression`], or [`CronError::Never`] for one like `0 0 30 2 *`.
pub fn parse(text: &str) -> Result<Cron, CronError> {
    if text.len() > MOST_BYTES {
        return Err(CronError::Expression(format!("at most {MOST_BYTES} bytes")));
    }
    let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
    let cron = parser.parse(text).map_err(|error| CronError::Expression(error.to_string()))?;
    if next(&cron, Tz::UTC, DateTime::UNIX_EPOCH).is_none() {
        return Err(CronError::Never);
    }
    Ok(cron)
}

/// The time zone of this name.
///
/// # Errors
/// [`CronError::Zone`].
pub fn zone(name: &str) -> Result<Tz, CronError> {
    Tz::from_str(name).map_err(|_| CronError::Zone)
}

/// The first time after one; none if there is no such time in the next years.
#[must_use]
pub fn next(cron: &Cron, zone: Tz, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let next = cron.find_next_occurrence(&after.with_timezone(&zone), false).ok()?;
    Some(next.with_timezone(&Utc))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn times(cron: &str, zone_name: &str, after: &str, count: usize) -> Vec<String> {
        let (cron, zone) = (parse(cron).unwrap(), zone(zone_name).unwrap());
        let mut at = at(after);
        let mut next = || {
            at = next(&cron, zone, at)?;
            Some(at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true))
        };
        std::iter::from_fn(&mut next).take(count).collect()
    }

    #[test]
    fn an_expression_is_read_by_the_clock_of_its_zone() {
        assert_eq!(
            times("30 6 * * 1-5", "Europe/Berlin", "2026-11-20T00:00:00Z", 2),
            ["2026-11-20T05:30:00Z", "2026-11-23T05:30:00Z"]
        );
        assert_eq!(times("*/20 * * * * *", "UTC", "2026-11-20T00:00:01Z", 1), ["2026-11-20T00:00:20Z"]);
    }

    #[test]
    fn a_time_that_the_clock_leaves_out_comes_right_after_the_gap() {
        // clocks go from 2:00 to 3:00 on 2027-03-28
        assert_eq!(
            times("30 2 * * *", "Europe/Berlin", "2027-03-27T12:00:00Z", 2),
            ["2027-03-28T01:00:00Z", "2027-03-29T00:30:00Z"]
        );
    }

    #[test]
    fn a_time_that_comes_twice_counts_once_and_every_hour_counts_twice() {
        // clocks go from 3:00 back to 2:00 on 2026-10-25
        assert_eq!(
            times("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2),
            ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]
        );
        assert_eq!(
            times("0 * * * *", "Europe/Berlin", "2026-10-24T23:30:00Z", 3),
            ["2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z"]
        );
    }

    #[test]
    fn what_is_no_expression_says_what_one_is() {
        for text in ["", "x", "* * * *", "61 * * * *", "0 0 1 1 * 2027 1", &"*".repeat(300)] {
            let error = parse(text).unwrap_err();
            assert!(matches!(error, CronError::Expression(_)), "{text}: {error}");
        }
        assert_eq!(parse("0 0 30 2 *").unwrap_err(), CronError::Never);
        assert_eq!(zone("Mars/Olympus").unwrap_err(), CronError::Zone);
    }
}
