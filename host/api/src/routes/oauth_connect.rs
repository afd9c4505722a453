//! `POST /oauth/connect/{link}`: a person goes on from the page of a link to the vendor.

use axum::{extract::State, response::Response};
use http::HeaderMap;
use patchbay_hub::Hub;
use secrecy::ExposeSecret as _;
use utoipa::ToSchema;

use crate::{
    cookie,
    extract::{Form, OwnOrigin, Path, Visitor},
    page,
};

/// What the page's button sends.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a form that is read by hand")]
pub(crate) struct ConnectForm {
    /// That this browser was shown the page.
    proof: String,
}

/// Go on to the vendor
///
/// What the button of a link's page sends. The answer leads the browser to the vendor, and no other browser may come back
/// from there. A link that somebody asked for is used up by that.
#[utoipa::path(
    post,
    path = "/oauth/connect/{link}",
    tag = "Connections",
    params(("link" = String, Path, description = "What the hub put into the link")),
    request_body(content = ConnectForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 303, description = "To the vendor"),
        (status = "4XX", description = "The link or the browser is not good", body = String, content_type = "text/html"),
        (status = "5XX", description = "It did not go on", body = String, content_type = "text/html"),
    )
)]
pub(crate) async fn oauth_connect(
    _: Visitor,
    _: OwnOrigin,
    State(hub): State<Hub>,
    Path(link): Path<String>,
    headers: HeaderMap,
    form: Form,
) -> Response {
    let proof = form.get("proof").map(|proof| proof.expose_secret()).unwrap_or_default();
    let followed = hub.follow_connect_link(&link, cookie::get(&headers, cookie::CONSENT), proof).await;
    followed.and_then(|url| page::see_other(&url, None)).unwrap_or_else(|failure| {
        tracing::info!(error = %failure, "a link to connect an account was not followed");
        page::failed("Not connected", failure)
    })
}
