//! `GET /v1/api-keys/{key}`

use axum::{Json, extract::State};
use patchbay_hub::Hub;
use patchbay_model::ApiKeyId;

use crate::{
    extract::{Allowed, ManageKeys, Path},
    problem::Problem,
    view::ApiKey,
};

/// Read an API key
#[utoipa::path(
    get,
    path = "/v1/api-keys/{key}",
    tag = "API keys",
    security(("api_key" = ["manage_keys"])),
    params(("key" = String, Path, description = "The key's id, not the key itself")),
    responses((status = 200, description = "What is known of it", body = ApiKey))
)]
pub(crate) async fn get_api_key(
    caller: Allowed<ManageKeys>,
    State(hub): State<Hub>,
    Path(key): Path<ApiKeyId>,
) -> Result<Json<ApiKey>, Problem> {
    Ok(Json(hub.api_key(&caller, key).await?.into()))
}
