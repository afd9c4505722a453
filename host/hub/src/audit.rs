//! Entries of the audit log. Each is written in the transaction of the change that it tells of, so that
//! there is no change without an entry and no entry without a change.

use std::fmt;

use patchbay_model::{ApiKeyId, AuditId, OrgId, org::AuditEntry};
use serde_json::Value;

use crate::hub::Inner;

/// Who changed something.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Actor {
    /// Somebody with this key.
    Key(ApiKeyId),
    /// Somebody at the command line.
    Operator,
    /// Whoever opened the link that brings a connection's account back.
    ReconnectLink,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => key.fmt(f),
            Self::Operator => f.write_str("operator"),
            Self::ReconnectLink => f.write_str("reconnect-link"),
        }
    }
}

impl Inner {
    /// An entry about a change that happens now. `actor` is an [`Actor`], or its text where that was kept. `detail` holds no
    /// secret.
    pub(crate) fn audit(
        &self,
        org: OrgId,
        actor: impl fmt::Display,
        action: &str,
        subject: impl ToString,
        detail: Value,
    ) -> AuditEntry {
        AuditEntry {
            id: AuditId::new(&*self.clock, &*self.random),
            org,
            actor: actor.to_string(),
            action: action.to_owned(),
            subject: subject.to_string(),
            detail,
            at: self.clock.now(),
        }
    }
}
