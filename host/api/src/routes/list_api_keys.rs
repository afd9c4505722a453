//! `GET /v1/api-keys`

use axum::{Json, extract::State};
use patchbay_hub::Hub;
use patchbay_model::ApiKeyId;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    extract::{Allowed, ManageKeys, Query},
    problem::Problem,
    view::{ApiKey, Page},
};

/// Which keys.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ApiKeyQuery {
    /// Only those after this one: the cursor.
    #[param(value_type = Option<String>)]
    after: Option<ApiKeyId>,
    /// At most so many: 1 to 200, default 50.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// List API keys
///
/// All of the organization's, revoked ones too, the oldest first. The keys themselves never come out.
#[utoipa::path(
    get,
    path = "/v1/api-keys",
    tag = "API keys",
    security(("api_key" = ["manage_keys"])),
    params(ApiKeyQuery),
    responses((status = 200, description = "A part of them", body = Page<ApiKey>))
)]
pub(crate) async fn list_api_keys(
    caller: Allowed<ManageKeys>,
    State(hub): State<Hub>,
    Query(query): Query<ApiKeyQuery>,
) -> Result<Json<Page<ApiKey>>, Problem> {
    Ok(Json(hub.api_keys(&caller, query.after, query.limit).await?.into()))
}
