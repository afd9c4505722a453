//! Organizations, their API keys, and the audit log.

use serde::{Deserialize, Serialize};

use crate::{ApiKeyId, AuditId, OrgId, RequestId, Timestamp};

/// The tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Org {
    /// Its id.
    pub id: OrgId,
    /// What people call it; 1 to 200 characters.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What an API key is for. Which permissions that gives is said in [`crate::permission`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Call actions and the proxy.
    Invoke,
    /// Read installations, runs, usage and events.
    Read,
    /// Install and configure plugins, set connections, set the org's rate limits.
    Admin,
    /// Let end users connect an account each.
    Connect,
    /// Manage the org's members and its name.
    Members,
    /// Manage API keys.
    Keys,
    /// Read the audit log.
    Audit,
    /// Upload plugins for the whole hub. Only the operator's keys have it.
    Operator,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 8] =
        [Self::Invoke, Self::Read, Self::Admin, Self::Connect, Self::Members, Self::Keys, Self::Audit, Self::Operator];

    /// The scope as text, as in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invoke => "invoke",
            Self::Read => "read",
            Self::Admin => "admin",
            Self::Connect => "connect",
            Self::Members => "members",
            Self::Keys => "keys",
            Self::Audit => "audit",
            Self::Operator => "operator",
        }
    }
}

/// An API key as stored: never the key itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// Whose it is.
    pub org: OrgId,
    /// What its owner calls it.
    pub name: String,
    /// What it may do, in the order of [`Scope`].
    pub scopes: Vec<Scope>,
    /// When it stops working, if ever.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it, as an [`crate::identity::Actor`]'s text; not known of the oldest.
    pub made_by: Option<String>,
    /// When it was last used, to a minute or so.
    pub used_at: Option<Timestamp>,
    /// The key that it was made in the place of.
    pub replaces: Option<ApiKeyId>,
    /// The key whose spend budgets it spends of; its own if none.
    pub spends_as: Option<ApiKeyId>,
}

impl ApiKey {
    /// The key whose spend budgets it spends of: a key and those that are made in its place share them.
    #[must_use]
    pub fn spender(&self) -> ApiKeyId {
        self.spends_as.unwrap_or(self.id)
    }
}

/// One change, in the audit log. `detail` holds old and new values without secrets.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AuditEntry {
    /// Its id.
    pub id: AuditId,
    /// In whose org.
    pub org: OrgId,
    /// Who did it: an [`crate::identity::Actor`]'s text, as in `key_…` or `operator`.
    pub actor: String,
    /// What was done, as in `installation.put`.
    pub action: String,
    /// To what: a plugin's id, a key's id.
    pub subject: String,
    /// Old and new, redacted.
    pub detail: serde_json::Value,
    /// When.
    pub at: Timestamp,
    /// The request to the hub that asked for it; none for the command line and for what the hub did by itself.
    pub request: Option<RequestId>,
}
