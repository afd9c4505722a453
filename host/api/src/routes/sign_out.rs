//! `DELETE /v1/session`

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};
use patchbay_hub::Hub;
use patchbay_model::Code;

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
pub(crate) async fn sign_out(member: Result<Member, Problem>, State(hub): State<Hub>) -> Response {
    let ended = async {
        let member = member?;
        hub.end_session(&member, member.session.id).await.map_err(Problem::from)
    };
    let ended = ended.await;
    // also of one that had ended already: no script can take it away
    let is_over = ended.as_ref().err().is_none_or(|problem| problem.failure.code == Code::Unauthenticated);
    let mut response = ended.map(|_| StatusCode::NO_CONTENT).into_response();
    if is_over {
        response.headers_mut().append(header::SET_COOKIE, cookie::clear(cookie::SESSION));
    }
    response
}
