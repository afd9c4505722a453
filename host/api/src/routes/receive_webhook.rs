//! `ANY /hooks/{token}`

use axum::{
    body::Body,
    extract::{Request, State},
    response::Response,
};
use patchbay_hub::{AddressClass, WebhookRequest};

use crate::{
    body, cookie,
    extract::{Path, admit_address},
    foreign,
    problem::Problem,
    state::ApiState,
};

/// Receive a vendor's webhook
///
/// The URL of one installation, given to its vendor; see `webhook_url` of the installation. The plugin
/// checks the signature. A 2xx means that the webhook is stored; a repeat is answered alike and done once.
#[utoipa::path(
    post,
    path = "/hooks/{token}",
    tag = "Webhooks",
    params(("token" = String, Path, description = "Of the installation")),
    request_body(content = String, content_type = "*/*", description = "Whatever the vendor sends"),
    responses((status = 200, description = "It is stored"))
)]
pub(crate) async fn receive_webhook(
    State(state): State<ApiState>,
    Path(token): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    admit_address(&state, AddressClass::Webhooks, request.headers(), request.extensions()).await?;
    let hook = state.hub.hook(&token).await?;
    let (mut parts, body) = request.into_parts();
    cookie::strip(&mut parts.headers);
    let body = body::read(body, hook.body_limit(), &state.shared.config).await?;
    let path_and_query = parts.uri.path_and_query().map_or_else(|| parts.uri.path(), |whole| whole.as_str()).to_owned();
    let request = WebhookRequest { method: parts.method, path_and_query, headers: parts.headers, body };
    let answer = state.hub.receive(hook, request).await?;
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    foreign::guard(response.headers_mut());
    Ok(response)
}
