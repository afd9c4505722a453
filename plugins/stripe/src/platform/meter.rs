//! Usage above the plans, told to Stripe's meters.
//!
//! The hub keeps what is to be told and gives it again until it is settled. A reading's id is the identifier of Stripe's meter
//! event, which Stripe takes once: a crash between the two, or an answer that never came, changes no sum. The requests carry no
//! idempotency key that outlives them, because Stripe would answer an error with the same error for a day.

use patchbay_sdk::{
    Error, clock, entitlements,
    entitlements::Reading,
    log,
    task::{Next, Step},
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{SECOND, platform};
use crate::{api, config::Platform};

/// What its job is called.
pub(crate) const KIND: &str = "billing-meter";

/// Readings of one step: each is a request.
const READINGS: usize = 100;
/// How long to wait where Stripe cannot take more now, in milliseconds, if it does not say.
const PAUSE_MS: u64 = 1_000;

/// How far it has come.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Place {
    /// Organizations after this one.
    #[serde(default)]
    after: Option<String>,
    /// Nothing before that, in milliseconds since the Unix epoch.
    #[serde(default)]
    not_before: u64,
}

/// What became of a reading.
enum Told {
    Taken,
    Refused(String),
    Later(u64),
}

pub(crate) fn step(step: Step<(), Place>) -> Result<Next<Place>, Error> {
    let platform = platform()?;
    let place = step.cursor.unwrap_or_default();
    let now = clock::now();
    if now < place.not_before {
        return Ok(Next::LaterMs(place.not_before - now));
    }
    let due = entitlements::due_readings(place.after.as_deref())?;
    let more = due.items.len() > READINGS;
    for reading in due.items.into_iter().take(READINGS) {
        match tell(&platform, &reading)? {
            Told::Taken => entitlements::settle_reading(&reading.org, &reading.id, None)?,
            Told::Refused(why) => {
                let about = [("org", reading.org.as_str()), ("metric", reading.metric.as_str()), ("why", why.as_str())];
                log::error("Stripe does not take used units", &about);
                entitlements::settle_reading(&reading.org, &reading.id, Some(&why))?;
            }
            Told::Later(wait) => return Ok(Next::LaterMs(wait)),
        }
    }
    Ok(Next::Again(match due.next {
        // those that were told are not due any more
        _ if more => place,
        Some(after) => Place { after: Some(after), not_before: 0 },
        None => {
            let pause = u64::from(platform.report_seconds).saturating_mul(SECOND);
            Place { after: None, not_before: now.saturating_add(pause) }
        }
    }))
}

fn tell(platform: &Platform, reading: &Reading) -> Result<Told, Error> {
    let Some(meter) = platform.meters.get(&reading.metric) else {
        return Ok(Told::Refused(format!("the settings name no meter for {}", reading.metric)));
    };
    let parameters = json!({
        "event_name": meter.event_name,
        "identifier": reading.id,
        "timestamp": reading.at / SECOND,
        "payload": { "stripe_customer_id": reading.customer, "value": reading.units.to_string() },
    });
    match api::post("/v1/billing/meter_events", &parameters, None) {
        Ok(_) => Ok(Told::Taken),
        Err(Error::Invalid(wrong)) => {
            let words: Vec<_> = wrong.iter().map(|wrong| format!("{}: {}", wrong.pointer, wrong.expected)).collect();
            Ok(refused(words.join("; ")))
        }
        Err(Error::Upstream(failure)) if is_final(failure.status) => Ok(refused(failure.message)),
        Err(Error::Upstream(failure)) => Ok(Told::Later(failure.retry_after_ms.unwrap_or(PAUSE_MS).max(1))),
        Err(Error::Conflict(_) | Error::Timeout | Error::Unavailable(_)) => Ok(Told::Later(PAUSE_MS)),
        Err(Error::RateLimited(wait)) => Ok(Told::Later(wait.max(1))),
        // the key does not work, or something is not granted: somebody has to see to it
        Err(error) => Err(error),
    }
}

/// Stripe does not document how it says that it knows an identifier; that it names it is all that can be relied on.
fn refused(why: String) -> Told {
    let words = why.to_ascii_lowercase();
    let is_known = words.contains("identifier") && (words.contains("already") || words.contains("exist"));
    if is_known { Told::Taken } else { Told::Refused(why) }
}

/// Would another try be answered in the same way?
fn is_final(status: u16) -> bool {
    (400..500).contains(&status) && !matches!(status, 401 | 403 | 408 | 409 | 423 | 425 | 429)
}
