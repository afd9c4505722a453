//! The audit log.

use patchbay_model::{AuditId, OrgId, org::AuditEntry};
use uuid::Uuid;

use crate::{
    StorageError, Tx,
    column::{before, limit as row_limit, time},
    text::{Json, Text},
};

/// An org's audit log. Nothing here changes or deletes a line.
#[derive(Debug)]
pub struct Audit<'a> {
    pub(crate) tx: &'a mut Tx,
    pub(crate) org: OrgId,
}

type Row = (Uuid, Uuid, Text, Text, Text, Json<serde_json::Value>, i64);

impl Audit<'_> {
    /// Adds a line, in the transaction of the change that it tells of.
    ///
    /// # Errors
    /// `AlreadyExists` if its id is taken, `Missing` if there is no such org.
    pub async fn append(&mut self, entry: &AuditEntry) -> Result<(), StorageError> {
        execute!(
            self.tx,
            "INSERT INTO audit (org_id, id, actor, action, subject, detail, at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
            self.org.0,
            entry.id.0,
            Text(&entry.actor),
            Text(&entry.action),
            Text(&entry.subject),
            Json(&entry.detail),
            entry.at.timestamp_micros(),
        )?;
        Ok(())
    }

    /// Lines before one, the newest first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn list(&mut self, before_id: Option<AuditId>, limit: u32) -> Result<Vec<AuditEntry>, StorageError> {
        fetch_all!(
            self.tx,
            Row,
            "SELECT org_id, id, actor, action, subject, detail, at FROM audit
             WHERE org_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3",
            self.org.0,
            before(before_id.map(|id| id.0)),
            row_limit(limit),
        )?
        .into_iter()
        .map(|(org, id, actor, action, subject, detail, at)| {
            Ok(AuditEntry {
                id: AuditId(id),
                org: OrgId(org),
                actor: actor.0,
                action: action.0,
                subject: subject.0,
                detail: detail.0,
                at: time(at)?,
            })
        })
        .collect()
    }
}
