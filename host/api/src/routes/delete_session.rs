//! `DELETE /v1/sessions/{session}`

use axum::extract::State;
use http::StatusCode;
use patchbay_hub::Hub;
use patchbay_model::SessionId;

use crate::{
    extract::{Member, Path},
    problem::Problem,
};

/// End one of one's sessions
#[utoipa::path(
    delete,
    path = "/v1/sessions/{session}",
    tag = "Sessions",
    security(("session" = [])),
    params(("session" = String, Path, description = "The session's id")),
    responses((status = 204, description = "It has ended"))
)]
pub(crate) async fn delete_session(
    member: Member,
    State(hub): State<Hub>,
    Path(session): Path<SessionId>,
) -> Result<StatusCode, Problem> {
    hub.end_session(&member, session).await?;
    Ok(StatusCode::NO_CONTENT)
}
