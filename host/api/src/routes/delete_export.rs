//! `DELETE /v1/exports/{export}`

use axum::extract::State;
use http::StatusCode;
use patchbay_hub::Hub;
use patchbay_model::ExportId;

use crate::{
    extract::{AllowedEither, Path, ReadActivity, ReadAudit},
    problem::Problem,
};

/// Cancel or delete an export
///
/// One that is being written ends; the file goes. Exports that somebody else asked for need `manage_installations` as well.
#[utoipa::path(
    delete,
    path = "/v1/exports/{export}",
    tag = "Exports",
    security(("api_key" = ["read_activity"]), ("api_key" = ["read_audit"])),
    params(("export" = String, Path, description = "The export's id")),
    responses((status = 204, description = "It is gone"))
)]
pub(crate) async fn delete_export(
    caller: AllowedEither<ReadActivity, ReadAudit>,
    State(hub): State<Hub>,
    Path(export): Path<ExportId>,
) -> Result<StatusCode, Problem> {
    hub.delete_export(&caller, export).await?;
    Ok(StatusCode::NO_CONTENT)
}
