//! What is known of calls: kept as facts, shown as the standard object `call`, metered when legs have ended.

use patchbay_sdk::task::{Next, Step};
use patchbay_sdk::usage::{self, Basis};
use patchbay_sdk::{Error, jobs, objects, records};
use patchbay_telephony::fold::{CallState, Fact};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::menu;

/// The kind of job in the manifest.
pub(crate) const JOB: &str = "fold-call";

/// The collection in the manifest.
const CALLS: &str = "calls";

/// What ids of this plugin's records of standard objects begin with.
const SOURCE: &str = "telnyx";

/// Facts that are to be added to a call.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Work {
    /// Telnyx' id of it: of its session, or, by TeXML, of its first leg.
    pub(crate) call: String,
    pub(crate) facts: Vec<Fact>,
}

/// A call as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "TelnyxCallRecord")]
pub(crate) struct Stored {
    /// All that Telnyx and the menu have told of it.
    state: Map<String, Value>,
}

impl Work {
    /// Has them added by a job: for a run that must not be refused because somebody else writes the call at the same time.
    pub(crate) fn plan(&self) -> Result<(), Error> {
        if self.facts.is_empty() {
            return Ok(());
        }
        jobs::enqueue(JOB, self).map(drop)
    }

    /// Adds them. A run that somebody else was faster than is done again.
    pub(crate) fn fold(self) -> Result<(), Error> {
        if self.facts.is_empty() {
            return Ok(());
        }
        let found = records::get::<Stored>(CALLS, &self.call)?;
        let version = found.as_ref().map_or(0, |found| found.version);
        let mut state = match found {
            Some(found) => read(found.data)?,
            None => CallState::new(SOURCE, &self.call),
        };
        let was_left = state.has_left_menu();
        let changed = self.facts.into_iter().fold(false, |changed, fact| state.add(fact) | changed);
        if !changed {
            return Ok(());
        }
        records::put(CALLS, &self.call, &Stored { state: written(&state)? }, Some(version))?;
        show(&state)?;
        meter(&self.call, &state)?;
        if !was_left && state.has_left_menu() {
            menu::hung_up(&self.call);
        }
        Ok(())
    }
}

/// Does one job.
pub(crate) fn step(step: Step<Work, ()>) -> Result<Next<()>, Error> {
    step.payload.fold().map(Next::Done)
}

/// The id of a call's standard object.
pub(crate) fn object_id(call: &str) -> String {
    CallState::new(SOURCE, call).object_id()
}

fn read(stored: Stored) -> Result<CallState, Error> {
    serde_json::from_value(Value::Object(stored.state))
        .map_err(|error| Error::Internal(format!("a kept call: {error}")))
}

fn written(state: &CallState) -> Result<Map<String, Value>, Error> {
    match serde_json::to_value(state) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(Error::Internal("a call's state is an object".to_owned())),
        Err(error) => Err(Error::Internal(error.to_string())),
    }
}

/// Writes what the facts say over what is there; what others know of the call stays.
fn show(state: &CallState) -> Result<(), Error> {
    let Value::Object(object) = state.to_object() else {
        return Err(Error::Internal("a call's object is an object".to_owned()));
    };
    objects::change(objects::CALL, &state.object_id(), |fields| merge(fields, object)).map(drop)
}

/// Members in place of those of the same name; of `extra` and `external_ids`, member by member.
pub(crate) fn merge(fields: &mut Map<String, Value>, new: Map<String, Value>) {
    for (name, value) in new {
        let joins = name == "extra" || name == "external_ids";
        let there = fields.get_mut(&name).filter(|_| joins && value.is_object());
        if let Some(there) = there.and_then(Value::as_object_mut) {
            there.extend(value.as_object().cloned().unwrap_or_default());
            continue;
        }
        fields.insert(name, value);
    }
}

/// A call counts once, and each leg's minutes once, when it has ended: the ids make a repeat harmless.
fn meter(call: &str, state: &CallState) -> Result<(), Error> {
    usage::add("call", 1, Basis::Reported, Some(&usage_id(call)))?;
    for leg in state.billing() {
        if leg.minutes > 0 {
            usage::add("minute", leg.minutes, Basis::Reported, Some(&usage_id(&leg.leg)))?;
        }
    }
    Ok(())
}

/// An id of Telnyx, short enough for one of usage.
fn usage_id(id: &str) -> String {
    if id.len() <= 128 { id.to_owned() } else { crate::command::uuid(&["usage", id]) }
}
