//! Facts published inside the hub.

use serde::Serialize;

use crate::{EventId, OrgId, PluginId, RunId, Timestamp};

/// One event. Ordered per org by `sequence`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Event {
    /// Its id.
    pub id: EventId,
    /// Whose it is.
    pub org: OrgId,
    /// The plugin that published it; none for the hub itself.
    pub source: Option<PluginId>,
    /// Its type, as in `stripe.invoice.payment_failed`.
    pub kind: String,
    /// What it is about.
    pub subject: String,
    /// Its facts.
    pub data: serde_json::Value,
    /// The publisher's own id of it: a second event with the same (org, source, dedupe) is dropped.
    pub dedupe: Option<String>,
    /// The run that published it.
    pub run: Option<RunId>,
    /// When.
    pub at: Timestamp,
}
