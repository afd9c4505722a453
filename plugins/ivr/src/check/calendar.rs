//! Opening hours that are hours.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use chrono_tz::Tz;

use super::Problem;
use crate::calendar::minute_of_day;
use crate::menu::{Hours, Span};

pub(super) fn check(hours: &Hours, found: &mut Vec<Problem>) {
    if hours.time_zone.parse::<Tz>().is_err() {
        found.push(Problem::new("/hours/time_zone", "a time zone as in America/New_York (IANA)"));
    }
    for (day, spans) in hours.weekly.days() {
        check_day(&format!("/hours/weekly/{day}"), spans, found);
    }
    let mut dates = BTreeSet::new();
    for (index, holiday) in hours.holidays.iter().enumerate() {
        let at = format!("/hours/holidays/{index}/date");
        match NaiveDate::parse_from_str(&holiday.date, "%Y-%m-%d") {
            Err(_) => found.push(Problem::new(at, "a day that there is, as 2026-12-25")),
            Ok(date) if !dates.insert(date) => found.push(Problem::new(at, "a day that no other holiday is")),
            Ok(_) => {}
        }
    }
}

fn check_day(at: &str, spans: &[Span], found: &mut Vec<Problem>) {
    let mut before = 0;
    for (index, span) in spans.iter().enumerate() {
        let at = format!("{at}/{index}");
        let (Some(from), Some(to)) = (minute_of_day(&span.from), minute_of_day(&span.to)) else {
            found.push(Problem::new(at, "times as 09:00 and 17:30"));
            continue;
        };
        if from >= to {
            found.push(Problem::new(
                format!("{at}/to"),
                "a time after `from`; past midnight, until 24:00 and from 00:00 of the next day",
            ));
        } else if from < before {
            found.push(Problem::new(format!("{at}/from"), "a time after the span before it"));
        }
        before = before.max(to);
    }
}
