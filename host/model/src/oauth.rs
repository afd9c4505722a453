//! What is stored of connections that are authorized by OAuth 2.0. Secrets are sealed: the bytes mean nothing without
//! the vault.

use crate::{OrgId, PluginId, Timestamp};

/// The tokens of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedTokens {
    /// Whose they are.
    pub org: OrgId,
    /// For which plugin.
    pub plugin: PluginId,
    /// The vault's ciphertext.
    pub sealed: Vec<u8>,
    /// Grows with every change.
    pub version: u64,
    /// Of the client that got them.
    pub client_id: String,
    /// By which grant they were got, as in a manifest.
    pub granted_by: String,
    /// What was granted.
    pub scopes: Vec<String>,
    /// The vendor's id of the account, if known.
    pub account_id: Option<String>,
    /// What people call the account, if known.
    pub account_name: Option<String>,
    /// When the access token ends, if that is known.
    pub expires_at: Option<Timestamp>,
    /// The vendor takes them no more.
    pub refused: Option<Refused>,
    /// When a person, or the hub for itself, was granted them first.
    pub authorized_at: Timestamp,
    /// When the vendor was asked for these.
    pub renewed_at: Timestamp,
}

/// A vendor's last word on tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// When.
    pub at: Timestamp,
    /// What it said, without secrets.
    pub reason: String,
}

/// An org's own client at a vendor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedClient {
    /// Whose it is.
    pub org: OrgId,
    /// For which plugin.
    pub plugin: PluginId,
    /// Its id at the vendor; no secret.
    pub client_id: String,
    /// The vault's ciphertext of all of it.
    pub sealed: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// An authorization that waits for the browser's return.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedAuthorization {
    /// Whose connection it will be.
    pub org: OrgId,
    /// Of which plugin.
    pub plugin: PluginId,
    /// SHA-256 of the state.
    pub state: [u8; 32],
    /// The vault's ciphertext.
    pub sealed: Vec<u8>,
    /// From when on it counts no more.
    pub expires_at: Timestamp,
}
