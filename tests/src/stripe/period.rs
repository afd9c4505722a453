//! Periods of a subscription: all of them count from one anchor, so that one that began on the 31st ends on the last of
//! shorter months and is on the 31st again afterwards.

use chrono::{DateTime, Duration, Months, Utc};
use serde_json::Value;

use super::state::{number, text};

/// The anchor and so many intervals.
fn after(anchor: i64, recurring: &Value, times: i64) -> i64 {
    let start: DateTime<Utc> = DateTime::from_timestamp(anchor, 0).expect("a time");
    let count = number(recurring, "interval_count") * times;
    let months = |count: i64| start.checked_add_months(Months::new(u32::try_from(count).expect("a few months")));
    let end = match text(recurring, "interval") {
        "day" => start.checked_add_signed(Duration::days(count)),
        "week" => start.checked_add_signed(Duration::weeks(count)),
        "month" => months(count),
        _ => months(count * 12),
    };
    end.expect("a time").timestamp()
}

/// The first end of a period after this time.
pub(super) fn end_after(anchor: i64, recurring: &Value, time: i64) -> i64 {
    let mut times = 1;
    while after(anchor, recurring, times) <= time {
        times += 1;
    }
    after(anchor, recurring, times)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(text: &str) -> i64 {
        DateTime::parse_from_rfc3339(text).unwrap().timestamp()
    }

    #[test]
    fn a_period_from_the_31st_ends_on_the_last_and_comes_back() {
        let month = json!({"interval": "month", "interval_count": 1});
        let anchor = at("2026-10-31T10:00:00Z");
        let mut ends = vec![anchor];
        for _ in 0..5 {
            ends.push(end_after(anchor, &month, *ends.last().unwrap()));
        }
        let expected = ["2026-10-31", "2026-11-30", "2026-12-31", "2027-01-31", "2027-02-28", "2027-03-31"];
        assert_eq!(ends, expected.map(|day| at(&format!("{day}T10:00:00Z"))));
    }
}
