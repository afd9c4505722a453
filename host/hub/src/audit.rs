//! Entries of the audit log. Each is written in the transaction of the change that it tells of, so that
//! there is no change without an entry and no entry without a change.

use patchbay_model::{ApiKeyId, AuditId, OrgId, org::AuditEntry};
use serde_json::Value;

use crate::{hub::Inner, operator::is_no_key};

/// Who changed something.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Actor {
    /// Somebody with this key.
    Key(ApiKeyId),
    /// Somebody at the command line.
    Operator,
}

impl Inner {
    /// An entry about a change that happens now. `detail` holds no secret.
    pub(crate) fn audit(
        &self,
        org: OrgId,
        actor: Actor,
        action: &str,
        subject: impl ToString,
        detail: Value,
    ) -> AuditEntry {
        AuditEntry {
            id: AuditId::new(&*self.clock, &*self.random),
            org,
            actor: match actor {
                Actor::Key(key) if is_no_key(key) => "operator".to_owned(),
                Actor::Key(key) => key.to_string(),
                Actor::Operator => "operator".to_owned(),
            },
            action: action.to_owned(),
            subject: subject.to_string(),
            detail,
            at: self.clock.now(),
        }
    }
}
