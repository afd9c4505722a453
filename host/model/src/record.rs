//! Documents that plugins keep, small values, and files.

use serde::{Deserialize, Serialize};

use crate::{BlobId, OrgId, PluginId, Timestamp};

/// A stored document.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Record {
    /// Chosen by the plugin; 1 to 256 bytes.
    pub id: String,
    /// 1 when made, one more with each write.
    pub version: u64,
    /// Valid by the collection's schema.
    pub data: serde_json::Value,
    /// When it was last written.
    pub updated_at: Timestamp,
}

/// A write of a run, committed with it.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordChange {
    /// The plugin's collection.
    pub collection: String,
    /// The document.
    pub id: String,
    /// What it becomes; `None` deletes it.
    pub data: Option<serde_json::Value>,
    /// The committed version that it must have (0: must not exist); `None` for any.
    pub expected: Option<u64>,
}

/// A small value with expiry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KvEntry {
    /// At most 64 KiB.
    pub value: Vec<u8>,
    /// 1 when made, one more with each write.
    pub version: u64,
}

/// What is known of one stored file. Its bytes are on disk, by content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blob {
    /// Its id.
    pub id: BlobId,
    /// Whose it is.
    pub org: OrgId,
    /// Which plugin stored it.
    pub plugin: PluginId,
    /// Media type.
    pub content_type: String,
    /// In bytes.
    pub size: u64,
    /// SHA-256 of the bytes, lower-case hexadecimal.
    pub sha256: String,
    /// When it was stored.
    pub created_at: Timestamp,
}
