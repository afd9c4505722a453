//! Webhooks that came in: what vendors sent and how far its work has come.

use patchbay_model::{
    Failure, Permission, PluginId, WebhookId,
    webhook::{Webhook, WebhookStatus, WebhookSummary},
};

use super::{Page, Size, not_found};
use crate::{auth::Caller, hub::Hub};

/// Which webhooks.
#[derive(Debug, Clone, Default)]
pub struct WebhookFilter {
    /// Of this plugin.
    pub plugin: Option<PluginId>,
    /// That have come so far.
    pub status: Option<WebhookStatus>,
    /// Older than this one.
    pub before: Option<WebhookId>,
    /// At most so many: 1 to 200, default 50.
    pub limit: Option<u32>,
}

impl Hub {
    /// The org's webhooks, newest first, without what they carry. Needs the permission `read_activity`.
    pub async fn webhooks(&self, caller: &Caller, filter: WebhookFilter) -> Result<Page<WebhookSummary>, Failure> {
        caller.require(Permission::ReadActivity)?;
        let size = Size::new(filter.limit)?;
        let WebhookFilter { plugin, status, before, .. } = filter;
        let filter = patchbay_storage::WebhookFilter { plugin, status, before, limit: size.and_one() };
        let mut tx = self.0.database.read().await?;
        let webhooks = tx.org(caller.org).webhooks().list(&filter).await?;
        Ok(size.page(webhooks, |webhook| webhook.id.to_string()))
    }

    /// One webhook of the org; `not_found` for another org's. Needs the permission `read_activity`.
    pub async fn webhook(&self, caller: &Caller, webhook: WebhookId) -> Result<Webhook, Failure> {
        caller.require(Permission::ReadActivity)?;
        let mut tx = self.0.database.read().await?;
        tx.org(caller.org).webhooks().get(webhook).await?.ok_or_else(|| not_found("webhook"))
    }
}
