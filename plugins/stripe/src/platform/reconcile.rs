//! What Stripe's meters have of each day, beside what they were told.
//!
//! Stripe checks what it took later, and says what it could not use in an event that may be lost too; so the sums are asked for. What is
//! missing the hub has told once more. Three days are compared each night: of the day before something may still be due. A day of
//! which Stripe says that it could not use something is compared for that as well, however old it is.

use patchbay_sdk::{
    Call, Error, clock, entitlements,
    entitlements::DaySum,
    jobs, log,
    task::{Next, Step},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Number, json};

use super::{DAY, SECOND, platform, truth::List};
use crate::{api, config::Platform};

/// What its job is called.
pub(crate) const KIND: &str = "billing-reconcile";

/// Days that are compared each night.
const DAYS: u64 = 3;
/// After midnight (UTC), in milliseconds: Stripe's sums are late.
const HOUR_OF_NIGHT: u64 = 3 * 3_600_000;

/// How far it has come.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Place {
    /// So many days ago; 0: it waits for the night.
    #[serde(default)]
    back: u64,
    /// Organizations after this one.
    #[serde(default)]
    after: Option<String>,
    /// The night that it belongs to, in milliseconds since the Unix epoch.
    #[serde(default)]
    night: u64,
}

/// Which day.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReconcileInput {
    /// Any instant of it (UTC), in milliseconds since the Unix epoch.
    day: u64,
    /// Organizations after this one.
    #[serde(default)]
    after: Option<String>,
}

/// What was compared.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Report {
    /// How many sums of organizations and metrics.
    compared: u64,
    /// Those that differ.
    gaps: Vec<Gap>,
    /// Give it as `after` for the next organizations.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A sum that differs.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Gap {
    /// The organization.
    org: String,
    /// Of what.
    metric: String,
    /// How many units Stripe lacks; negative if it has more than it was told.
    missing: i64,
}

#[derive(Deserialize)]
struct Summary {
    aggregated_value: Number,
}

/// Compares a day by hand.
pub(crate) fn by_hand(call: Call<ReconcileInput>) -> Result<Report, Error> {
    let ReconcileInput { day, after } = call.input;
    compare(&platform()?, day, after.as_deref())
}

/// Has a day compared, by its first instant in milliseconds since the Unix epoch, once Stripe has its sums.
pub(crate) fn begin(day: u64) -> Result<(), Error> {
    jobs::Plan::new().key(&format!("day:{day}")).enqueue(KIND, &Some(day)).map(drop)
}

/// Of a job for one day, or of the one for every night.
pub(crate) fn step(step: Step<Option<u64>, Place>) -> Result<Next<Place>, Error> {
    match step.payload {
        Some(day) => one_day(day, step.cursor),
        None => every_night(step.cursor),
    }
}

fn one_day(day: u64, place: Option<Place>) -> Result<Next<Place>, Error> {
    let (now, ready) = (clock::now(), day.saturating_add(DAY + HOUR_OF_NIGHT));
    if now < ready {
        return Ok(Next::LaterMs(ready - now));
    }
    let place = place.unwrap_or_default();
    let report = compare(&platform()?, day, place.after.as_deref())?;
    Ok(match report.next {
        Some(after) => Next::Again(Place { after: Some(after), ..place }),
        None => Next::Done(()),
    })
}

fn every_night(place: Option<Place>) -> Result<Next<Place>, Error> {
    let platform = platform()?;
    let now = clock::now();
    // written down first: a step that is done later begins anew, and would take the night after for its own
    let Some(place) = place else { return Ok(Next::Again(Place { night: next_night(now), ..Place::default() })) };
    if now < place.night {
        return Ok(Next::LaterMs(place.night - now));
    }
    let back = place.back.max(1);
    // days are counted from the night that they are compared in: a night may be worked on late, and past the one after it
    let report = compare(&platform, place.night.saturating_sub(back.saturating_mul(DAY)), place.after.as_deref())?;
    Ok(Next::Again(match report.next {
        Some(after) => Place { back, after: Some(after), ..place },
        None if back < DAYS => Place { back: back + 1, after: None, ..place },
        None => Place { back: 0, after: None, night: place.night.saturating_add(DAY) },
    }))
}

fn next_night(now: u64) -> u64 {
    let tonight = now - now % DAY + HOUR_OF_NIGHT;
    if tonight > now { tonight } else { tonight + DAY }
}

fn compare(platform: &Platform, day: u64, after: Option<&str>) -> Result<Report, Error> {
    let sums = entitlements::day_sums(day, after)?;
    let mut report = Report { compared: 0, gaps: Vec::new(), next: sums.next };
    for sum in sums.items {
        let Some(theirs) = theirs(platform, &sum, day)? else { continue };
        let missing = entitlements::compare_day(&sum.org, &sum.metric, day, theirs)?;
        report.compared += 1;
        if missing != 0 {
            let DaySum { org, metric, .. } = sum;
            log::warn("Stripe's meter has another sum", &[("org", &org), ("metric", &metric)]);
            report.gaps.push(Gap { org, metric, missing });
        }
    }
    Ok(report)
}

/// What Stripe has; none if no meter is named for it.
fn theirs(platform: &Platform, sum: &DaySum, day: u64) -> Result<Option<u64>, Error> {
    let Some(meter) = platform.meters.get(&sum.metric) else { return Ok(None) };
    let path = api::item("/v1/billing/meters", "/meter", &meter.meter)?;
    let start = (day - day % DAY) / SECOND;
    let parameters = json!({
        "customer": sum.customer,
        "start_time": start,
        "end_time": start + DAY / SECOND,
        "value_grouping_window": "day",
    });
    let found: List<Summary> = api::get(&format!("{path}/event_summaries"), &parameters)?.json()?;
    let mut total = 0_u64;
    for summary in &found.data {
        total = total.saturating_add(whole(&summary.aggregated_value)?);
    }
    Ok(Some(total))
}

/// A sum of whole numbers, however it is written: `12` or `12.0`.
fn whole(number: &Number) -> Result<u64, Error> {
    let text = number.to_string();
    let digits = text.strip_suffix(".0").unwrap_or(&text);
    digits.parse().map_err(|_| Error::upstream(200, format!("the sum of a meter is no whole number: {text}")))
}
