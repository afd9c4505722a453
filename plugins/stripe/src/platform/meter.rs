//! Usage above the plans, told to Stripe's meters.
//!
//! The hub keeps what is to be told and gives it again until it is settled. The identifier of Stripe's meter event is made of the
//! reading's id, and Stripe takes it once: a crash between the two, or an answer that never came, changes no sum. The requests carry
//! no idempotency key that outlives them, because Stripe would answer an error with the same error for a day.
//!
//! What Stripe finds wrong only after it took it, it tells by these identifiers; [`super::rejected`] acts on it.

use patchbay_sdk::{
    Error, clock, entitlements,
    entitlements::Reading,
    log,
    task::{Next, Step},
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{SECOND, is_org, platform};
use crate::{api, config::Platform};

/// What its job is called.
pub(crate) const KIND: &str = "billing-meter";

/// Readings of one step: each is a request.
const READINGS: usize = 100;
/// Readings that Stripe cannot take now before a step gives up: one customer's trouble holds nobody else up, and trouble with all
/// of them is not made worse.
const FAILING: u32 = 3;
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
enum Became {
    Taken,
    Refused(String),
    Later(u64),
}

/// A reading that Stripe was told of, as the identifier of its event names it. Stripe takes at most 100 characters.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Told<'a> {
    pub(crate) org: &'a str,
    pub(crate) reading: &'a str,
    /// When, in seconds since the Unix epoch.
    pub(crate) at: u64,
}

impl<'a> Told<'a> {
    fn identifier(reading: &Reading) -> String {
        format!("{}.{}.{}", reading.org, reading.id, reading.at / SECOND)
    }

    /// Of an identifier, or of an idempotency key that begins with one; none for those of others.
    pub(crate) fn read(identifier: &'a str) -> Option<Self> {
        let mut parts = identifier.split('.');
        let (org, reading, at) = (parts.next()?, parts.next()?, parts.next()?.parse().ok()?);
        let digits = reading.strip_prefix("rdg_")?;
        let is_reading = digits.len() == 32 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        (is_org(org) && is_reading).then_some(Self { org, reading, at })
    }
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
    let (mut failing, mut wait) = (0, None);
    for reading in due.items.into_iter().take(READINGS) {
        match tell(&platform, &reading)? {
            Became::Taken => entitlements::settle_reading(&reading.org, &reading.id, None)?,
            Became::Refused(why) => {
                let about = [("org", reading.org.as_str()), ("metric", reading.metric.as_str()), ("why", why.as_str())];
                log::error("Stripe does not take used units", &about);
                entitlements::settle_reading(&reading.org, &reading.id, Some(&why))?;
            }
            Became::Later(ms) => {
                (failing, wait) = (failing + 1, Some(ms));
                if failing >= FAILING {
                    break;
                }
            }
        }
    }
    // where other organizations come after these, what Stripe cannot take now waits for the next round
    if let Some(wait) = wait
        && (more || failing >= FAILING || due.next.is_none())
    {
        return Ok(Next::LaterMs(wait));
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

fn tell(platform: &Platform, reading: &Reading) -> Result<Became, Error> {
    let Some(meter) = platform.meters.get(&reading.metric) else {
        return Ok(Became::Refused(format!("the settings name no meter for {}", reading.metric)));
    };
    let identifier = Told::identifier(reading);
    // Stripe's libraries call what a report of errors names an event by its idempotency key, and its pages the identifier: so the
    // one begins with the other
    let key = format!("{identifier}.{}", clock::now());
    let parameters = json!({
        "event_name": meter.event_name,
        "identifier": identifier,
        "timestamp": reading.at / SECOND,
        "payload": { "stripe_customer_id": reading.customer, "value": reading.units.to_string() },
    });
    match api::post("/v1/billing/meter_events", &parameters, Some(&key)) {
        Ok(_) => Ok(Became::Taken),
        Err(Error::Invalid(wrong)) => {
            let words: Vec<_> = wrong.iter().map(|wrong| format!("{}: {}", wrong.pointer, wrong.expected)).collect();
            Ok(refused(words.join("; ")))
        }
        Err(Error::Upstream(failure)) if is_final(failure.status) => Ok(refused(failure.message)),
        Err(Error::Upstream(failure)) => Ok(Became::Later(failure.retry_after_ms.unwrap_or(PAUSE_MS).max(1))),
        Err(Error::Conflict(_) | Error::Timeout | Error::Unavailable(_)) => Ok(Became::Later(PAUSE_MS)),
        Err(Error::RateLimited(wait)) => Ok(Became::Later(wait.max(1))),
        // the key does not work, or something is not granted: somebody has to see to it
        Err(error) => Err(error),
    }
}

/// Stripe does not document how it says that it knows an identifier; that it names it is all that can be relied on.
fn refused(why: String) -> Became {
    let words = why.to_ascii_lowercase();
    let is_known = words.contains("identifier") && (words.contains("already") || words.contains("exist"));
    if is_known { Became::Taken } else { Became::Refused(why) }
}

/// Would another try be answered in the same way?
fn is_final(status: u16) -> bool {
    (400..500).contains(&status) && !matches!(status, 401 | 403 | 408 | 409 | 423 | 425 | 429)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_names_its_reading_and_others_name_none() {
        let (org, reading) = (format!("org_{}", "0a".repeat(16)), format!("rdg_{}", "1b".repeat(16)));
        let at = 1_793_491_200_999;
        let own = Reading {
            org: org.clone(),
            customer: "cus_1".to_owned(),
            id: reading.clone(),
            metric: "minutes".to_owned(),
            units: 7,
            at,
        };
        let identifier = Told::identifier(&own);
        assert!(identifier.len() <= 100, "{identifier}");
        let told = Told { org: &org, reading: &reading, at: at / SECOND };
        assert_eq!(Told::read(&identifier), Some(told));
        assert!(Told::read(&format!("{identifier}.1793491300000")).is_some());
        for other in [
            "",
            "a.b.c",
            &org,
            &format!("{org}.{reading}"),
            &format!("{org}.{reading}.x"),
            &format!("{reading}.{org}.1"),
        ] {
            assert_eq!(Told::read(other), None, "{other}");
        }
    }
}
