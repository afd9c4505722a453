//! `DELETE /v1/session`

use axum::{
    extract::State,
    response::{AppendHeaders, IntoResponse},
};
use http::{StatusCode, header};
use patchbay_hub::Hub;

use crate::{cookie, extract::Member, problem::Problem};

/// Sign out
///
/// Ends this session, on all hubs within a second.
#[utoipa::path(
    delete,
    path = "/v1/session",
    tag = "Sessions",
    security(("session" = [])),
    responses((status = 204, description = "It has ended"))
)]
pub(crate) async fn sign_out(member: Member, State(hub): State<Hub>) -> Result<impl IntoResponse, Problem> {
    hub.end_session(&member, member.session.id).await?;
    Ok((StatusCode::NO_CONTENT, AppendHeaders([(header::SET_COOKIE, cookie::clear(cookie::SESSION))])))
}
