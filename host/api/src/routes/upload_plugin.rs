//! `POST /v1/plugins`

use axum::{Json, extract::State};
use http::StatusCode;
use patchbay_hub::Hub;

use crate::{
    extract::{Allowed, OperateHub, PackageBytes},
    problem::Problem,
    view::Plugin,
};

/// Upload a plugin
///
/// Takes a packed plugin for the whole hub. It is checked, compiled and tried before it is put in place;
/// when it is refused, the version before it goes on serving. Uploading the same bytes again changes
/// nothing.
#[utoipa::path(
    post,
    path = "/v1/plugins",
    tag = "Plugins",
    security(("api_key" = ["operate_hub"])),
    request_body(content = Vec<u8>, content_type = "application/wasm", description = "The packed plugin"),
    responses((status = 201, description = "The plugin with its new version", body = Plugin))
)]
pub(crate) async fn upload_plugin(
    caller: Allowed<OperateHub>,
    State(hub): State<Hub>,
    PackageBytes(bytes): PackageBytes,
) -> Result<(StatusCode, Json<Plugin>), Problem> {
    Ok((StatusCode::CREATED, Json(hub.upload(&caller, bytes).await?.into())))
}
