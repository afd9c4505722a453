//! Points in time as carriers write them.
//!
//! One carrier writes RFC 3339 here and a blank in place of the `T` there, another RFC 2822, so that one reader for all of
//! them is safer than a guess at each place.

use chrono::{DateTime, SecondsFormat, Utc};

/// Milliseconds since the Unix epoch, as `patchbay_sdk::clock::Timestamp`.
pub type Millis = u64;

/// The last point in time that [`rfc3339`] writes: the end of the year 9999.
const LAST: Millis = 253_402_300_799_999;

/// Reads RFC 3339 (`2026-11-01T00:00:00.5Z`, also with a blank for the `T`) or RFC 2822
/// (`Sun, 01 Nov 2026 00:00:00 +0000`), whatever is around it cut off. Digits below the millisecond are cut off; times before
/// 1970 and after 9999 are `None`.
#[must_use]
pub fn parse(text: &str) -> Option<Millis> {
    let text = text.trim();
    let at = DateTime::parse_from_rfc3339(text).or_else(|_| DateTime::parse_from_rfc2822(text)).ok()?;
    u64::try_from(at.timestamp_millis()).ok().filter(|at| *at <= LAST)
}

/// Writes `2026-11-01T00:00:00Z`, with milliseconds if there are any. What is after the year 9999 is written as its end.
#[must_use]
pub fn rfc3339(at: Millis) -> String {
    utc(at).to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// The point in time, at most the end of 9999.
pub(crate) fn utc(at: Millis) -> DateTime<Utc> {
    let millis = i64::try_from(at.min(LAST)).unwrap_or_default();
    DateTime::from_timestamp_millis(millis).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carriers_ways_of_writing_times_are_read() {
        for text in [
            "2026-11-01T00:00:00Z",
            "2026-11-01T00:00:00.000000Z",
            "2026-11-01 00:00:00Z",
            "2026-10-31T19:30:00-04:30",
            " Sun, 01 Nov 2026 00:00:00 +0000 ",
            "Sun, 01 Nov 2026 01:00:00 +0100",
        ] {
            assert_eq!(parse(text), Some(1_793_491_200_000), "{text}");
        }
        assert_eq!(parse("2021-04-28 21:51:18.731479Z"), Some(1_619_646_678_731));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", "yesterday", "2026-11-01", "1969-12-31T23:59:59Z", "2026-02-29T00:00:00Z"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        assert_eq!(rfc3339(1_793_491_200_000), "2026-11-01T00:00:00Z");
        assert_eq!(rfc3339(1_793_491_200_001), "2026-11-01T00:00:00.001Z");
        assert_eq!(rfc3339(u64::MAX), "9999-12-31T23:59:59.999Z");
        for at in [0, 1, 999, 1000, 1_619_646_678_731, LAST] {
            assert_eq!(parse(&rfc3339(at)), Some(at));
        }
    }
}
