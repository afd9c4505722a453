//! Entries of the audit log. Each is written in the transaction of the change that it tells of, as the last thing in
//! it, so that there is no change without an entry and no entry without a change. Calls write none: what a call does is
//! in its run, and the lock that keeps a log in one piece is not taken on a call's way.

use std::fmt;

pub(crate) use patchbay_model::identity::Actor;
use patchbay_model::{AuditId, OrgId, org::AuditEntry};
use patchbay_storage::{StorageError, Tx, chain::Chain};
use serde_json::Value;

use crate::{hub::Inner, request};

/// Entries of one transaction, perhaps in the logs of several orgs, kept for its end. A log is locked from its entry to the commit:
/// two transactions that came to the same logs in another order would wait for each other.
#[derive(Debug, Default)]
pub(crate) struct Entries(Vec<AuditEntry>);

impl Entries {
    pub(crate) fn push(&mut self, entry: AuditEntry) {
        self.0.push(entry);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Appends them all, log after log in the order of the orgs' ids, and those of one log as they came.
    pub(crate) async fn append(self, tx: &mut Tx) -> Result<(), StorageError> {
        for entry in self.ordered() {
            tx.org(entry.org).audit().append(&entry).await?;
        }
        Ok(())
    }

    fn ordered(mut self) -> Vec<AuditEntry> {
        self.0.sort_by_key(|entry| entry.org);
        self.0
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
            request: request::current(),
        }
    }

    /// An entry for the hub's own log: about what concerns no org, or one that is gone.
    pub(crate) fn hub_audit(&self, actor: Actor, action: &str, subject: impl ToString, detail: Value) -> AuditEntry {
        self.audit(OrgId(Chain::Hub.id()), actor, action, subject, detail)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::testing::TestHub;

    #[tokio::test]
    async fn entries_of_several_logs_are_appended_in_the_order_of_the_orgs() {
        let test = TestHub::open().await;
        let mut entries = Entries::default();
        for (org, action) in [(2, "a"), (1, "b"), (3, "c"), (1, "d"), (2, "e")] {
            entries.push(test.hub.0.audit(OrgId(Uuid::from_u128(org)), Actor::Hub, action, "x", json!({})));
        }
        let ordered = entries.ordered();
        assert_eq!(ordered.iter().map(|entry| entry.action.as_str()).collect::<Vec<_>>(), ["b", "d", "a", "e", "c"]);
    }
}
