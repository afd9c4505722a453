//! `POST /oauth/connect/{link}`: a person goes on from the page of a link to the vendor.

use axum::{body::Body, extract::State, response::Response};
use http::HeaderMap;
use patchbay_hub::Hub;
use patchbay_model::Failure;
use url::form_urlencoded;
use utoipa::ToSchema;

use crate::{body, consent_cookie, extract::Path, page, page::Page, state::ApiState};

/// The longest form, in bytes.
const MOST_BYTES: usize = 4 << 10;

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
    responses((status = 303, description = "To the vendor"))
)]
pub(crate) async fn oauth_connect(
    State(state): State<ApiState>,
    Path(link): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    follow(&state.hub, &state, &link, &headers, body).await.unwrap_or_else(|failure| {
        tracing::info!(error = %failure, "a link to connect an account was not followed");
        Page::failed(&failure)
    })
}

async fn follow(hub: &Hub, state: &ApiState, link: &str, headers: &HeaderMap, body: Body) -> Result<Response, Failure> {
    let form = body::read(body, MOST_BYTES, &state.shared.config).await?;
    let proof = form_urlencoded::parse(&form).find(|(name, _)| name == "proof").map(|(_, value)| value);
    let url = hub.follow_connect_link(link, consent_cookie::get(headers), proof.as_deref().unwrap_or_default()).await?;
    page::see_other(&url)
}
