//! Whether calls are taken at an instant, by the clocks of the place.
//!
//! Only instants are turned into local times, never the other way round: each instant has one local time, also on the nights
//! when clocks are set. So a span that falls into the hour that is left out is shorter that day, and one in the hour that comes
//! twice is longer.

use chrono::{DateTime, Datelike as _, Timelike as _};
use chrono_tz::Tz;
use patchbay_sdk::clock::Timestamp;

use crate::menu::Span;
use crate::resolved::{Calendar, Resolved};

/// Where a call that comes at an instant begins, and whether that is within the hours.
pub(crate) fn entry(menu: &Resolved, at: Timestamp) -> (&str, bool) {
    match menu.hours.as_ref().and_then(|hours| closed(hours, at)) {
        Some(elsewhere) => (elsewhere, false),
        None => (menu.start.as_str(), true),
    }
}

/// Where calls begin that come outside of the hours; none within them.
fn closed(hours: &Calendar, at: Timestamp) -> Option<&str> {
    // what is published has a zone that there is and a time that there is: a call is not lost for want of them
    let zone = hours.time_zone.parse::<Tz>().ok()?;
    let local = DateTime::from_timestamp_millis(i64::try_from(at).ok()?)?.with_timezone(&zone);
    if let Some(node) = hours.holidays.get(&local.date_naive().format("%Y-%m-%d").to_string()) {
        return Some(node.as_str());
    }
    let minute = local.hour() * 60 + local.minute();
    let today = usize::try_from(local.weekday().num_days_from_monday()).unwrap_or_default();
    let open = |span: &Span| {
        let (from, to) = (minute_of_day(&span.from), minute_of_day(&span.to));
        from.zip(to).is_some_and(|(from, to)| (from..to).contains(&minute))
    };
    let spans = hours.weekly.days().get(today).map(|(_, spans)| *spans).unwrap_or_default();
    if spans.iter().any(open) { None } else { Some(hours.outside.as_str()) }
}

/// Minutes since midnight of `09:30`, up to 1440 for `24:00`; none if it is no such time.
pub(crate) fn minute_of_day(text: &str) -> Option<u32> {
    let (hour, minute) = text.split_once(':')?;
    let two = |part: &str| {
        let plain = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        if plain { part.parse::<u32>().ok() } else { None }
    };
    let (hour, minute) = (two(hour)?, two(minute)?);
    (minute < 60 && hour * 60 + minute <= 24 * 60).then_some(hour * 60 + minute)
}
