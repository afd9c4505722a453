//! The standard object `recording`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{CallState, Recording, RecordingStatus, What};
use crate::{text, time};

pub(super) fn objects(state: &CallState) -> Vec<(String, Value)> {
    let mut by_id = BTreeMap::<&str, Vec<&Recording>>::new();
    for fact in state.facts.values() {
        if let What::Recorded(recording) = &fact.what {
            by_id.entry(&recording.id).or_default().push(recording);
        }
    }
    by_id.into_iter().map(|(id, told)| (text::object_id(&state.source, id), object(state, id, &told))).collect()
}

/// One recording out of all that was told of it. What several tellings say differently is as the furthest one says.
fn object(state: &CallState, id: &str, told: &[&Recording]) -> Value {
    let mut told = told.to_vec();
    told.sort_by(|one, other| other.status.cmp(&one.status).then_with(|| one.cmp(other)));
    let first = |member: fn(&Recording) -> Option<Value>| told.iter().find_map(|recording| member(recording));
    let status = told.first().map_or(RecordingStatus::Processing, |recording| recording.status);

    let mut object = Map::new();
    object.insert("call_id".into(), state.object_id().into());
    object.insert("status".into(), status.as_str().into());
    let members: [(&str, Option<Value>); 5] = [
        ("started_at", first(|recording| recording.started_at.map(|at| time::rfc3339(at).into()))),
        ("ended_at", first(|recording| recording.ended_at.map(|at| time::rfc3339(at).into()))),
        ("duration_s", first(|recording| recording.duration_s.map(Value::from))),
        ("channels", first(|recording| recording.channels.filter(|count| (1..=64).contains(count)).map(Value::from))),
        ("content_type", first(|recording| recording.content_type.clone().map(Value::from))),
    ];
    for (name, value) in members {
        if let Some(value) = value {
            object.insert(name.to_owned(), value);
        }
    }
    // an address and until when it works belong together
    let addressed = told.iter().find(|recording| {
        recording.url.as_ref().is_some_and(|url| url.starts_with("https://") || url.starts_with("http://"))
    });
    if let Some(recording) = addressed
        && status == RecordingStatus::Available
    {
        object.insert("url".into(), json!(recording.url));
        if let Some(at) = recording.url_expires_at {
            object.insert("url_expires_at".into(), time::rfc3339(at).into());
        }
    }
    if let Some(ids) = text::external_ids(&state.source, id) {
        object.insert("external_ids".into(), ids);
    }
    Value::Object(object)
}

impl RecordingStatus {
    /// As the object has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Recording => "recording",
            Self::Processing => "processing",
            Self::Failed => "failed",
            Self::Available => "available",
            Self::Deleted => "deleted",
        }
    }
}
