//! `GET /v1/connect`

use axum::{Json, extract::State};
use patchbay_hub::Hub;

use crate::{
    extract::{Allowed, ConnectAccount},
    problem::Problem,
    view::Connect,
};

/// What an end user can connect
///
/// For the token of a connect session: the plugins that it is for, what each takes, and what was connected with it.
#[utoipa::path(
    get,
    path = "/v1/connect",
    tag = "Connect sessions",
    security(("connect_session" = ["connect_account"])),
    responses((status = 200, description = "What can be connected", body = Connect))
)]
pub(crate) async fn get_connect(
    caller: Allowed<ConnectAccount>,
    State(hub): State<Hub>,
) -> Result<Json<Connect>, Problem> {
    Ok(Json(hub.connectable(&caller).await?.into()))
}
