//! Who changed what.

use patchbay_hub::{AuditLine, Hash};
use patchbay_model::{AuditId, RequestId, Timestamp};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// An entry of the audit log.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditEntry {
    /// Its number in the org's log, from 1, without gaps; the cursor.
    seq: u64,
    /// Its id.
    #[schema(value_type = String)]
    id: AuditId,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Who: a key's, a member's or a connect session's id, `reconnect-link` for whoever opened such a link, `operator` for
    /// the command line, `hub` for the hub itself.
    actor: String,
    /// What was done.
    #[schema(example = "connection.put")]
    action: String,
    /// To what.
    #[schema(example = "openai")]
    resource: String,
    /// Old and new values, without secrets.
    detail: Value,
    /// The request that asked for it; null for the command line and for what the hub did by itself.
    #[schema(value_type = Option<String>)]
    request_id: Option<RequestId>,
    /// SHA-256 over the entry and the hash of the one before it; null for entries of before there were hashes.
    #[schema(value_type = Option<String>)]
    hash: Option<Hash>,
}

impl From<AuditLine> for AuditEntry {
    fn from(line: AuditLine) -> Self {
        let AuditLine { seq, entry, detail: _, hash } = line;
        let patchbay_model::org::AuditEntry { id, org: _, actor, action, subject, detail, at, request } = entry;
        Self { seq, id, at, actor, action, resource: subject, detail, request_id: request, hash }
    }
}
