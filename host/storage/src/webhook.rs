//! What vendors sent in.

mod replay;
mod take_up;

use patchbay_model::{
    InstallationId, OrgId, PluginId, Timestamp, WebhookId,
    webhook::{Replay, Webhook, WebhookStatus, WebhookSummary},
};
use uuid::Uuid;

use crate::{
    StorageError, Tx,
    column::{before, first_id, limit as row_limit, micros, optional_time, plugin, time, unsigned},
    text::{Json, Text, optional},
};

pub use replay::ReplayFilter;
pub use take_up::TakeWebhook;

/// An org's webhooks.
#[derive(Debug)]
pub struct Webhooks<'a> {
    pub(crate) tx: &'a mut Tx,
    pub(crate) org: OrgId,
}

/// Which webhooks to list.
#[derive(Debug, Clone, Default)]
pub struct WebhookFilter {
    /// Of this plugin.
    pub plugin: Option<PluginId>,
    /// That have come so far.
    pub status: Option<WebhookStatus>,
    /// That came before this one: the last of the page before.
    pub before: Option<WebhookId>,
    /// At most so many.
    pub limit: u32,
}

/// What became of the work that a webhook asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookOutcome {
    /// Of which webhook.
    pub id: WebhookId,
    /// When the webhook was due, or is due again, as who worked on it took it: it is settled only if that is so still. If
    /// the work took longer, somebody else may have taken it up since.
    pub lease: Timestamp,
    /// How far it has come.
    pub status: WebhookStatus,
    /// Why its work failed, if it did.
    pub reason: Option<String>,
    /// How often its work was tried, this time included.
    pub attempts: u32,
    /// When it is tried next, if it is pending.
    pub next_attempt_at: Option<Timestamp>,
}

#[derive(sqlx::FromRow)]
pub(crate) struct Row {
    org_id: Uuid,
    id: Uuid,
    installation_id: Uuid,
    plugin: String,
    vendor_id: Text,
    kind: Text,
    occurred_at: Option<i64>,
    method: Text,
    url: Text,
    headers: Json<Vec<(String, String)>>,
    body: Vec<u8>,
    status: String,
    reason: Option<Text>,
    attempts: i64,
    next_attempt_at: Option<i64>,
    received_at: i64,
    replay_version: Option<String>,
    unverified: bool,
}

impl TryFrom<Row> for Webhook {
    type Error = StorageError;

    fn try_from(row: Row) -> Result<Self, StorageError> {
        Ok(Self {
            id: WebhookId(row.id),
            org: OrgId(row.org_id),
            installation: InstallationId(row.installation_id),
            plugin: plugin(&row.plugin)?,
            vendor_id: row.vendor_id.0,
            kind: row.kind.0,
            occurred_at: optional_time(row.occurred_at)?,
            method: row.method.0,
            url: row.url.0,
            headers: row.headers.0,
            body: row.body,
            status: status(&row.status)?,
            reason: optional(row.reason),
            attempts: u32::try_from(row.attempts).map_err(|_| StorageError::corrupt("webhook.attempts"))?,
            next_attempt_at: optional_time(row.next_attempt_at)?,
            received_at: time(row.received_at)?,
            replay: (row.unverified || row.replay_version.is_some())
                .then_some(Replay { version: row.replay_version, unverified: row.unverified }),
        })
    }
}

#[derive(sqlx::FromRow)]
struct SummaryRow {
    id: Uuid,
    installation_id: Uuid,
    plugin: String,
    vendor_id: Text,
    kind: Text,
    occurred_at: Option<i64>,
    size: i64,
    status: String,
    reason: Option<Text>,
    attempts: i64,
    next_attempt_at: Option<i64>,
    received_at: i64,
}

impl TryFrom<SummaryRow> for WebhookSummary {
    type Error = StorageError;

    fn try_from(row: SummaryRow) -> Result<Self, StorageError> {
        Ok(Self {
            id: WebhookId(row.id),
            installation: InstallationId(row.installation_id),
            plugin: plugin(&row.plugin)?,
            vendor_id: row.vendor_id.0,
            kind: row.kind.0,
            occurred_at: optional_time(row.occurred_at)?,
            size: unsigned(row.size),
            status: status(&row.status)?,
            reason: optional(row.reason),
            attempts: u32::try_from(row.attempts).map_err(|_| StorageError::corrupt("webhook.attempts"))?,
            next_attempt_at: optional_time(row.next_attempt_at)?,
            received_at: time(row.received_at)?,
        })
    }
}

fn status(text: &str) -> Result<WebhookStatus, StorageError> {
    [WebhookStatus::Pending, WebhookStatus::Processed, WebhookStatus::Failed, WebhookStatus::Refused]
        .into_iter()
        .find(|status| status.as_str() == text)
        .ok_or_else(|| StorageError::corrupt("webhook.status"))
}

/// The columns of [`Row`].
macro_rules! columns {
    () => {
        "org_id, id, installation_id, plugin, vendor_id, kind, occurred_at, method, url, headers, body, status, reason,
           attempts, next_attempt_at, received_at, replay_version, unverified"
    };
}

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT ", columns!(), " FROM webhook ", $rest)
    };
}

pub(crate) use columns;

/// A webhook whose time has come: as much of it as one sees who looks for the work of all orgs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueWebhook {
    /// Whose it is.
    pub org: OrgId,
    /// Which.
    pub id: WebhookId,
    /// Of which plugin.
    pub plugin: PluginId,
    /// Since when it is due.
    pub since: Timestamp,
}

pub(crate) async fn due(
    tx: &mut Tx,
    after: Option<&DueWebhook>,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<DueWebhook>, StorageError> {
    fetch_all!(
        tx,
        (Uuid, Uuid, String, i64),
        // The status is spelled out: only then does the planner use the small index of what is pending.
        "SELECT org_id, id, plugin, next_attempt_at FROM webhook
         WHERE status = 'pending' AND next_attempt_at <= $1 AND next_attempt_at >= $2
           AND (next_attempt_at > $2 OR id > $3)
         ORDER BY next_attempt_at, id LIMIT $4",
        now.timestamp_micros(),
        after.map_or(i64::MIN, |after| after.since.timestamp_micros()),
        after.map_or(Uuid::nil(), |after| after.id.0),
        row_limit(limit),
    )?
    .into_iter()
    .map(|(org, id, of, since)| {
        Ok(DueWebhook { org: OrgId(org), id: WebhookId(id), plugin: plugin(&of)?, since: time(since)? })
    })
    .collect()
}

impl Webhooks<'_> {
    /// Adds a webhook, unless one with the vendor's id is there for the installation: false then. For many
    /// at once, [`crate::Journal::receive`] is the way.
    ///
    /// # Errors
    /// `AlreadyExists` if its own id is taken, `Missing` if there is no such org.
    pub async fn insert_if_new(&mut self, webhook: &Webhook) -> Result<bool, StorageError> {
        let rows = execute!(
            self.tx,
            "INSERT INTO webhook (org_id, id, installation_id, plugin, vendor_id, kind, occurred_at, method, url,
               headers, body, status, reason, attempts, next_attempt_at, received_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
             ON CONFLICT (org_id, installation_id, vendor_id) DO NOTHING",
            self.org.0,
            webhook.id.0,
            webhook.installation.0,
            webhook.plugin.as_str(),
            Text(&webhook.vendor_id),
            Text(&webhook.kind),
            micros(webhook.occurred_at),
            Text(&webhook.method),
            Text(&webhook.url),
            Json(&webhook.headers),
            &webhook.body,
            webhook.status.as_str(),
            webhook.reason.as_ref().map(Text),
            i64::from(webhook.attempts),
            micros(webhook.next_attempt_at),
            webhook.received_at.timestamp_micros(),
        )?;
        Ok(rows > 0)
    }

    /// One webhook.
    ///
    /// # Errors
    /// The database fails.
    pub async fn get(&mut self, id: WebhookId) -> Result<Option<Webhook>, StorageError> {
        fetch_optional!(self.tx, Row, select!("WHERE org_id = $1 AND id = $2"), self.org.0, id.0)?
            .map(Webhook::try_from)
            .transpose()
    }

    /// Webhooks that match, the newest first, without what they carry.
    ///
    /// # Errors
    /// The database fails.
    pub async fn list(&mut self, filter: &WebhookFilter) -> Result<Vec<WebhookSummary>, StorageError> {
        fetch_all!(
            self.tx,
            SummaryRow,
            "SELECT id, installation_id, plugin, vendor_id, kind, occurred_at, CAST(length(body) AS BIGINT) AS size,
               status, reason, attempts, next_attempt_at, received_at
             FROM webhook
             WHERE org_id = $1 AND id < $2 AND ($3 IS NULL OR plugin = $3) AND ($4 IS NULL OR status = $4)
             ORDER BY id DESC LIMIT $5",
            self.org.0,
            before(filter.before.map(|id| id.0)),
            filter.plugin.as_ref().map(PluginId::as_str),
            filter.status.map(WebhookStatus::as_str),
            row_limit(filter.limit),
        )?
        .into_iter()
        .map(WebhookSummary::try_from)
        .collect()
    }

    /// Clears away at most `limit` that came before a time and are done with: those that were refused, or those
    /// that were processed or failed for good. Gives their number. What is pending stays.
    ///
    /// # Errors
    /// The database fails.
    pub async fn clear_before(&mut self, at: Timestamp, refused: bool, limit: u32) -> Result<u64, StorageError> {
        execute!(
            self.tx,
            // Asked again outside: one that is being replayed meanwhile on another hub is pending once the deletion has
            // waited for it.
            "DELETE FROM webhook WHERE org_id = $1 AND status <> 'pending' AND (status = 'refused') = $3 AND id IN
               (SELECT id FROM webhook WHERE org_id = $1 AND id < $2 AND status <> 'pending'
                  AND (status = 'refused') = $3 ORDER BY id LIMIT $4)",
            self.org.0,
            first_id(at),
            refused,
            row_limit(limit),
        )
    }

    /// Writes down what became of a webhook's work. False if it is not pending under this lease any more: somebody else
    /// has taken it up since, and what becomes of it is theirs to say.
    ///
    /// # Errors
    /// The database fails.
    pub async fn settle(&mut self, outcome: &WebhookOutcome) -> Result<bool, StorageError> {
        let rows = execute!(
            self.tx,
            "UPDATE webhook SET status = $3, reason = $4, attempts = $5, next_attempt_at = $6
             WHERE org_id = $1 AND id = $2 AND status = 'pending' AND next_attempt_at = $7",
            self.org.0,
            outcome.id.0,
            outcome.status.as_str(),
            outcome.reason.as_ref().map(Text),
            i64::from(outcome.attempts),
            micros(outcome.next_attempt_at),
            outcome.lease.timestamp_micros(),
        )?;
        Ok(rows > 0)
    }
}
