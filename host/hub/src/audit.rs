//! Entries of the audit log. Each is written in the transaction of the change that it tells of, as the last thing in
//! it, so that there is no change without an entry and no entry without a change. Calls write none: what a call does is
//! in its run, and the lock that keeps a log in one piece is not taken on a call's way.

use std::fmt;

pub(crate) use patchbay_model::identity::Actor;
use patchbay_model::{AuditId, OrgId, org::AuditEntry};
use patchbay_storage::chain::Chain;
use serde_json::Value;

use crate::{hub::Inner, request};

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
            request: request::current(),
        }
    }

    /// An entry for the hub's own log: about what concerns no org, or one that is gone.
    pub(crate) fn hub_audit(&self, actor: Actor, action: &str, subject: impl ToString, detail: Value) -> AuditEntry {
        self.audit(OrgId(Chain::Hub.id()), actor, action, subject, detail)
    }
}
