//! Billing periods: months that begin when the org's cycle began and not with the calendar's.
//!
//! Each period is counted from the anchor itself and not from the period before it, so that an org whose cycle began on
//! the 31st bills on the 28th of February and on the 31st of March again. Cycles begin with a full hour (UTC): usage is
//! counted by the hour, and so every period is a sum of whole counters, whatever the anchor is and however often it is
//! changed.

use chrono::{DateTime, Datelike as _, Months};
use serde::Serialize;

use crate::Timestamp;

const HOUR: i64 = 3_600_000_000;

/// A billing period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct Period {
    /// Its first instant, a full hour.
    pub starts_at: Timestamp,
    /// The first instant of the next one.
    pub ends_at: Timestamp,
}

impl Period {
    /// The period that an instant is in, of a cycle that began at `anchor`, before or after it.
    #[must_use]
    pub fn containing(anchor: Timestamp, at: Timestamp) -> Self {
        let anchor = full_hour(anchor);
        let months = |at: Timestamp| i64::from(at.year()) * 12 + i64::from(at.month0());
        let mut number = months(at) - months(anchor);
        if nth(anchor, number) > at {
            number -= 1;
        }
        Self { starts_at: nth(anchor, number), ends_at: nth(anchor, number + 1) }
    }

    /// The period before this one, of the same cycle.
    #[must_use]
    pub fn previous(self, anchor: Timestamp) -> Self {
        Self::containing(anchor, self.starts_at - chrono::Duration::microseconds(1))
    }

    /// True if the instant is in it.
    #[must_use]
    pub fn contains(&self, at: Timestamp) -> bool {
        self.starts_at <= at && at < self.ends_at
    }
}

/// So many months after the anchor, on its day or the last one that the month has.
fn nth(anchor: Timestamp, number: i64) -> Timestamp {
    let months = Months::new(u32::try_from(number.unsigned_abs()).unwrap_or(u32::MAX));
    let found = if number < 0 { anchor.checked_sub_months(months) } else { anchor.checked_add_months(months) };
    // beyond the years that there are
    found.unwrap_or(if number < 0 { Timestamp::MIN_UTC } else { Timestamp::MAX_UTC })
}

/// The full hour that an instant is in.
#[must_use]
pub fn full_hour(at: Timestamp) -> Timestamp {
    let micros = at.timestamp_micros();
    DateTime::from_timestamp_micros(micros - micros.rem_euclid(HOUR)).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn period(anchor: &str, at: &str) -> (String, String) {
        let Period { starts_at, ends_at } = Period::containing(time(anchor), time(at));
        let text = |at: Timestamp| at.format("%F %R").to_string();
        (text(starts_at), text(ends_at))
    }

    fn pair(from: &str, to: &str) -> (String, String) {
        (from.to_owned(), to.to_owned())
    }

    #[test]
    fn a_period_goes_from_the_anchors_day_to_the_same_day_of_the_next_month() {
        let anchor = "2026-01-17T14:00:00Z";
        assert_eq!(period(anchor, "2026-01-17T14:00:00Z"), pair("2026-01-17 14:00", "2026-02-17 14:00"));
        assert_eq!(period(anchor, "2026-02-17T13:59:59.999999Z"), pair("2026-01-17 14:00", "2026-02-17 14:00"));
        assert_eq!(period(anchor, "2026-02-17T14:00:00Z"), pair("2026-02-17 14:00", "2026-03-17 14:00"));
        assert_eq!(period(anchor, "2027-01-01T00:00:00Z"), pair("2026-12-17 14:00", "2027-01-17 14:00"));
    }

    #[test]
    fn an_anchor_on_the_31st_bills_on_the_last_day_of_shorter_months_and_comes_back() {
        let anchor = "2026-01-31T10:00:00Z";
        assert_eq!(period(anchor, "2026-02-28T09:59:00Z"), pair("2026-01-31 10:00", "2026-02-28 10:00"));
        assert_eq!(period(anchor, "2026-02-28T10:00:00Z"), pair("2026-02-28 10:00", "2026-03-31 10:00"));
        assert_eq!(period(anchor, "2026-03-30T23:00:00Z"), pair("2026-02-28 10:00", "2026-03-31 10:00"));
        assert_eq!(period(anchor, "2026-04-30T10:00:00Z"), pair("2026-04-30 10:00", "2026-05-31 10:00"));
        assert_eq!(period(anchor, "2028-02-29T10:00:00Z"), pair("2028-02-29 10:00", "2028-03-31 10:00"));
    }

    #[test]
    fn periods_follow_each_other_without_gap_or_overlap() {
        for anchor in ["2026-01-31T23:00:00Z", "2024-02-29T00:00:00Z", "2026-11-05T07:31:12Z"] {
            let anchor = time(anchor);
            let mut period = Period::containing(anchor, anchor);
            assert_eq!(period.starts_at, full_hour(anchor));
            for _ in 0..50 {
                let next = Period::containing(anchor, period.ends_at);
                assert_eq!(next.starts_at, period.ends_at);
                assert_eq!(next.previous(anchor), period);
                period = next;
            }
        }
    }

    #[test]
    fn before_the_anchor_there_are_periods_too() {
        assert_eq!(
            period("2026-05-31T10:00:00Z", "2026-03-01T00:00:00Z"),
            pair("2026-02-28 10:00", "2026-03-31 10:00")
        );
    }

    #[test]
    fn a_cycle_begins_with_a_full_hour() {
        assert_eq!(
            period("2026-01-17T14:35:12.5Z", "2026-01-17T14:00:00Z"),
            pair("2026-01-17 14:00", "2026-02-17 14:00")
        );
        assert_eq!(full_hour(time("1969-12-31T23:30:00Z")), time("1969-12-31T23:00:00Z"));
    }
}
