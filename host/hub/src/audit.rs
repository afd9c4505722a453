//! Entries of the audit log. Each is written in the transaction of the change that it tells of, so that
//! there is no change without an entry and no entry without a change.

pub(crate) use patchbay_model::identity::Actor;
use patchbay_model::{AuditId, OrgId, org::AuditEntry};
use serde_json::Value;

use crate::hub::Inner;

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
            actor: actor.to_string(),
            action: action.to_owned(),
            subject: subject.to_string(),
            detail,
            at: self.clock.now(),
        }
    }
}
