//! `GET /v1/oidc/callback`: where the identity provider sends browsers back to.

use axum::{
    extract::{RawQuery, State},
    response::Response,
};
use http::{HeaderMap, StatusCode, header};
use patchbay_hub::Hub;

use crate::{cookie, extract::Client, page, signed_in};

/// Come back from the identity provider
///
/// The redirect URL to be registered there. Begins a session in a cookie; the answer is a page for the person at the browser.
#[utoipa::path(
    get,
    path = "/v1/oidc/callback",
    tag = "Sessions",
    security(()),
    responses(
        (status = 200, description = "A session has begun", body = String, content_type = "text/html"),
        (status = "4XX", description = "It has not", body = String, content_type = "text/html"),
        (status = "5XX", description = "It has not", body = String, content_type = "text/html"),
    )
)]
pub(crate) async fn oidc_callback(
    State(hub): State<Hub>,
    Client(client): Client,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let kept = cookie::get(&headers, cookie::OIDC).unwrap_or_default();
    let mut response = match hub.finish_oidc(&query.unwrap_or_default(), kept, client).await {
        Ok(new) => {
            let cookie = signed_in::session_cookie(&new);
            let mut response = page::text(StatusCode::OK, "Signed in", "You are signed in. You can close this window.");
            response.headers_mut().append(header::SET_COOKIE, cookie);
            response
        }
        Err(failure) => {
            tracing::info!(error = %failure, "a sign-in by the identity provider was not completed");
            page::failed("Not signed in", failure)
        }
    };
    response.headers_mut().append(header::SET_COOKIE, cookie::clear(cookie::OIDC));
    response
}
