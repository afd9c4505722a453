//! Runs and what they are billed for.

use serde::{Deserialize, Serialize};

use crate::{Digest, OrgId, PluginId, RunId, Timestamp, UsageId, plan::Counts};

/// Which export of the plugin a run called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunKind {
    /// A typed action.
    Action,
    /// A request in the vendor's own shape.
    Proxy,
    /// A webhook's check and its work.
    Webhook,
    /// An event of the hub.
    Event,
    /// A step of a job.
    Job,
}

impl RunKind {
    /// The kind as text, as in the database and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Action => "action",
            Self::Proxy => "proxy",
            Self::Webhook => "webhook",
            Self::Event => "event",
            Self::Job => "job",
        }
    }
}

/// What a run cost the hub.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// From start to end, in microseconds.
    pub wall_us: u64,
    /// Time in guest code, in microseconds; an upper estimate by the host's clock around each entry.
    pub cpu_us: u64,
    /// The most linear memory and tables that the instance held at once, in bytes.
    pub peak_memory: u64,
    /// Bytes sent to vendors.
    pub egress_sent: u64,
    /// Bytes received from vendors.
    pub egress_received: u64,
    /// Calls from the guest to the host.
    pub host_calls: u64,
}

/// One call into a plugin.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// Whose it is.
    pub org: OrgId,
    /// Of which plugin.
    pub plugin: PluginId,
    /// Which version answered.
    pub version: String,
    /// The package that answered.
    pub digest: Digest,
    /// Which export was called.
    pub kind: RunKind,
    /// The action's name, `METHOD /path` of the proxy, or the webhook's or event's kind.
    pub operation: String,
    /// The run that called it: another plugin's, of the same org. It is committed after this one, and may never be.
    pub parent: Option<RunId>,
    /// `None` for a success, else the [`crate::Code`] as text.
    pub error_code: Option<String>,
    /// What the caller was told of the failure.
    pub error_detail: Option<String>,
    /// The vendor's last HTTP status, if the vendor was asked.
    pub upstream_status: Option<u16>,
    /// What it cost.
    pub figures: Figures,
    /// The plugin's log lines.
    pub log: Vec<LogLine>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Timestamp,
}

/// How much a log line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// For the connector's author.
    Debug,
    /// What a reader expects.
    Info,
    /// Odd, but the call goes on.
    Warn,
    /// Something failed.
    Error,
}

/// One line that a plugin wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// How much it matters.
    pub level: LogLevel,
    /// The message, control characters escaped.
    pub message: String,
    /// Structured fields.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub fields: Vec<(String, String)>,
}

/// How a quantity is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// The vendor reported it.
    Reported,
    /// Estimated, because the vendor's report never came.
    Estimated,
}

impl Basis {
    /// The basis as text, as in the database and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reported => "reported",
            Self::Estimated => "estimated",
        }
    }
}

/// One metered quantity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UsageRecord {
    /// Its id.
    pub id: UsageId,
    /// Whose it is.
    pub org: OrgId,
    /// Of which plugin.
    pub plugin: PluginId,
    /// By which run.
    pub run: RunId,
    /// Which meter of the manifest.
    pub meter: String,
    /// How many of the meter's units.
    pub quantity: u64,
    /// How it is known.
    pub basis: Basis,
    /// The plugin's own id of it, which makes a repeat harmless: one per (org, plugin, meter).
    pub dedupe: Option<String>,
    /// When.
    pub at: Timestamp,
    /// What it counts as. Known while it is recorded and kept in the counters, so none in what is read back.
    #[serde(skip)]
    pub counts: Option<Counts>,
}
