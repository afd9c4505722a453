//! What is stored of connections that are authorized by OAuth 2.0. Secrets are sealed: the bytes mean nothing without
//! the vault.

use crate::{OrgId, PluginId, RevocationId, Timestamp};

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
    /// When they are to be renewed, if they can be.
    pub due_at: Option<Timestamp>,
    /// The vendor takes them no more.
    pub refused: Option<Refused>,
    /// Renewing them fails, though it may pass.
    pub failing: Option<Failing>,
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

/// How renewing tokens fails while it may still pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailingKind {
    /// The vendor does not accept the hub as its client.
    ClientRejected,
    /// The vendor refuses a grant that needs nobody's consent.
    GrantRefused,
}

impl FailingKind {
    /// The kind as text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientRejected => "client_rejected",
            Self::GrantRefused => "grant_refused",
        }
    }
}

/// What somebody should look after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failing {
    /// How it fails.
    pub kind: FailingKind,
    /// Since when.
    pub at: Timestamp,
    /// What the vendor said, without secrets.
    pub reason: String,
}

/// Tokens that are due, whosever they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueTokens {
    /// Whose.
    pub org: OrgId,
    /// Of which plugin.
    pub plugin: PluginId,
    /// Their version.
    pub version: u64,
}

/// Tokens that the vendor shall end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedRevocation {
    /// Its id.
    pub id: RevocationId,
    /// Whose they were.
    pub org: OrgId,
    /// Of which plugin.
    pub plugin: PluginId,
    /// The vault's ciphertext.
    pub sealed: Vec<u8>,
    /// Who ended the connection, as in the audit log.
    pub actor: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next.
    pub next_attempt_at: Timestamp,
    /// When the connection ended.
    pub created_at: Timestamp,
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

/// How far an authorization has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AuthorizationStage {
    /// A link that nobody has followed.
    Link,
    /// A browser is at the vendor.
    Browser,
}

impl AuthorizationStage {
    /// The stage as text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Browser => "browser",
        }
    }
}

/// An authorization that waits for a browser: for one that follows its link, or for its return from the vendor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedAuthorization {
    /// Whose connection it will be.
    pub org: OrgId,
    /// Of which plugin.
    pub plugin: PluginId,
    /// For what it waits.
    pub stage: AuthorizationStage,
    /// SHA-256 of what is in the link, or of the state.
    pub state: [u8; 32],
    /// The vault's ciphertext.
    pub sealed: Vec<u8>,
    /// From when on it counts no more.
    pub expires_at: Timestamp,
}
