//! `GET /v1/audit`

use axum::{Json, extract::State};
use patchbay_hub::{AuditFilter, Hub};
use patchbay_model::Timestamp;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    extract::{Allowed, Query, ReadAudit},
    problem::Problem,
    view::{AuditEntry, Page},
};

/// Which entries.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditQuery {
    /// Only by this one: a key's, a member's or a connect session's id, `reconnect-link` for whoever opened such a link,
    /// `operator` for the command line, `hub` for the hub itself.
    actor: Option<String>,
    /// Only this action, or those that begin with it and a dot.
    #[param(example = "connection")]
    action: Option<String>,
    /// Only on this: a plugin's id, a key's id.
    #[param(example = "openai")]
    resource: Option<String>,
    /// Not before this time.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Before this time.
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
    /// Only those with a smaller number: the cursor.
    before: Option<i64>,
    /// At most so many: 1 to 200, default 50.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// List the audit log
///
/// Who changed what in the organization, newest first. Entries are numbered without gaps and chained by hashes.
#[utoipa::path(
    get,
    path = "/v1/audit",
    tag = "Audit",
    security(("api_key" = ["read_audit"])),
    params(AuditQuery),
    responses((status = 200, description = "A part of it", body = Page<AuditEntry>))
)]
pub(crate) async fn list_audit(
    caller: Allowed<ReadAudit>,
    State(hub): State<Hub>,
    Query(query): Query<AuditQuery>,
) -> Result<Json<Page<AuditEntry>>, Problem> {
    let AuditQuery { actor, action, resource, from, to, before, limit } = query;
    let filter = AuditFilter { actor, action, resource, from, to, before, limit };
    Ok(Json(hub.audit_log(&caller, filter).await?.into()))
}
