//! `GET /v1/session`

use axum::{Json, extract::State};
use patchbay_hub::Hub;

use crate::{extract::Known, problem::Problem, view::Identity};

/// Who am I
///
/// The caller, what they may do, and for a member the session and the organizations that they could act in.
#[utoipa::path(
    get,
    path = "/v1/session",
    tag = "Sessions",
    security(("api_key" = []), ("session" = []), ("connect_session" = [])),
    responses((status = 200, description = "The caller", body = Identity))
)]
pub(crate) async fn who_am_i(known: Known, State(hub): State<Hub>) -> Result<Json<Identity>, Problem> {
    Ok(Json(hub.who_am_i(&known.caller, known.session).await?.into()))
}
