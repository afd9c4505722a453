//! `GET /v1/objects`

use axum::{Json, extract::State};
use patchbay_hub::Hub;

use crate::{
    extract::{Allowed, ReadSettings},
    problem::Problem,
    view::{Object, Page},
};

/// List standard objects
///
/// What calls, contacts, invoices and the like look like, whichever plugin they come from.
#[utoipa::path(
    get,
    path = "/v1/objects",
    tag = "Records",
    security(("api_key" = ["read_settings"])),
    responses((status = 200, description = "All of them", body = Page<Object>))
)]
pub(crate) async fn list_objects(
    caller: Allowed<ReadSettings>,
    State(hub): State<Hub>,
) -> Result<Json<Page<Object>>, Problem> {
    Ok(Json(hub.objects(&caller)?.into()))
}
