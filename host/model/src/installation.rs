//! A plugin switched on for one org, and the credentials it runs with.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{ConnectionId, Digest, InstallationId, OrgId, PluginId, Timestamp};

/// Which version of the plugin an installation runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum VersionPolicy {
    /// The newest version in this range (semver, as in `^1.2` or `*`).
    Track(String),
    /// This very package.
    Pin(Digest),
}

impl Default for VersionPolicy {
    fn default() -> Self {
        Self::Track("*".to_owned())
    }
}

/// A plugin switched on for one org.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Installation {
    /// Its id.
    pub id: InstallationId,
    /// Whose it is.
    pub org: OrgId,
    /// Of which plugin.
    pub plugin: PluginId,
    /// Switched on. One that is off keeps its settings.
    pub enabled: bool,
    /// The org's settings, valid by the manifest's schema.
    pub config: serde_json::Value,
    /// Which version it runs.
    pub policy: VersionPolicy,
    /// What an admin has approved of what the plugin may do. A version that asks for more is not moved to.
    /// None: no approval is asked for.
    pub approved: Option<BTreeSet<String>>,
    /// In the URL of its webhooks; unguessable, 32 random bytes in hexadecimal.
    pub hook_token: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// An org's credentials for a plugin, sealed: the bytes mean nothing without the vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedConnection {
    /// Its id.
    pub id: ConnectionId,
    /// Whose it is.
    pub org: OrgId,
    /// For which plugin.
    pub plugin: PluginId,
    /// Names of the credentials that have a value; the values are in `sealed`.
    pub credentials: Vec<String>,
    /// How the vendor calls the account, where known.
    pub account: Option<String>,
    /// The vault's ciphertext.
    pub sealed: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}
