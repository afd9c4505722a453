//! What is known of a call only after it was told: its recording, and what was said in it.

use patchbay_sdk::events::Event;
use patchbay_sdk::{Error, clock, log, objects, records};
use serde_json::{Map, Value};

use super::{RECORDING_URL, external_id, has_ended, of_transcripts, recording, text, words};
use crate::api::Api;
use crate::config::Config;
use crate::failure;
use crate::push::batch::{self, Fate, Input};
use crate::resource::Resource;

/// How long a call that HubSpot does not have may be on its way there, in milliseconds. One of which nothing is told is not looked at again.
const ON_ITS_WAY_MS: u64 = 60_000;

/// Adds what a recording or a transcript says to the call in HubSpot.
pub(crate) fn take(event: &Event) -> Result<(), Error> {
    let object = match event.kind.rsplit_once('.') {
        Some((objects::RECORDING, _)) => objects::RECORDING,
        Some((objects::TRANSCRIPT, _)) => objects::TRANSCRIPT,
        _ => return Ok(()),
    };
    let Some(found) = records::get::<Value>(object, &event.subject)? else { return Ok(()) };
    let record = text(&found.data, "call_id");
    if record.is_empty() {
        return Ok(());
    }
    let call = records::get::<Value>(objects::CALL, record)?;
    // one that goes on is told with all that there is when it ends
    let Some(call) = call.map(|found| found.data).filter(has_ended) else { return Ok(()) };
    let Some((name, value)) = property(object, record, &call)? else { return Ok(()) };
    let Some(id) = external_id(&call) else {
        let age = clock::now().saturating_sub(event.time);
        return if age < ON_ITS_WAY_MS { Err(Error::RateLimited(ON_ITS_WAY_MS - age)) } else { Ok(()) };
    };
    let properties: Map<String, Value> = [(name.to_owned(), Value::from(value))].into_iter().collect();
    let api = Api::of(&Config::load()?);
    let input = Input::write(0, Some(&id), "", properties);
    for (_, fate) in batch::send(&api, Resource::Calls, vec![input]).map_err(failure::deferred)? {
        if let Fate::Refused { message, .. } = fate {
            log::warn("HubSpot does not take what was learned of a call", &[("property", name), ("reason", &message)]);
        }
    }
    Ok(())
}

/// The property of the call that says it; none if there is nothing to say yet.
fn property(object: &str, record: &str, call: &Value) -> Result<Option<(&'static str, String)>, Error> {
    if object == objects::RECORDING {
        return Ok(recording(record)?.map(|url| (RECORDING_URL, url)));
    }
    // a call's own summary goes before that of a transcript
    if !text(call, "summary").is_empty() {
        return Ok(None);
    }
    let summary = of_transcripts(record)?;
    Ok((!summary.is_empty()).then(|| ("hs_call_body", words::body(&summary))))
}
