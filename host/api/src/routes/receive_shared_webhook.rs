//! `ANY /hooks/shared/{plugin}`

use axum::{
    body::Body,
    extract::{Request, State},
    response::Response,
};
use patchbay_hub::{AddressClass, WebhookAnswer, WebhookRequest};
use patchbay_model::PluginId;

use crate::{
    body, cookie,
    extract::{Path, admit_address},
    foreign,
    problem::Problem,
    state::ApiState,
};

/// Receive a vendor's webhook for all accounts
///
/// One URL for the webhooks of an app that the hub's operator has registered at the vendor. The plugin checks the signature;
/// each organization gets what is about the account that it has connected. A 2xx means that it is stored for all of them.
#[utoipa::path(
    post,
    path = "/hooks/shared/{plugin}",
    tag = "Webhooks",
    params(("plugin" = String, Path, description = "The plugin's id", example = "hubspot")),
    request_body(content = String, content_type = "*/*", description = "Whatever the vendor sends"),
    responses((status = 200, description = "It is stored"))
)]
pub(crate) async fn receive_shared_webhook(
    State(state): State<ApiState>,
    Path(plugin): Path<PluginId>,
    request: Request,
) -> Result<Response, Problem> {
    admit_address(&state, AddressClass::Webhooks, request.headers(), request.extensions()).await?;
    let hook = state.hub.shared_hook(&plugin)?;
    let request = whole(&state, request, hook.body_limit()).await?;
    Ok(answer(state.hub.receive_shared(hook, request).await?))
}

/// The request with its body, which has at most so many bytes.
pub(super) async fn whole(state: &ApiState, request: Request, limit: usize) -> Result<WebhookRequest, Problem> {
    let (mut parts, body) = request.into_parts();
    cookie::strip(&mut parts.headers);
    let body = body::read(body, limit, &state.shared.config).await?;
    let path_and_query = parts.uri.path_and_query().map_or_else(|| parts.uri.path(), |whole| whole.as_str()).to_owned();
    Ok(WebhookRequest { method: parts.method, path_and_query, headers: parts.headers, body })
}

/// What the vendor gets, which a plugin may have made.
pub(super) fn answer(answer: WebhookAnswer) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    foreign::guard(response.headers_mut());
    response
}
