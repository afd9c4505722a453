//! Published facts, and what facts there are.

use patchbay_hub::{CloudEvent, EventTypeView, SequencedEvent};
use patchbay_model::{EventId, OrgId, RunId};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A fact published inside the hub, as a CloudEvent 1.0.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Event {
    /// The version of CloudEvents: `1.0`.
    specversion: &'static str,
    /// Its id, the same however often it is told.
    #[schema(value_type = String)]
    id: EventId,
    /// Who published it: `/plugins/` and a plugin's id, or `/patchbay`.
    #[schema(example = "/plugins/stripe")]
    source: String,
    /// Its type.
    #[serde(rename = "type")]
    #[schema(example = "stripe.invoice.paid")]
    kind: String,
    /// What it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    /// When.
    #[schema(format = DateTime)]
    time: String,
    /// Of its data: `application/json`.
    datacontenttype: &'static str,
    /// Its place in the org's order: digits, with zeros before them, so that texts compare as numbers do.
    #[schema(example = "0000000000000000042")]
    sequence: String,
    /// Whose it is.
    #[schema(value_type = String)]
    orgid: OrgId,
    /// The run that published it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    runid: Option<RunId>,
    /// Its facts, by the schema of its type.
    data: Value,
}

impl From<SequencedEvent> for Event {
    fn from(event: SequencedEvent) -> Self {
        let CloudEvent {
            specversion,
            id,
            source,
            kind,
            subject,
            time,
            datacontenttype,
            sequence,
            orgid,
            runid,
            timestamp: _,
            data,
        } = CloudEvent::new(event.sequence, event.event);
        Self { specversion, id, source, kind, subject, time, datacontenttype, sequence, orgid, runid, data }
    }
}

/// A type of event.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventType {
    /// Its name; one that ends with `.*` stands for all types below it.
    #[serde(rename = "type")]
    #[schema(example = "call.created")]
    kind: String,
    /// When it is published.
    description: String,
    /// Who publishes it, as in events; null for what any plugin can cause.
    #[schema(example = "/plugins/stripe")]
    source: Option<String>,
    /// What its data looks like (JSON Schema 2020-12); null if its plugin does not say.
    schema: Option<Value>,
    /// Data as it could be.
    example: Option<Value>,
}

impl From<EventTypeView> for EventType {
    fn from(view: EventTypeView) -> Self {
        let EventTypeView { kind, description, source, schema, example } = view;
        Self { kind, description, source, schema, example }
    }
}
