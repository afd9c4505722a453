//! `GET /v1/exports`

use axum::{Json, extract::State};
use patchbay_hub::{ExportList, Hub};
use patchbay_model::ExportId;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    extract::{AllowedEither, Query, ReadActivity, ReadAudit},
    problem::Problem,
    view::{Export, Page},
};

/// Which exports.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExportQuery {
    /// Only those before this one: the cursor.
    #[param(value_type = Option<String>)]
    before: Option<ExportId>,
    /// At most so many: 1 to 200, default 50.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// List exports
///
/// Newest first; those of the audit log for whoever may read that.
#[utoipa::path(
    get,
    path = "/v1/exports",
    tag = "Exports",
    security(("api_key" = ["read_activity"]), ("api_key" = ["read_audit"])),
    params(ExportQuery),
    responses((status = 200, description = "A part of them", body = Page<Export>))
)]
pub(crate) async fn list_exports(
    caller: AllowedEither<ReadActivity, ReadAudit>,
    State(hub): State<Hub>,
    Query(query): Query<ExportQuery>,
) -> Result<Json<Page<Export>>, Problem> {
    let ExportQuery { before, limit } = query;
    Ok(Json(hub.exports(&caller, ExportList { before, limit }).await?.into()))
}
