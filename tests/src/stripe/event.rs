//! What happened, to be read again.

use serde_json::Value;

use super::{
    list::{Page, Times},
    parameters::Parameters,
    refusal::Refusal,
    state::State,
};

pub(super) fn get(state: &mut State, ids: &[&str], p: Parameters) -> Result<Value, Refusal> {
    p.finish()?;
    let found = state.events.iter().find(|event| event["id"] == *ids[0] && event["object"] == "event");
    found.cloned().ok_or_else(|| Refusal::no_such(404, "event", ids[0], "id"))
}

/// What happened, by the second version of the API: what a thin notification is about, with its data.
pub(super) fn get_thin(state: &State, id: &str) -> Result<Value, Refusal> {
    let found = state.events.iter().find(|event| event["id"] == *id && event["object"] == "v2.core.event");
    found.cloned().ok_or_else(|| Refusal::no_such(404, "event", id, "id"))
}

pub(super) fn list(state: &mut State, _: &[&str], mut p: Parameters) -> Result<Value, Refusal> {
    let page = Page::read(&mut p)?;
    let created = Times::read(&mut p, "created")?;
    let mut kinds = p.texts("types")?;
    kinds.extend(p.text("type")?);
    p.finish()?;
    let is_one = |kind: &str| {
        let fits = |wanted: &String| match wanted.strip_suffix('*') {
            Some(below) => kind.starts_with(below),
            None => kind == wanted,
        };
        kinds.is_empty() || kinds.iter().any(fits)
    };
    let wanted = |event: &&Value| {
        event["object"] == "event"
            && event["created"].as_i64().is_some_and(|time| created.holds(time))
            && event["type"].as_str().is_some_and(is_one)
    };
    page.of("/v1/events", state.events.iter().rev().filter(wanted))
}
