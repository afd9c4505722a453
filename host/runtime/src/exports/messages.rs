//! What goes into a plugin's exports, and what comes out of them.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use patchbay_model::RunId;
use serde_json::{Map, Value};

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

/// What a field of a vendor's resource holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncFieldKind {
    /// Text.
    Text,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// A day.
    Date,
    /// An instant.
    Time,
    /// One of the field's choices, or several.
    Choice,
    /// The vendor's id of something else.
    Reference,
}

/// A field of a vendor's resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncField {
    /// As the vendor calls it; 1 to 256 bytes.
    pub name: String,
    /// For people; at most 1,024 bytes.
    pub title: String,
    /// What it holds.
    pub kind: SyncFieldKind,
    /// The vendor makes nothing without it.
    pub required: bool,
    /// It can be read.
    pub readable: bool,
    /// It can be written.
    pub writable: bool,
    /// No two have the same value.
    pub unique: bool,
    /// Other accounts of the vendor need not have it.
    pub custom: bool,
    /// Its values, if it has a list of them; at most 5,000 of at most 1,024 bytes.
    pub choices: Vec<String>,
}

/// What is read of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SyncScope {
    /// All that there is.
    All,
    /// What changed at this time or later, in milliseconds since the epoch.
    Since(u64),
    /// These, by the vendor's ids; at most 100.
    Ids(Vec<String>),
    /// Those of which the field equals one of the values; at most 100.
    Matching {
        /// The vendor's name of the field.
        field: String,
        /// Some of its values.
        values: Vec<String>,
    },
}

/// A page that a plugin is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncPull {
    /// The vendor's resource.
    pub resource: String,
    /// The vendor's names of the fields that are wanted.
    pub fields: Vec<String>,
    /// What is read.
    pub scope: SyncScope,
    /// What the page before gave as its next.
    pub cursor: Option<Value>,
    /// What is kept between runs.
    pub state: Option<Value>,
    /// Items that the page may have.
    pub limit: u32,
}

/// What a vendor has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncItem {
    /// The vendor's id; 1 to 256 bytes.
    pub id: String,
    /// When it was last changed by the vendor's clock, in milliseconds since the epoch; before the year 10000.
    pub modified_at: Option<u64>,
    /// Where a person sees it; begins with `https://`, at most 2,048 bytes.
    pub url: Option<String>,
    /// The vendor's names of fields to scalars and lists of scalars.
    pub fields: Map<String, Value>,
}

/// One thing that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SyncChange {
    /// It is there, like this.
    Found(SyncItem),
    /// The one with this id is not there any more.
    Deleted(String),
    /// Several became one.
    Merged {
        /// The id of the one that is left.
        into: String,
        /// The ids of those that are gone: at least one, and not the one that is left.
        gone: Vec<String>,
    },
}

/// A page that a plugin gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncPage {
    /// At most as many items as were asked for, and 2,000 changes in all, of which each id that is gone is one.
    pub changes: Vec<SyncChange>,
    /// The cursor of the next page; none on the last. At most 64 KiB as JSON.
    pub next: Option<Value>,
    /// The vendor's time up to which all was read, in milliseconds since the epoch; before the year 10000.
    pub mark: Option<u64>,
    /// What is kept between runs from now on; none leaves what is kept. At most 64 KiB as JSON.
    pub state: Option<Value>,
    /// How many items there are in all.
    pub total: Option<u64>,
    /// No request before so many milliseconds have passed; at most a day.
    pub pause_ms: Option<u64>,
}

/// What is to become of something at the vendor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncWrite {
    /// The same for repeats of this write, and of no other.
    pub key: String,
    /// The record's id.
    pub record: String,
    /// The vendor's id; none to make it.
    pub id: Option<String>,
    /// The vendor's names of the fields to set, to their values.
    pub fields: Map<String, Value>,
    /// It is to be deleted.
    pub delete: bool,
    /// The whole record.
    pub data: Value,
    /// The vendor's ids of whom the record has to do with, by the object's name.
    pub references: BTreeMap<String, Vec<String>>,
}

/// What became of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SyncWritten {
    /// The vendor took it.
    Done {
        /// The vendor's id; 1 to 256 bytes.
        id: String,
        /// When it was last changed by the vendor's clock, in milliseconds since the epoch; before the year 10000.
        modified_at: Option<u64>,
        /// It was not there before.
        created: bool,
        /// Where a person sees it; begins with `https://`, at most 2,048 bytes.
        url: Option<String>,
    },
    /// The vendor has nothing with that id any more.
    Gone,
    /// Left out.
    Skipped {
        /// Why, in words that people may read; at most 1,000 characters.
        reason: String,
    },
    /// The vendor does not take it.
    Refused {
        /// Why, in words that people may read; at most 1,000 characters.
        message: String,
        /// The vendor's name of the field that is to blame.
        field: Option<String>,
    },
}

/// What became of the writes of one push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncPushed {
    /// One for each write, in their order.
    pub written: Vec<SyncWritten>,
    /// No request before so many milliseconds have passed; at most a day.
    pub pause_ms: Option<u64>,
}
