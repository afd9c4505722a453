//! Calls into plugins, and the files they leave.

use patchbay_model::{BlobId, Digest, OrgId, PluginId, RunId, Timestamp, record, run};
use serde::Serialize;
use utoipa::ToSchema;

/// One call into a plugin.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Run {
    /// Its id.
    #[schema(value_type = String, example = "run_018f3c5e7d2a7c3b9f1e2d3c4b5a6978")]
    id: RunId,
    /// Whose it is.
    #[schema(value_type = String)]
    org: OrgId,
    /// Of which plugin.
    #[schema(value_type = String, example = "openai")]
    plugin: PluginId,
    /// Which version answered.
    version: String,
    /// The package that answered.
    #[schema(value_type = String)]
    digest: Digest,
    /// `action`, `proxy`, `webhook`, `event` or `job`.
    kind: &'static str,
    /// The action's name, `METHOD /path` of the proxy, or the webhook's or event's kind.
    operation: String,
    /// The run of another plugin that called this one, which is there once it has ended.
    #[schema(value_type = Option<String>)]
    parent_run: Option<RunId>,
    /// `succeeded` or `failed`.
    status: &'static str,
    /// Of a failure: its code, as in a problem document.
    error_code: Option<String>,
    /// Of a failure: what the caller was told.
    error_detail: Option<String>,
    /// The vendor's last HTTP status, if the vendor was asked.
    upstream_status: Option<u16>,
    /// What it cost.
    figures: Figures,
    /// The plugin's log lines; empty in a list, so ask for the run itself.
    log: Vec<LogLine>,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    /// When it ended.
    #[schema(value_type = String, format = DateTime)]
    finished_at: Timestamp,
}

/// What a run cost the hub.
#[derive(Debug, Serialize, ToSchema)]
struct Figures {
    /// From start to end, in microseconds.
    wall_us: u64,
    /// Time in guest code, in microseconds; an upper estimate.
    cpu_us: u64,
    /// The most memory that the plugin held at once, in bytes.
    peak_memory: u64,
    /// Bytes sent to vendors.
    egress_sent: u64,
    /// Bytes received from vendors.
    egress_received: u64,
    /// Calls from the plugin to the host.
    host_calls: u64,
}

/// One line that a plugin wrote.
#[derive(Debug, Serialize, ToSchema)]
struct LogLine {
    /// `debug`, `info`, `warn` or `error`.
    #[schema(value_type = String)]
    level: run::LogLevel,
    /// The message.
    message: String,
    /// Structured fields: pairs of name and value.
    #[schema(value_type = Vec<Vec<String>>)]
    fields: Vec<(String, String)>,
}

/// A file that a plugin stored.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Blob {
    /// Its id.
    #[schema(value_type = String)]
    id: BlobId,
    /// Media type.
    content_type: String,
    /// In bytes.
    size: u64,
    /// SHA-256 of the bytes, in hexadecimal.
    sha256: String,
    /// When it was stored.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl From<run::Run> for Run {
    fn from(run: run::Run) -> Self {
        let run::Run {
            id,
            org,
            plugin,
            version,
            digest,
            kind,
            operation,
            parent,
            error_code,
            error_detail,
            upstream_status,
            figures,
            log,
            started_at,
            finished_at,
        } = run;
        let status = if error_code.is_none() { "succeeded" } else { "failed" };
        Self {
            id,
            org,
            plugin,
            version,
            digest,
            kind: kind.as_str(),
            operation,
            parent_run: parent,
            status,
            error_code,
            error_detail,
            upstream_status,
            figures: figures.into(),
            log: super::all(log),
            started_at,
            finished_at,
        }
    }
}

impl From<run::Figures> for Figures {
    fn from(figures: run::Figures) -> Self {
        let run::Figures { wall_us, cpu_us, peak_memory, egress_sent, egress_received, host_calls } = figures;
        Self { wall_us, cpu_us, peak_memory, egress_sent, egress_received, host_calls }
    }
}

impl From<run::LogLine> for LogLine {
    fn from(line: run::LogLine) -> Self {
        let run::LogLine { level, message, fields } = line;
        Self { level, message, fields }
    }
}

impl From<record::Blob> for Blob {
    fn from(blob: record::Blob) -> Self {
        let record::Blob { id, org: _, plugin: _, content_type, size, sha256, created_at } = blob;
        Self { id, content_type, size, sha256, created_at }
    }
}
