//! What vendors send in.

use serde::Serialize;

use crate::{InstallationId, OrgId, PluginId, Timestamp, WebhookId};

/// How far a stored webhook has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WebhookStatus {
    /// Committed and acknowledged; its work is still to be done.
    Pending,
    /// Its work is done.
    Processed,
    /// Its work failed too often; it waits for a replay.
    Failed,
    /// Not genuine: kept with the reason, and not processed unless a replay finds that it is.
    Refused,
}

impl WebhookStatus {
    /// The status as text, as in the database and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Processed => "processed",
            Self::Failed => "failed",
            Self::Refused => "refused",
        }
    }
}

/// How a webhook that is replayed is worked on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Replay {
    /// By this version of the plugin; by the one that serves if none is said.
    pub version: Option<String>,
    /// It was refused: its plugin is asked again whether it is genuine, as of when it came.
    pub unverified: bool,
}

/// A vendor's webhook as received.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Webhook {
    /// Its id.
    pub id: WebhookId,
    /// Whose it is.
    pub org: OrgId,
    /// For which installation.
    pub installation: InstallationId,
    /// Of which plugin.
    pub plugin: PluginId,
    /// The vendor's id of it; one per installation. For a refused one: our own id.
    pub vendor_id: String,
    /// The vendor's name for its kind; empty for a refused one.
    pub kind: String,
    /// When it happened, by the vendor.
    pub occurred_at: Option<Timestamp>,
    /// HTTP method.
    pub method: String,
    /// The public URL that was called.
    pub url: String,
    /// Headers as they came.
    pub headers: Vec<(String, String)>,
    /// Body as it came.
    #[serde(skip)]
    pub body: Vec<u8>,
    /// How far it has come.
    pub status: WebhookStatus,
    /// Why it was refused, or why its work failed last.
    pub reason: Option<String>,
    /// How often its work was tried.
    pub attempts: u32,
    /// When its work is tried next, if it is pending.
    pub next_attempt_at: Option<Timestamp>,
    /// When it came.
    pub received_at: Timestamp,
    /// How it is worked on, if somebody replayed it.
    pub replay: Option<Replay>,
}

/// What a list of webhooks shows of each: not its body, headers and URL, which may be megabytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WebhookSummary {
    /// Its id.
    pub id: WebhookId,
    /// For which installation.
    pub installation: InstallationId,
    /// Of which plugin.
    pub plugin: PluginId,
    /// The vendor's id of it. For a refused one: our own id.
    pub vendor_id: String,
    /// The vendor's name for its kind; empty for a refused one.
    pub kind: String,
    /// When it happened, by the vendor.
    pub occurred_at: Option<Timestamp>,
    /// Size of its body, in bytes.
    pub size: u64,
    /// How far it has come.
    pub status: WebhookStatus,
    /// Why it was refused, or why its work failed last.
    pub reason: Option<String>,
    /// How often its work was tried.
    pub attempts: u32,
    /// When its work is tried next, if it is pending.
    pub next_attempt_at: Option<Timestamp>,
    /// When it came.
    pub received_at: Timestamp,
}

impl From<Webhook> for WebhookSummary {
    fn from(webhook: Webhook) -> Self {
        Self {
            id: webhook.id,
            installation: webhook.installation,
            plugin: webhook.plugin,
            vendor_id: webhook.vendor_id,
            kind: webhook.kind,
            occurred_at: webhook.occurred_at,
            size: webhook.body.len() as u64,
            status: webhook.status,
            reason: webhook.reason,
            attempts: webhook.attempts,
            next_attempt_at: webhook.next_attempt_at,
            received_at: webhook.received_at,
        }
    }
}
