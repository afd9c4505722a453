//! `GET /openapi.json`

use axum::{Json, extract::State};
use serde_json::Value;

use crate::{extract::MaybeCaller, openapi::with_actions, problem::Problem, state::ApiState};

/// The API's description (OpenAPI 3.1). With a key it also holds a typed path for each action that is
/// switched on for the org.
pub(crate) async fn openapi(
    caller: Option<MaybeCaller>,
    State(state): State<ApiState>,
) -> Result<Json<Value>, Problem> {
    let document = state.shared.document.clone();
    Ok(Json(match caller {
        None => document,
        Some(MaybeCaller(caller)) => with_actions(document, state.hub.enabled_actions(&caller).await?),
    }))
}
