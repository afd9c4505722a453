//! What comes after a call was logged: a recording is there minutes after the call has ended, and the summary of a transcript after
//! that. The call's record does not change by either, so nobody would write the task once more.
//!
//! It is added to the comment that the task has, whatever people have written there meanwhile.

use patchbay_sdk::events::Event;
use patchbay_sdk::jobs::Plan;
use patchbay_sdk::task::{Next, Step};
use patchbay_sdk::{Error, http, log, objects, records};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::note::{self, COMMENT};
use crate::api::{self, Org};
use crate::failure;
use crate::ids;
use crate::sync::Resource;

/// The kind of job in the manifest.
pub(crate) const JOB: &str = "complete-call";

/// How long it waits: a call that is being logged in this moment is logged by then.
const WAIT_MS: u64 = 60_000;

/// The state of a recording or transcript that can be used.
const AVAILABLE: &str = "available";

/// A call of which there is more.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Late {
    /// The id of its record.
    call: String,
}

/// A recording or a transcript.
#[derive(Deserialize)]
struct OfCall {
    status: String,
    call_id: Option<String>,
}

/// Takes in that a recording or a transcript was written.
pub(crate) fn take(event: &Event) -> Result<(), Error> {
    let (object, _) = event.kind.split_once('.').unwrap_or_default();
    if ![objects::RECORDING, objects::TRANSCRIPT].contains(&object) {
        return Ok(());
    }
    let Some(found) = records::get::<OfCall>(object, &event.subject)? else { return Ok(()) };
    match found.data {
        OfCall { status, call_id: Some(call) } if status == AVAILABLE => {
            Plan::new().after_ms(WAIT_MS).enqueue(JOB, &Late { call }).map(drop)
        }
        _ => Ok(()),
    }
}

/// Adds to a task what it does not say yet. Nothing to a call that has none.
pub(crate) fn complete(step: Step<Late, ()>) -> Result<Next<(), ()>, Error> {
    let Late { call } = step.payload;
    let Some(found) = records::get::<Value>(objects::CALL, &call)? else { return Ok(Next::Done(())) };
    let linked = found.data.pointer("/external_ids/salesforce").and_then(Value::as_str).and_then(ids::whole);
    let Some(task) = linked else { return Ok(Next::Done(())) };
    let lines = note::additions(&call, &found.data)?;
    if lines.is_empty() {
        return Ok(Next::Done(()));
    }
    let org = Org::load()?;
    let url = org.object_url(Resource::Task.name(), &format!("/{task}"))?;
    let answer = match api::send(http::Request::get(url.clone()).query("fields", COMMENT)) {
        Ok(answer) => answer,
        // deleted there: the next change of the call finds that out
        Err(error) if failure::is(&error, "NOT_FOUND") || failure::is(&error, "ENTITY_IS_DELETED") => {
            return Ok(Next::Done(()));
        }
        Err(error) => return Err(error),
    };
    let record: Map<String, Value> = answer.read()?;
    // Salesforce may have broken the lines in its own way
    let said = record.get(COMMENT).and_then(Value::as_str).unwrap_or_default().replace('\r', "");
    let missing: Vec<String> = lines.into_iter().filter(|line| !said.contains(&line.replace('\r', ""))).collect();
    if missing.is_empty() {
        return Ok(Next::Done(()));
    }
    let whole = note::comment(&said, &missing);
    if whole.starts_with(said.trim_end()) {
        api::send_json(http::Request::patch(url).repeatable(true), &json!({COMMENT: whole}))?;
    } else {
        // what people wrote is not cut off for it
        log::warn("the comment of a task has no room for the links to its recordings", &[("task", &task)]);
    }
    Ok(Next::Done(()))
}
