//! What goes into a plugin's exports, and what comes out of them.

use std::{sync::Arc, time::Duration};

use patchbay_model::RunId;

use crate::{
    capabilities::{source::BodyStream, storage::Reach},
    entitlements::Entitlements,
    once::Once,
    peers::Peers,
    spending::Spending,
    tenant::Tenant,
};

/// For whom and as which run a call is made.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// The installation.
    pub tenant: Arc<Tenant>,
    /// The run that the call will be logged as.
    pub run: RunId,
    /// The limit of the action or of the route, where it has one.
    pub timeout: Option<Duration>,
    /// The budgets that it spends of, if there are any.
    pub spending: Option<Arc<dyn Spending>>,
    /// What it may tell of organizations' plans; only for the plugin and the org through which the operator is paid.
    pub entitlements: Option<Arc<dyn Entitlements>>,
    /// Through whom it calls other plugins; none for one whose manifest names none, and for a check or a mere question, of
    /// which nothing may stay.
    pub peers: Option<Arc<dyn Peers>>,
    /// The write that this call does, if it is to be done once.
    pub once: Option<Arc<Once>>,
    /// How far the hub's storage is within its reach.
    pub reach: Reach,
}

/// One call of an action.
pub struct ActionCall {
    /// Its name in the manifest.
    pub action: String,
    /// JSON, valid by the action's input schema.
    pub input: String,
    /// A file sent beside the input, and its size if it is known.
    pub attachment: Option<(BodyStream, Option<u64>)>,
    /// The caller's Idempotency-Key.
    pub idempotency_key: Option<String>,
}

/// What an action gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ActionOutput {
    /// JSON text, not yet checked against the output schema.
    Json(String),
    /// The id of a blob of this org.
    Blob(String),
    /// A media type and bytes.
    Bytes(String, Vec<u8>),
}

/// A request in the vendor's shape.
pub struct ProxyCall {
    /// Upper-case.
    pub method: String,
    /// With its leading slash.
    pub path: String,
    /// Without the question mark.
    pub query: String,
    /// Without hop-by-hop headers and the hub's key.
    pub headers: Vec<(String, String)>,
    /// The client's body.
    pub body: BodyStream,
    /// Its announced size, in bytes.
    pub size: Option<u64>,
}

/// A vendor's webhook.
#[derive(Debug, Clone)]
pub struct WebhookCall {
    /// Upper-case.
    pub method: String,
    /// The public URL that was called.
    pub url: String,
    /// As they came.
    pub headers: Vec<(String, String)>,
    /// As it came.
    pub body: bytes::Bytes,
}

/// What a genuine webhook is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The vendor's id of it.
    pub id: String,
    /// The vendor's name for its kind.
    pub kind: String,
    /// When it happened, in milliseconds since the epoch.
    pub occurred_at: Option<u64>,
    /// The vendor waits for what processing answers.
    pub in_line: bool,
}

/// An answer to a vendor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

/// What a plugin says of a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is from the vendor.
    Genuine(Receipt),
    /// It is not, for this reason.
    Refused(String),
    /// Answer this and keep nothing.
    Answer(Answer),
}

/// An event of the hub for a plugin.
#[derive(Debug, Clone)]
pub struct EventCall {
    /// Stable over repeats.
    pub id: String,
    /// Its type.
    pub kind: String,
    /// What it is about.
    pub subject: String,
    /// Who published it.
    pub source: String,
    /// When, in milliseconds since the epoch.
    pub time: u64,
    /// JSON text.
    pub data: String,
}

/// A step of a job.
#[derive(Debug, Clone)]
pub struct TaskCall {
    /// The job's id.
    pub job: String,
    /// Its kind.
    pub kind: String,
    /// JSON that the job was made with.
    pub payload: String,
    /// JSON that the step before gave.
    pub cursor: Option<String>,
    /// 1 for the first try of this step.
    pub attempt: u32,
}

/// What is left of a job after a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepOutcome {
    /// Finished, with a result.
    Done(Option<String>),
    /// Another step from this cursor; progress in per mille, if known.
    Again(String, Option<u32>),
    /// The same step later, in so many milliseconds.
    Later(u64),
}
