//! `POST /v1/api-keys/{key}/rotate`

use axum::{Json as Reply, extract::State};
use http::StatusCode;
use patchbay_hub::{Hub, RotateApiKey};
use patchbay_model::{ApiKeyId, Timestamp};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    extract::{Allowed, Json, ManageKeys, Path},
    problem::Problem,
    view::ApiKeyReply,
};

/// How the key is replaced.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RotationInput {
    /// How long the old key goes on working, in seconds: at most 604800 (7 days); 86400 (a day) if not said; 0: not at all.
    #[schema(minimum = 0, maximum = 604_800)]
    overlap_seconds: Option<u64>,
    /// When the new key stops working. If not said: after as long as the old one was made for.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

/// Replace an API key
///
/// Makes a key with the same name and scopes, which spends of the same budgets. The old one works on for a while, so that your programs can change over one after
/// the other.
#[utoipa::path(
    post,
    path = "/v1/api-keys/{key}/rotate",
    tag = "API keys",
    security(("api_key" = ["manage_keys"])),
    params(("key" = String, Path, description = "The old key's id, not the key itself")),
    request_body = RotationInput,
    responses((status = 201, description = "The new key", body = ApiKeyReply))
)]
pub(crate) async fn rotate_api_key(
    caller: Allowed<ManageKeys>,
    State(hub): State<Hub>,
    Path(key): Path<ApiKeyId>,
    Json(input): Json<RotationInput>,
) -> Result<(StatusCode, Reply<ApiKeyReply>), Problem> {
    let RotationInput { overlap_seconds: overlap_s, expires_at } = input;
    let made = hub.rotate_api_key(&caller, key, RotateApiKey { overlap_s, expires_at }).await?;
    Ok((StatusCode::CREATED, Reply(made.into())))
}
