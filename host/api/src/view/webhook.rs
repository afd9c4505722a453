//! What vendors sent in.

use patchbay_model::{InstallationId, PluginId, Timestamp, WebhookId, webhook};
use serde::Serialize;
use utoipa::ToSchema;

/// A vendor's webhook as received. Its headers, body and URL stay inside: they may hold a vendor's
/// secrets, and the URL is the one thing that lets a stranger send in more.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Webhook {
    /// Its id.
    #[schema(value_type = String)]
    id: WebhookId,
    /// For which installation.
    #[schema(value_type = String)]
    installation: InstallationId,
    /// Of which plugin.
    #[schema(value_type = String, example = "stripe")]
    plugin: PluginId,
    /// The vendor's id of it. For a refused one: our own.
    vendor_id: String,
    /// The vendor's name for its kind; empty for a refused one.
    #[schema(example = "invoice.paid")]
    kind: String,
    /// When it happened, by the vendor.
    #[schema(value_type = Option<String>, format = DateTime)]
    occurred_at: Option<Timestamp>,
    /// `pending`, `processed`, `failed` or `refused`.
    status: &'static str,
    /// Why it was refused, or why its work failed last.
    reason: Option<String>,
    /// How often its work was tried.
    attempts: u32,
    /// When its work is tried next, if it is pending.
    #[schema(value_type = Option<String>, format = DateTime)]
    next_attempt_at: Option<Timestamp>,
    /// Size of the body, in bytes.
    size: u64,
    /// When it came.
    #[schema(value_type = String, format = DateTime)]
    received_at: Timestamp,
}

impl From<webhook::Webhook> for Webhook {
    fn from(webhook: webhook::Webhook) -> Self {
        webhook::WebhookSummary::from(webhook).into()
    }
}

impl From<webhook::WebhookSummary> for Webhook {
    fn from(summary: webhook::WebhookSummary) -> Self {
        let webhook::WebhookSummary {
            id,
            installation,
            plugin,
            vendor_id,
            kind,
            occurred_at,
            size,
            status,
            reason,
            attempts,
            next_attempt_at,
            received_at,
        } = summary;
        Self {
            id,
            installation,
            plugin,
            vendor_id,
            kind,
            occurred_at,
            status: status.as_str(),
            reason,
            attempts,
            next_attempt_at,
            size,
            received_at,
        }
    }
}
