//! Packages that the hub knows, good and bad.

use patchbay_model::{Digest, PluginId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    StorageError, Tx,
    column::{digest, plugin, signed, time, unsigned, word},
    text::{Json, Text, optional},
};

/// How a package came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PluginSource {
    /// It lies in the operator's folder.
    Folder,
    /// It was uploaded.
    Upload,
}

impl PluginSource {
    /// The source as text, as in the database and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Folder => "folder",
            Self::Upload => "upload",
        }
    }
}

/// How a package stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PluginStatus {
    /// Installations may run it.
    Active,
    /// Taken away by its operator.
    Withdrawn,
    /// It could not be loaded; the reason stands beside it.
    Broken,
}

impl PluginStatus {
    /// The status as text, as in the database and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Withdrawn => "withdrawn",
            Self::Broken => "broken",
        }
    }
}

/// One package of a plugin.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PluginVersion {
    /// Its address.
    pub digest: Digest,
    /// Of which plugin.
    pub plugin: PluginId,
    /// Its version; semver.
    pub version: String,
    /// The version of the contract that it was built for; semver.
    pub api: String,
    /// The key that signed it, if one did.
    pub publisher: Option<String>,
    /// Its manifest.
    pub manifest: serde_json::Value,
    /// In bytes, packed.
    pub size: u64,
    /// How it came in.
    pub source: PluginSource,
    /// How it stands.
    pub status: PluginStatus,
    /// Why it is broken.
    pub error: Option<String>,
    /// When it was first seen.
    pub created_at: Timestamp,
}

#[derive(sqlx::FromRow)]
struct Row {
    digest: Vec<u8>,
    plugin: String,
    version: Text,
    api: Text,
    publisher: Option<Text>,
    manifest: Json<serde_json::Value>,
    size: i64,
    source: String,
    status: String,
    error: Option<Text>,
    created_at: i64,
}

impl TryFrom<Row> for PluginVersion {
    type Error = StorageError;

    fn try_from(row: Row) -> Result<Self, StorageError> {
        Ok(Self {
            digest: digest(&row.digest)?,
            plugin: plugin(&row.plugin)?,
            version: row.version.0,
            api: row.api.0,
            publisher: optional(row.publisher),
            manifest: row.manifest.0,
            size: unsigned(row.size),
            source: word(&row.source)?,
            status: word(&row.status)?,
            error: optional(row.error),
            created_at: time(row.created_at)?,
        })
    }
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT digest, plugin, version, api, publisher, manifest, size, source, status, error, created_at
             FROM plugin_version ",
            $rest
        )
    };
}

pub(crate) async fn put(tx: &mut Tx, version: &PluginVersion) -> Result<(), StorageError> {
    execute!(
        tx,
        "INSERT INTO plugin_version
           (digest, plugin, version, api, publisher, manifest, size, source, status, error, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         ON CONFLICT (digest) DO UPDATE SET plugin = excluded.plugin, version = excluded.version,
           api = excluded.api, publisher = excluded.publisher, manifest = excluded.manifest, size = excluded.size,
           source = excluded.source, status = excluded.status, error = excluded.error",
        version.digest.0.as_slice(),
        version.plugin.as_str(),
        Text(&version.version),
        Text(&version.api),
        version.publisher.as_ref().map(Text),
        Json(&version.manifest),
        signed(version.size),
        version.source.as_str(),
        version.status.as_str(),
        version.error.as_ref().map(Text),
        version.created_at.timestamp_micros(),
    )?;
    Ok(())
}

pub(crate) async fn get(tx: &mut Tx, digest: &Digest) -> Result<Option<PluginVersion>, StorageError> {
    fetch_optional!(tx, Row, select!("WHERE digest = $1"), digest.0.as_slice())?
        .map(PluginVersion::try_from)
        .transpose()
}

pub(crate) async fn list(tx: &mut Tx) -> Result<Vec<PluginVersion>, StorageError> {
    fetch_all!(tx, Row, select!("ORDER BY plugin, created_at, digest"))?
        .into_iter()
        .map(PluginVersion::try_from)
        .collect()
}

/// As much of a package as one needs to know who loads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveVersion {
    /// Its address.
    pub digest: Digest,
    /// Of which plugin.
    pub plugin: PluginId,
    /// How it came in.
    pub source: PluginSource,
}

pub(crate) async fn active(tx: &mut Tx, of: Option<&PluginId>) -> Result<Vec<ActiveVersion>, StorageError> {
    fetch_all!(
        tx,
        (Vec<u8>, String, String),
        "SELECT digest, plugin, source FROM plugin_version
         WHERE status = 'active' AND ($1 IS NULL OR plugin = $1) ORDER BY plugin, created_at, digest",
        of.map(PluginId::as_str),
    )?
    .into_iter()
    .map(|(address, of, source)| {
        Ok(ActiveVersion { digest: digest(&address)?, plugin: plugin(&of)?, source: word(&source)? })
    })
    .collect()
}

pub(crate) async fn set_status(
    tx: &mut Tx,
    digest: &Digest,
    status: PluginStatus,
    error: Option<&str>,
) -> Result<bool, StorageError> {
    let rows = execute!(
        tx,
        "UPDATE plugin_version SET status = $2, error = $3 WHERE digest = $1",
        digest.0.as_slice(),
        status.as_str(),
        error.map(Text),
    )?;
    Ok(rows > 0)
}
