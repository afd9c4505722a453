//! Plugins switched on for an org.

use std::collections::BTreeSet;

use patchbay_model::{
    InstallationId, OrgId, PluginId, Timestamp,
    installation::{Installation, VersionPolicy},
};
use uuid::Uuid;

use crate::{
    StorageError, Tx,
    column::{after, limit as row_limit, plugin, time},
    text::{Json, Text},
};

/// An org's installations.
#[derive(Debug)]
pub struct Installations<'a> {
    pub(crate) tx: &'a mut Tx,
    pub(crate) org: OrgId,
}

#[derive(sqlx::FromRow)]
struct Row {
    org_id: Uuid,
    id: Uuid,
    plugin: String,
    enabled: bool,
    config: Json<serde_json::Value>,
    policy: Json<VersionPolicy>,
    approved: Option<Json<BTreeSet<String>>>,
    hook_token: Text,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<Row> for Installation {
    type Error = StorageError;

    fn try_from(row: Row) -> Result<Self, StorageError> {
        Ok(Self {
            id: InstallationId(row.id),
            org: OrgId(row.org_id),
            plugin: plugin(&row.plugin)?,
            enabled: row.enabled,
            config: row.config.0,
            policy: row.policy.0,
            approved: row.approved.map(|approved| approved.0),
            hook_token: row.hook_token.0,
            created_at: time(row.created_at)?,
            updated_at: time(row.updated_at)?,
        })
    }
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT org_id, id, plugin, enabled, config, policy, approved, hook_token, created_at, updated_at
             FROM installation ",
            $rest
        )
    };
}

/// As much of an installation as one sees who goes through those of all orgs: not its settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstallationHead {
    /// Its id.
    pub id: InstallationId,
    /// Whose it is.
    pub org: OrgId,
    /// Which version it runs.
    pub policy: VersionPolicy,
    /// When it last changed.
    pub updated_at: Timestamp,
}

pub(crate) async fn of_plugin(
    tx: &mut Tx,
    plugin: &PluginId,
    after_id: Option<InstallationId>,
    limit: u32,
) -> Result<Vec<InstallationHead>, StorageError> {
    fetch_all!(
        tx,
        (Uuid, Uuid, Json<VersionPolicy>, i64),
        "SELECT org_id, id, policy, updated_at FROM installation WHERE plugin = $1 AND id > $2 ORDER BY id LIMIT $3",
        plugin.as_str(),
        after(after_id.map(|id| id.0)),
        row_limit(limit),
    )?
    .into_iter()
    .map(|(org, id, policy, updated_at)| {
        let updated_at = time(updated_at)?;
        Ok(InstallationHead { id: InstallationId(id), org: OrgId(org), policy: policy.0, updated_at })
    })
    .collect()
}

pub(crate) async fn by_hook_token(tx: &mut Tx, token: &str) -> Result<Option<(OrgId, PluginId)>, StorageError> {
    fetch_optional!(tx, (Uuid, String), "SELECT org_id, plugin FROM installation WHERE hook_token = $1", Text(token))?
        .map(|(org, of)| Ok((OrgId(org), plugin(&of)?)))
        .transpose()
}

impl Installations<'_> {
    /// Switches a plugin on, or changes its settings. Of one that was there, the id, the token and the time of
    /// making stay: the vendor has the URL. Gives it as it is now, which is not what was put if another hub was first.
    ///
    /// # Errors
    /// `Missing` if there is no such org, `AlreadyExists` if another plugin has the id or the token.
    pub async fn put(&mut self, installation: &Installation) -> Result<Installation, StorageError> {
        let row = fetch_optional!(
            self.tx,
            Row,
            "INSERT INTO installation (org_id, id, plugin, enabled, config, policy, hook_token, created_at, updated_at,
               approved)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
             ON CONFLICT (org_id, plugin) DO UPDATE SET enabled = excluded.enabled, config = excluded.config,
               policy = excluded.policy, approved = excluded.approved, updated_at = excluded.updated_at
             RETURNING org_id, id, plugin, enabled, config, policy, approved, hook_token, created_at, updated_at",
            self.org.0,
            installation.id.0,
            installation.plugin.as_str(),
            installation.enabled,
            Json(&installation.config),
            Json(&installation.policy),
            Text(&installation.hook_token),
            installation.created_at.timestamp_micros(),
            installation.updated_at.timestamp_micros(),
            installation.approved.as_ref().map(Json),
        )?;
        // The statement writes the row in any case, and gives it.
        row.ok_or(StorageError::Closed)?.try_into()
    }

    /// The installation of a plugin.
    ///
    /// # Errors
    /// The database fails.
    pub async fn get(&mut self, plugin: &PluginId) -> Result<Option<Installation>, StorageError> {
        fetch_optional!(self.tx, Row, select!("WHERE org_id = $1 AND plugin = $2"), self.org.0, plugin.as_str())?
            .map(Installation::try_from)
            .transpose()
    }

    /// Switches a plugin off for good; what it keeps stays. False if it was not on.
    ///
    /// # Errors
    /// The database fails.
    pub async fn delete(&mut self, plugin: &PluginId) -> Result<bool, StorageError> {
        let rows = execute!(
            self.tx,
            "DELETE FROM installation WHERE org_id = $1 AND plugin = $2",
            self.org.0,
            plugin.as_str(),
        )?;
        Ok(rows > 0)
    }

    /// All of them, by plugin.
    ///
    /// # Errors
    /// The database fails.
    pub async fn list(&mut self) -> Result<Vec<Installation>, StorageError> {
        fetch_all!(self.tx, Row, select!("WHERE org_id = $1 ORDER BY plugin"), self.org.0)?
            .into_iter()
            .map(Installation::try_from)
            .collect()
    }
}
