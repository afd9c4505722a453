//! Webhooks whose work is planned anew. Apart from how they come and are worked on, because it is the one way back from a
//! status that is final: what is done here is written under the status that was read, so that of two who do it one does.

use patchbay_model::{
    PluginId, Timestamp, WebhookId,
    webhook::{Replay, Webhook, WebhookStatus},
};
use uuid::Uuid;

use super::Webhooks;
use crate::{
    StorageError,
    column::{first_id, limit as row_limit, micros},
    text::Text,
};

/// Which webhooks to replay.
#[derive(Debug, Clone)]
pub struct ReplayFilter {
    /// That have come so far; not `Pending`.
    pub status: WebhookStatus,
    /// Of this plugin.
    pub plugin: Option<PluginId>,
    /// That came at this time or later.
    pub since: Option<Timestamp>,
    /// That came before this time.
    pub until: Option<Timestamp>,
    /// That came after this one: the last of those that were replayed before.
    pub after: Option<WebhookId>,
    /// At most so many.
    pub limit: u32,
}

impl Webhooks<'_> {
    /// Plans the work of a webhook anew, with as many attempts again. False if it is not as it was read: of several that
    /// replay it at once, one does, and what works on it meanwhile is not believed any more.
    ///
    /// # Errors
    /// The database fails.
    pub async fn replay(&mut self, read: &Webhook, how: &Replay, at: Timestamp) -> Result<bool, StorageError> {
        let rows = execute!(
            self.tx,
            "UPDATE webhook SET status = 'pending', reason = NULL, attempts = 0, next_attempt_at = $3,
               replay_version = $4, unverified = $5
             WHERE org_id = $1 AND id = $2 AND status = $6 AND next_attempt_at IS NOT DISTINCT FROM $7",
            self.org.0,
            read.id.0,
            at.timestamp_micros(),
            how.version.as_deref(),
            how.unverified,
            read.status.as_str(),
            micros(read.next_attempt_at),
        )?;
        Ok(rows > 0)
    }

    /// Plans the work of those that match anew, the oldest first, as [`Webhooks::replay`] does for one; those that were
    /// refused have to be verified. Gives their ids. Never those that are pending: they are worked on anyway.
    ///
    /// # Errors
    /// The database fails.
    pub async fn replay_many(
        &mut self,
        which: &ReplayFilter,
        version: Option<&str>,
        at: Timestamp,
    ) -> Result<Vec<WebhookId>, StorageError> {
        let since = which.since.map_or(Uuid::nil(), first_id);
        let after = which.after.map_or(since, |id| id.0.max(since));
        let found: Vec<(Uuid,)> = fetch_all!(
            self.tx,
            (Uuid,),
            "UPDATE webhook SET status = 'pending', reason = NULL, attempts = 0, next_attempt_at = $7,
               replay_version = $8, unverified = $9
             WHERE org_id = $1 AND status = $2 AND id IN
               (SELECT id FROM webhook WHERE org_id = $1 AND status = $2 AND id > $3 AND id < $4
                  AND ($5 IS NULL OR plugin = $5) ORDER BY id LIMIT $6)
             RETURNING id",
            self.org.0,
            which.status.as_str(),
            after,
            which.until.map_or(Uuid::max(), first_id),
            which.plugin.as_ref().map(PluginId::as_str),
            row_limit(which.limit),
            at.timestamp_micros(),
            version,
            which.status == WebhookStatus::Refused,
        )?;
        let mut ids: Vec<_> = found.into_iter().map(|(id,)| WebhookId(id)).collect();
        ids.sort_unstable();
        Ok(ids)
    }

    /// Writes down that a webhook which was refused is genuine after all, and what it is. False if it is not pending under
    /// this lease any more.
    ///
    /// # Errors
    /// `AlreadyExists` if the vendor's id is taken: it came once more meanwhile.
    pub async fn verified(
        &mut self,
        id: WebhookId,
        lease: Timestamp,
        vendor_id: &str,
        kind: &str,
        occurred_at: Option<Timestamp>,
    ) -> Result<bool, StorageError> {
        let rows = execute!(
            self.tx,
            "UPDATE webhook SET vendor_id = $3, kind = $4, occurred_at = $5, unverified = $6
             WHERE org_id = $1 AND id = $2 AND status = 'pending' AND next_attempt_at = $7",
            self.org.0,
            id.0,
            Text(vendor_id),
            Text(kind),
            micros(occurred_at),
            false,
            lease.timestamp_micros(),
        )?;
        Ok(rows > 0)
    }
}
