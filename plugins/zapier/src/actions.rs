//! The typed operations.

use patchbay_sdk::{Call, Error, installation};
use serde_json::{Map, Value};

use crate::config::Config;
use crate::types::{Hook, Me, Nothing, Push, Pushed, Sample, Subscribe, Unsubscribe, Unsubscribed};
use crate::{delivery, hook, sample};

/// Samples if nobody says how many.
pub(crate) const SAMPLES: usize = 3;

/// The most samples.
pub(crate) const MOST_SAMPLES: usize = 100;

pub(crate) fn auth_test(_: Call<Nothing>) -> Result<Me, Error> {
    me()
}

/// Which installation this is.
pub(crate) fn me() -> Result<Me, Error> {
    let config: Config = installation::config()?;
    // The address of the installation is its own for good, and nobody's business.
    let id = format!("inst_{}", hook::digest(&[&installation::webhook_url()]));
    Ok(Me { id, name: config.label.unwrap_or_else(|| "Patchbay".to_owned()) })
}

pub(crate) fn subscribe(call: Call<Subscribe>) -> Result<Hook, Error> {
    hook::subscribe(call.input)
}

pub(crate) fn unsubscribe(call: Call<Unsubscribe>) -> Result<Unsubscribed, Error> {
    let existed = hook::unsubscribe(&call.input.id)?;
    Ok(Unsubscribed { id: call.input.id, existed })
}

pub(crate) fn list_hooks(_: Call<Nothing>) -> Result<Vec<Hook>, Error> {
    hook::list()
}

pub(crate) fn sample(call: Call<Sample>) -> Result<Vec<Map<String, Value>>, Error> {
    samples(&call.input.event, call.input.limit.map_or(SAMPLES, |limit| limit as usize))
}

/// The last events of a type, as they were or would have been pushed, newest first.
pub(crate) fn samples(event: &str, limit: usize) -> Result<Vec<Map<String, Value>>, Error> {
    if !hook::is_pattern(event) {
        return Err(Error::invalid("/event", "a type of event as in stripe.invoice.paid, a name and .*, or *"));
    }
    sample::of(event, limit.clamp(1, MOST_SAMPLES))
}

pub(crate) fn push(call: Call<Push>) -> Result<Pushed, Error> {
    let (run, key) = (call.run, call.idempotency_key);
    let mut payload = call.input.payload;
    if payload.get("id").is_none_or(Value::is_null) {
        payload.insert("id".to_owned(), Value::String(key.unwrap_or(run)));
    }
    delivery::push_to_catch_hook(&payload)?;
    Ok(Pushed { id: payload.remove("id").unwrap_or_default() })
}
