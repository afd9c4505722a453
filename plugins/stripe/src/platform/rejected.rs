//! Meter events that Stripe took and found wrong afterwards.
//!
//! Stripe tells of them by a thin notification, minutes later, and only some of them by name. Those that are named are refused from then
//! on. The days that they are of are compared once their sums are there: that finds the others as well, and what is missing is told
//! once more. It is not told at once, because what was wrong (a meter that is archived, a customer that is deleted) has to be mended
//! first.

use std::collections::BTreeSet;

use patchbay_sdk::{Error, clock, entitlements, log};
use serde::Deserialize;

use super::{DAY, SECOND, meter::Told, reconcile};
use crate::{api, config::Platform};

/// What Stripe calls such notifications: with a meter, and where an event fits none.
const KINDS: [&str; 2] = ["v1.billing.meter.error_report_triggered", "v1.billing.meter.no_meter_found"];

/// The longest of Stripe's words for one error, in characters.
const MAX_WORDS: usize = 500;

/// A thin notification: what matters here.
#[derive(Deserialize)]
pub(crate) struct Notification {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    object: String,
    #[serde(default)]
    related_object: Option<Meter>,
}

#[derive(Deserialize)]
struct Meter {
    id: String,
}

#[derive(Deserialize)]
struct Report {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    reason: Reason,
    /// From when on Stripe looked, in RFC 3339.
    #[serde(default)]
    validation_start: Option<String>,
    #[serde(default)]
    validation_end: Option<String>,
}

#[derive(Deserialize)]
struct Reason {
    error_types: Vec<ErrorType>,
}

#[derive(Deserialize)]
struct ErrorType {
    code: String,
    #[serde(default)]
    sample_errors: Vec<Sample>,
}

#[derive(Deserialize)]
struct Sample {
    error_message: String,
    request: Request,
}

#[derive(Deserialize)]
struct Request {
    identifier: String,
}

impl Notification {
    /// Is it about events of a meter that is told of usage here?
    fn concerns(&self, platform: &Platform) -> bool {
        let is_ours = |meter: &Meter| platform.meters.values().any(|own| own.meter == meter.id);
        // where there is no meter the events have to say whose they are
        self.object == "v2.core.event"
            && KINDS.contains(&self.kind.as_str())
            && self.related_object.as_ref().is_none_or(is_ours)
    }
}

/// Acts on what Stripe reports; nothing if it is about none of the meters here.
///
/// # Errors
/// What kept Stripe from saying which events it means; it is done again then.
pub(crate) fn take(platform: &Platform, notification: &Notification) -> Result<(), Error> {
    if !notification.concerns(platform) {
        return Ok(());
    }
    let path = api::item("/v2/core/events", "/id", &notification.id)?;
    let Report { data } = api::get(&path, &())?.json()?;
    let mut days = BTreeSet::new();
    for ErrorType { code, sample_errors } in &data.reason.error_types {
        for Sample { error_message, request } in sample_errors {
            let Some(Told { org, reading, at }) = Told::read(&request.identifier) else { continue };
            let words: String = error_message.chars().take(MAX_WORDS).collect();
            let why = format!("{code}: {words}");
            log::error("Stripe refuses used units that it took", &[("org", org), ("reading", reading), ("why", &why)]);
            entitlements::settle_reading(org, reading, Some(&why))?;
            days.insert(at.saturating_mul(SECOND) / DAY);
        }
    }
    if notification.related_object.is_some() {
        let looked = [&data.validation_start, &data.validation_end].into_iter().flatten();
        days.extend(looked.filter_map(|time| Some(clock::parse_rfc3339(time)? / DAY)));
    }
    days.into_iter().try_for_each(|day| reconcile::begin(day.saturating_mul(DAY)))
}
