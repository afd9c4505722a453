//! `POST /v1/api-keys`

use axum::{Json as Reply, extract::State};
use http::StatusCode;
use patchbay_hub::{Hub, NewApiKey, SpendLimits};
use patchbay_model::{Timestamp, org::Scope};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    extract::{Allowed, Json, ManageKeys},
    problem::Problem,
    view::ApiKeyReply,
};

/// What the key shall be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApiKeyInput {
    /// What you call it; 1 to 100 characters.
    #[schema(example = "ci")]
    name: String,
    /// What it may do: `invoke`, `read`, `admin`, `connect`, `members`, `keys`, `audit`, `operator`.
    #[schema(value_type = Vec<String>, example = json!(["invoke", "read"]))]
    scopes: Vec<Scope>,
    /// When it stops working; never if not said.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// What it may spend at most in a billing period, by unit: `money` in whole minor units, or a metric. Each is a budget
    /// (`/v1/budgets/{key}/{unit}`), which keys that are made in its place share.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, u64>, example = json!({"money": 5000, "ai_tokens": 1_000_000}))]
    spend_limits: SpendLimits,
}

/// Make an API key
///
/// It can do nothing that you cannot do yourself.
#[utoipa::path(
    post,
    path = "/v1/api-keys",
    tag = "API keys",
    security(("api_key" = ["manage_keys"])),
    request_body = ApiKeyInput,
    responses((status = 201, description = "The key", body = ApiKeyReply))
)]
pub(crate) async fn create_api_key(
    caller: Allowed<ManageKeys>,
    State(hub): State<Hub>,
    Json(input): Json<ApiKeyInput>,
) -> Result<(StatusCode, Reply<ApiKeyReply>), Problem> {
    let ApiKeyInput { name, scopes, expires_at, spend_limits } = input;
    let made = hub.issue_api_key(&caller, NewApiKey { name, scopes, expires_at, spend_limits }).await?;
    Ok((StatusCode::CREATED, Reply(made.into())))
}
