//! The audit log: who changed what.

use patchbay_model::{Code, Failure, Permission, Timestamp};
use patchbay_storage::chain::{AuditLine, Chain};

use super::{Page, Size};
use crate::{auth::Caller, hub::Hub};

/// Which entries; what is not said is not asked for.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// By whom: `key_…`, `operator` for the command line, `hub` for the hub itself.
    pub actor: Option<String>,
    /// An action, as in `connection.put`, or what several begin with, as in `connection`.
    pub action: Option<String>,
    /// To what: a plugin's id, a key's id.
    pub resource: Option<String>,
    /// Not before this.
    pub from: Option<Timestamp>,
    /// Before this.
    pub to: Option<Timestamp>,
    /// With a smaller number: the cursor.
    pub before: Option<i64>,
    /// At most so many: 1 to 200, default 50.
    pub limit: Option<u32>,
}

impl Hub {
    /// The org's audit log, newest first. Needs the permission `read_audit`.
    pub async fn audit_log(&self, caller: &Caller, filter: AuditFilter) -> Result<Page<AuditLine>, Failure> {
        caller.require(Permission::ReadAudit)?;
        let size = Size::new(filter.limit)?;
        let before = filter.before.map(u64::try_from).transpose();
        let before = before.map_err(|_| Failure::new(Code::InvalidRequest, "`before` is a number, not negative"))?;
        let AuditFilter { actor, action, resource, from, to, .. } = filter;
        let filter = patchbay_storage::AuditFilter { actor, action, resource, from, to, before, limit: size.and_one() };
        let mut tx = self.0.database.read().await?;
        let lines = tx.org(caller.org).audit().list(&filter).await?;
        Ok(size.page(lines, |line| line.seq.to_string()))
    }

    /// A part of a log, oldest first, for the operator.
    pub async fn audit_lines(&self, log: Chain, after: u64, limit: u32) -> Result<Vec<AuditLine>, Failure> {
        let mut tx = self.0.database.read().await?;
        Ok(match log {
            Chain::Hub => tx.hub().audit().after(after, limit).await?,
            Chain::Org(org) => tx.org(org).audit().after(after, limit).await?,
        })
    }

    /// The public half of the key that signs the audit logs' checkpoints.
    #[must_use]
    pub fn audit_key(&self) -> patchbay_vault::PublicKey {
        self.0.signer.public()
    }
}
