//! `GET /v1/exports/{export}`

use axum::{Json, extract::State};
use patchbay_hub::Hub;
use patchbay_model::ExportId;

use crate::{
    extract::{AllowedEither, Path, ReadActivity, ReadAudit},
    problem::Problem,
    view::Export,
};

/// Read an export
///
/// How far it has come, and once it is done a new link to its file.
#[utoipa::path(
    get,
    path = "/v1/exports/{export}",
    tag = "Exports",
    security(("api_key" = ["read_activity"]), ("api_key" = ["read_audit"])),
    params(("export" = String, Path, description = "The export's id")),
    responses((status = 200, description = "The export", body = Export))
)]
pub(crate) async fn get_export(
    caller: AllowedEither<ReadActivity, ReadAudit>,
    State(hub): State<Hub>,
    Path(export): Path<ExportId>,
) -> Result<Json<Export>, Problem> {
    Ok(Json(hub.export(&caller, export).await?.into()))
}
