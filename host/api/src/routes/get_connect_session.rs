//! `GET /v1/connect-sessions/{connect_session}`

use axum::{Json, extract::State};
use patchbay_hub::Hub;
use patchbay_model::ConnectSessionId;

use crate::{
    extract::{Allowed, ManageConnectSessions, Path},
    problem::Problem,
    view::ConnectSession,
};

/// Read a connect session
///
/// Says what came of it, for a day after its end.
#[utoipa::path(
    get,
    path = "/v1/connect-sessions/{connect_session}",
    tag = "Connect sessions",
    security(("api_key" = ["manage_connect_sessions"])),
    params(("connect_session" = String, Path, description = "The connect session's id")),
    responses((status = 200, description = "The session", body = ConnectSession))
)]
pub(crate) async fn get_connect_session(
    caller: Allowed<ManageConnectSessions>,
    State(hub): State<Hub>,
    Path(session): Path<ConnectSessionId>,
) -> Result<Json<ConnectSession>, Problem> {
    Ok(Json(hub.connect_session(&caller, session).await?.into()))
}
