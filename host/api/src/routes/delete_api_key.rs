//! `DELETE /v1/api-keys/{key}`

use axum::extract::State;
use http::StatusCode;
use patchbay_hub::Hub;
use patchbay_model::ApiKeyId;

use crate::{
    extract::{Allowed, ManageKeys, Path},
    problem::Problem,
};

/// Revoke an API key
///
/// It stops working here at once, and on all hubs within a second.
#[utoipa::path(
    delete,
    path = "/v1/api-keys/{key}",
    tag = "API keys",
    security(("api_key" = ["manage_keys"])),
    params(("key" = String, Path, description = "The key's id, not the key itself")),
    responses((status = 204, description = "It is revoked"))
)]
pub(crate) async fn delete_api_key(
    caller: Allowed<ManageKeys>,
    State(hub): State<Hub>,
    Path(key): Path<ApiKeyId>,
) -> Result<StatusCode, Problem> {
    hub.end_api_key(&caller, key).await?;
    Ok(StatusCode::NO_CONTENT)
}
