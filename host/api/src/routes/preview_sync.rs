//! `POST /v1/installations/{plugin}/syncs/{object}/preview`

use axum::{Json as Reply, extract::State};
use patchbay_hub::{Hub, PreviewSync};
use patchbay_model::{PluginId, object::StandardObject, sync::Mapping};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    extract::{Allowed, Json, ManageInstallations, Path},
    problem::Problem,
    view::{SyncMapping, SyncPreview},
};

/// Which pair of records, and by which mapping.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SyncPreviewInput {
    /// One of our records, by its id. Exactly one of `record` and `vendor_id`.
    #[schema(example = "hubspot:151")]
    record: Option<String>,
    /// One of the vendor's, by the vendor's id.
    vendor_id: Option<String>,
    /// The mapping that is tried. Default: the one in force.
    #[schema(value_type = Option<SyncMapping>)]
    mapping: Option<Mapping>,
}

/// Try a mapping on one record
///
/// Reads the record and its counterpart at the vendor and shows both, as they are and as they would be. Nothing is written, here
/// or there. Needs `read_activity` as well.
#[utoipa::path(
    post,
    path = "/v1/installations/{plugin}/syncs/{object}/preview",
    tag = "Syncs",
    security(("api_key" = ["manage_installations"])),
    params(
        ("plugin" = String, Path, description = "The plugin's id", example = "hubspot"),
        ("object" = String, Path, description = "The standard object's name", example = "contact"),
    ),
    request_body = SyncPreviewInput,
    responses((status = 200, description = "Before and after", body = SyncPreview))
)]
pub(crate) async fn preview_sync(
    caller: Allowed<ManageInstallations>,
    State(hub): State<Hub>,
    Path((plugin, object)): Path<(PluginId, StandardObject)>,
    Json(input): Json<SyncPreviewInput>,
) -> Result<Reply<SyncPreview>, Problem> {
    let SyncPreviewInput { record, vendor_id, mapping } = input;
    let preview = PreviewSync { record, vendor_id, mapping };
    Ok(Reply(hub.sync_preview(&caller, &plugin, object, preview).await?.into()))
}
