//! `GET /v1/sessions`

use axum::{Json, extract::State};
use patchbay_hub::Hub;

use crate::{
    extract::Member,
    problem::Problem,
    view::{Page, Session},
};

/// List one's sessions
///
/// Where one is signed in, in all organizations, the newest first.
#[utoipa::path(
    get,
    path = "/v1/sessions",
    tag = "Sessions",
    security(("session" = [])),
    responses((status = 200, description = "All of them", body = Page<Session>))
)]
pub(crate) async fn list_sessions(member: Member, State(hub): State<Hub>) -> Result<Json<Page<Session>>, Problem> {
    Ok(Json(hub.sessions(&member).await?.into()))
}
