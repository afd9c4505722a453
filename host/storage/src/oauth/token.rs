//! Tokens of connections, each under a version.
//!
//! The version decides what is stored, and each write is one statement that checks it: a node that was slow finds a
//! newer one and changes nothing. The lease only keeps nodes from asking the vendor at the same time. On PostgreSQL its time
//! is the server's, because those of several nodes differ.

use std::time::Duration;

use patchbay_model::{
    OrgId, PluginId, Timestamp,
    oauth::{DueTokens, Failing, FailingKind, Refused, SealedTokens},
};
use uuid::Uuid;

use crate::{
    StorageError, Tx,
    column::{limit as row_limit, micros, optional_time, plugin, signed, time, unsigned},
    text::{Json, Text, optional},
};

/// An org's tokens.
#[derive(Debug)]
pub struct OauthTokens<'a> {
    pub(crate) tx: &'a mut Tx,
    pub(crate) org: OrgId,
}

#[derive(sqlx::FromRow)]
struct Row {
    org_id: Uuid,
    plugin: String,
    sealed: Vec<u8>,
    version: i64,
    client_id: Text,
    granted_by: Text,
    scopes: Json<Vec<String>>,
    account_id: Option<Text>,
    account_name: Option<Text>,
    expires_at: Option<i64>,
    due_at: Option<i64>,
    refused_at: Option<i64>,
    refused_reason: Option<Text>,
    failing: Option<String>,
    failing_at: Option<i64>,
    failing_reason: Option<Text>,
    authorized_at: i64,
    renewed_at: i64,
}

impl TryFrom<Row> for SealedTokens {
    type Error = StorageError;

    fn try_from(row: Row) -> Result<Self, StorageError> {
        let refused = optional_time(row.refused_at)?;
        let failing = match (row.failing.as_deref(), optional_time(row.failing_at)?) {
            (Some(kind), Some(at)) => Some(Failing {
                kind: failing_kind(kind)?,
                at,
                reason: optional(row.failing_reason).unwrap_or_default(),
            }),
            _ => None,
        };
        Ok(Self {
            org: OrgId(row.org_id),
            plugin: plugin(&row.plugin)?,
            sealed: row.sealed,
            version: unsigned(row.version),
            client_id: row.client_id.0,
            granted_by: row.granted_by.0,
            scopes: row.scopes.0,
            account_id: optional(row.account_id),
            account_name: optional(row.account_name),
            expires_at: optional_time(row.expires_at)?,
            due_at: optional_time(row.due_at)?,
            failing,
            refused: refused.map(|at| Refused { at, reason: optional(row.refused_reason).unwrap_or_default() }),
            authorized_at: time(row.authorized_at)?,
            renewed_at: time(row.renewed_at)?,
        })
    }
}

fn failing_kind(text: &str) -> Result<FailingKind, StorageError> {
    [FailingKind::ClientRejected, FailingKind::GrantRefused]
        .into_iter()
        .find(|kind| kind.as_str() == text)
        .ok_or_else(|| StorageError::corrupt("oauth_token.failing"))
}

/// A span of time for a column.
fn span(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX / 4)
}

macro_rules! columns {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            " org_id, plugin, sealed, version, client_id, granted_by, scopes, account_id, account_name, expires_at,
             due_at, refused_at, refused_reason, failing, failing_at, failing_reason, authorized_at, renewed_at ",
            $after
        )
    };
}

impl OauthTokens<'_> {
    /// Stores what a new authorization gave, under its version or the next one, whichever is higher, and ends whatever
    /// was said of the former tokens. Gives the version.
    ///
    /// # Errors
    /// `Missing` if the plugin is not connected.
    pub async fn put(&mut self, tokens: &SealedTokens) -> Result<u64, StorageError> {
        let row = fetch_optional!(
            self.tx,
            (i64,),
            "INSERT INTO oauth_token (org_id, plugin, sealed, version, client_id, granted_by, scopes, account_id,
               account_name, expires_at, authorized_at, renewed_at, due_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
             ON CONFLICT (org_id, plugin) DO UPDATE SET sealed = excluded.sealed,
               version = CASE WHEN excluded.version > oauth_token.version THEN excluded.version
                 ELSE oauth_token.version + 1 END,
               client_id = excluded.client_id, granted_by = excluded.granted_by, scopes = excluded.scopes,
               account_id = excluded.account_id, account_name = excluded.account_name,
               expires_at = excluded.expires_at, authorized_at = excluded.authorized_at,
               renewed_at = excluded.renewed_at, due_at = excluded.due_at, retry_at = NULL, refused_at = NULL,
               refused_reason = NULL, failing = NULL, failing_at = NULL, failing_reason = NULL
             RETURNING version",
            self.org.0,
            tokens.plugin.as_str(),
            &tokens.sealed,
            signed(tokens.version),
            Text(&tokens.client_id),
            Text(&tokens.granted_by),
            Json(&tokens.scopes),
            tokens.account_id.as_ref().map(Text),
            tokens.account_name.as_ref().map(Text),
            micros(tokens.expires_at),
            tokens.authorized_at.timestamp_micros(),
            tokens.renewed_at.timestamp_micros(),
            micros(tokens.due_at),
        )?;
        row.map(|(version,)| unsigned(version)).ok_or_else(|| StorageError::corrupt("oauth_token.version"))
    }

    /// A connection's tokens.
    ///
    /// # Errors
    /// The database fails.
    pub async fn get(&mut self, plugin: &PluginId) -> Result<Option<SealedTokens>, StorageError> {
        let sql = columns!("SELECT", "FROM oauth_token WHERE org_id = $1 AND plugin = $2");
        fetch_optional!(self.tx, Row, sql, self.org.0, plugin.as_str())?.map(SealedTokens::try_from).transpose()
    }

    /// Lends the right to renew for some time, and gives what is stored; nothing if there are no tokens or if somebody has
    /// the right still. `now` counts where this process has the database to itself.
    ///
    /// # Errors
    /// The database fails.
    pub async fn lend(
        &mut self,
        plugin: &PluginId,
        lease: &[u8; 16],
        now: Timestamp,
        for_at_most: Duration,
    ) -> Result<Option<SealedTokens>, StorageError> {
        const SQLITE: &str = columns!(
            "UPDATE oauth_token SET lease = $3, lease_until = $5 + $4
             WHERE org_id = $1 AND plugin = $2 AND (lease_until IS NULL OR lease_until <= $5)
             RETURNING",
            ""
        );
        const POSTGRES: &str = columns!(
            "UPDATE oauth_token
             SET lease = $3, lease_until = (extract(epoch FROM clock_timestamp()) * 1000000)::int8 + $4
             WHERE org_id = $1 AND plugin = $2 AND $5::int8 IS NOT NULL
               AND (lease_until IS NULL OR lease_until <= (extract(epoch FROM clock_timestamp()) * 1000000)::int8)
             RETURNING",
            ""
        );
        fetch_optional!(
            self.tx,
            Row,
            { sqlite: SQLITE, postgres: POSTGRES },
            self.org.0,
            plugin.as_str(),
            lease.as_slice(),
            span(for_at_most),
            now.timestamp_micros(),
        )?
        .map(SealedTokens::try_from)
        .transpose()
    }

    /// Makes the right last for some time from now on, also if its time is over. False if it was lent to somebody else
    /// since, or given back.
    ///
    /// # Errors
    /// The database fails.
    pub async fn extend(
        &mut self,
        plugin: &PluginId,
        lease: &[u8; 16],
        now: Timestamp,
        for_at_most: Duration,
    ) -> Result<bool, StorageError> {
        let rows = execute!(
            self.tx,
            {
                sqlite: "UPDATE oauth_token SET lease_until = $5 + $4
                         WHERE org_id = $1 AND plugin = $2 AND lease = $3",
                postgres: "UPDATE oauth_token
                           SET lease_until = (extract(epoch FROM clock_timestamp()) * 1000000)::int8 + $4
                           WHERE org_id = $1 AND plugin = $2 AND lease = $3 AND $5::int8 IS NOT NULL",
            },
            self.org.0,
            plugin.as_str(),
            lease.as_slice(),
            span(for_at_most),
            now.timestamp_micros(),
        )?;
        Ok(rows > 0)
    }

    /// Takes the right back, if it is still this one.
    ///
    /// # Errors
    /// The database fails.
    pub async fn give_back(&mut self, plugin: &PluginId, lease: &[u8; 16]) -> Result<(), StorageError> {
        execute!(
            self.tx,
            "UPDATE oauth_token SET lease = NULL, lease_until = NULL WHERE org_id = $1 AND plugin = $2 AND lease = $3",
            self.org.0,
            plugin.as_str(),
            lease.as_slice(),
        )?;
        Ok(())
    }

    /// Stores renewed tokens under the version after `based_on`, if that is still the stored one. False if it is not.
    /// The client, the grant and the time of authorization stay.
    ///
    /// # Errors
    /// The database fails.
    pub async fn renew(&mut self, based_on: u64, tokens: &SealedTokens) -> Result<bool, StorageError> {
        let rows = execute!(
            self.tx,
            "UPDATE oauth_token SET sealed = $4, version = version + 1, scopes = $5, account_id = $6,
               account_name = $7, expires_at = $8, renewed_at = $9, due_at = $10, retry_at = NULL, refused_at = NULL,
               refused_reason = NULL, failing = NULL, failing_at = NULL, failing_reason = NULL
             WHERE org_id = $1 AND plugin = $2 AND version = $3",
            self.org.0,
            tokens.plugin.as_str(),
            signed(based_on),
            &tokens.sealed,
            Json(&tokens.scopes),
            tokens.account_id.as_ref().map(Text),
            tokens.account_name.as_ref().map(Text),
            micros(tokens.expires_at),
            tokens.renewed_at.timestamp_micros(),
            micros(tokens.due_at),
        )?;
        Ok(rows > 0)
    }

    /// Writes down how renewing the tokens of this version fails. False if another version is stored, or if it was written
    /// down before that it fails so.
    ///
    /// # Errors
    /// The database fails.
    pub async fn fail(&mut self, plugin: &PluginId, based_on: u64, failing: &Failing) -> Result<bool, StorageError> {
        let rows = execute!(
            self.tx,
            "UPDATE oauth_token SET failing = $4, failing_at = $5, failing_reason = $6
             WHERE org_id = $1 AND plugin = $2 AND version = $3 AND (failing IS NULL OR failing <> $4)",
            self.org.0,
            plugin.as_str(),
            signed(based_on),
            failing.kind.as_str(),
            failing.at.timestamp_micros(),
            Text(&failing.reason),
        )?;
        Ok(rows > 0)
    }

    /// Takes the tokens of a connection out, whatever their version: who gets them is the only one to have them.
    ///
    /// # Errors
    /// The database fails.
    pub async fn take(&mut self, plugin: &PluginId) -> Result<Option<SealedTokens>, StorageError> {
        let sql = columns!("DELETE FROM oauth_token WHERE org_id = $1 AND plugin = $2 RETURNING", "");
        fetch_optional!(self.tx, Row, sql, self.org.0, plugin.as_str())?.map(SealedTokens::try_from).transpose()
    }

    /// Plans that nobody looks after tokens that are due before an instant. False if somebody has done so, or if they are
    /// not due any more.
    ///
    /// # Errors
    /// The database fails.
    pub async fn claim_due(
        &mut self,
        plugin: &PluginId,
        version: u64,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, StorageError> {
        let rows = execute!(
            self.tx,
            "UPDATE oauth_token SET retry_at = $5
             WHERE org_id = $1 AND plugin = $2 AND version = $3 AND due_at <= $4 AND refused_at IS NULL
               AND (retry_at IS NULL OR retry_at <= $4)",
            self.org.0,
            plugin.as_str(),
            signed(version),
            now.timestamp_micros(),
            until.timestamp_micros(),
        )?;
        Ok(rows > 0)
    }

    /// Writes down that the vendor takes the tokens of this version no more. False if another version is stored or it
    /// was written down before.
    ///
    /// # Errors
    /// The database fails.
    pub async fn refuse(&mut self, plugin: &PluginId, based_on: u64, refused: &Refused) -> Result<bool, StorageError> {
        let rows = execute!(
            self.tx,
            "UPDATE oauth_token SET refused_at = $4, refused_reason = $5
             WHERE org_id = $1 AND plugin = $2 AND version = $3 AND refused_at IS NULL",
            self.org.0,
            plugin.as_str(),
            signed(based_on),
            refused.at.timestamp_micros(),
            Text(&refused.reason),
        )?;
        Ok(rows > 0)
    }
}

type DueRow = (Uuid, String, i64);

pub(crate) async fn due(tx: &mut Tx, now: Timestamp, limit: u32) -> Result<Vec<DueTokens>, StorageError> {
    fetch_all!(
        tx,
        DueRow,
        "SELECT org_id, plugin, version FROM oauth_token
         WHERE due_at IS NOT NULL AND due_at <= $1 AND refused_at IS NULL AND (retry_at IS NULL OR retry_at <= $1)
         ORDER BY due_at LIMIT $2",
        now.timestamp_micros(),
        row_limit(limit),
    )?
    .into_iter()
    .map(|(org, of, version)| Ok(DueTokens { org: OrgId(org), plugin: plugin(&of)?, version: unsigned(version) }))
    .collect()
}

/// Which orgs a client of a plugin's vendor has tokens for of these accounts, with the account: by org. Those whose tokens the
/// vendor takes no more have disconnected.
pub(crate) async fn of_accounts(
    tx: &mut Tx,
    of: &PluginId,
    client_id: &str,
    accounts: &[&str],
    limit: u32,
) -> Result<Vec<(OrgId, String)>, StorageError> {
    let rows = fetch_all!(
        tx,
        (Uuid, Text),
        {
            sqlite: "SELECT org_id, account_id FROM oauth_token
               WHERE plugin = $1 AND account_id IN (SELECT value FROM json_each($3)) AND client_id = $2
                 AND refused_at IS NULL ORDER BY org_id LIMIT $4",
            postgres: "SELECT org_id, account_id FROM oauth_token
               WHERE plugin = $1 AND account_id = ANY (ARRAY(SELECT json_array_elements_text($3)))
                 AND client_id = $2 AND refused_at IS NULL ORDER BY org_id LIMIT $4",
        },
        of.as_str(),
        Text(client_id),
        Json(accounts),
        row_limit(limit),
    )?;
    Ok(rows.into_iter().map(|(org, account)| (OrgId(org), account.0)).collect())
}
