//! Published facts.

use patchbay_hub::SequencedEvent;
use patchbay_model::{EventId, OrgId, PluginId, RunId, Timestamp};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A fact published inside the hub.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Event {
    /// Its place in the org's order; the cursor.
    sequence: i64,
    /// Its id.
    #[schema(value_type = String)]
    id: EventId,
    /// Whose it is.
    #[schema(value_type = String)]
    org: OrgId,
    /// The plugin that published it; null for the hub itself.
    #[schema(value_type = Option<String>)]
    source: Option<PluginId>,
    /// Its type.
    #[schema(example = "stripe.invoice.paid")]
    kind: String,
    /// What it is about.
    subject: String,
    /// Its facts.
    data: Value,
    /// The publisher's own id of it.
    dedupe: Option<String>,
    /// The run that published it.
    #[schema(value_type = Option<String>)]
    run: Option<RunId>,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

impl From<SequencedEvent> for Event {
    fn from(event: SequencedEvent) -> Self {
        let SequencedEvent { sequence, event } = event;
        let patchbay_model::event::Event { id, org, source, kind, subject, data, dedupe, run, at } = event;
        Self { sequence, id, org, source, kind, subject, data, dedupe, run, at }
    }
}
