//! `POST /v1/session/leave`

use axum::{
    extract::State,
    response::{AppendHeaders, IntoResponse},
};
use http::{StatusCode, header};
use patchbay_hub::Hub;

use crate::{cookie, extract::Member, problem::Problem};

/// Leave the organization
///
/// Ends one's own membership in the session's organization, and with it one's sessions there. The last owner cannot leave.
#[utoipa::path(
    post,
    path = "/v1/session/leave",
    tag = "Sessions",
    security(("session" = [])),
    responses((status = 204, description = "It has ended"))
)]
pub(crate) async fn leave_org(member: Member, State(hub): State<Hub>) -> Result<impl IntoResponse, Problem> {
    hub.leave(&member).await?;
    Ok((StatusCode::NO_CONTENT, AppendHeaders([(header::SET_COOKIE, cookie::clear(cookie::SESSION))])))
}
