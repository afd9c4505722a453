//! `DELETE /v1/connect-sessions/{connect_session}`

use axum::extract::State;
use http::StatusCode;
use patchbay_hub::Hub;
use patchbay_model::ConnectSessionId;

use crate::{
    extract::{Allowed, ManageConnectSessions, Path},
    problem::Problem,
};

/// End a connect session
///
/// Its token counts no more. What it connected stays connected.
#[utoipa::path(
    delete,
    path = "/v1/connect-sessions/{connect_session}",
    tag = "Connect sessions",
    security(("api_key" = ["manage_connect_sessions"])),
    params(("connect_session" = String, Path, description = "The connect session's id")),
    responses((status = 204, description = "It has ended"))
)]
pub(crate) async fn delete_connect_session(
    caller: Allowed<ManageConnectSessions>,
    State(hub): State<Hub>,
    Path(session): Path<ConnectSessionId>,
) -> Result<StatusCode, Problem> {
    hub.end_connect_session(&caller, session).await?;
    Ok(StatusCode::NO_CONTENT)
}
