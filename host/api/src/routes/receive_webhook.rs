//! `ANY /hooks/{token}`

use axum::{
    extract::{Request, State},
    response::Response,
};
use patchbay_hub::AddressClass;

use super::receive_shared_webhook::{answer, whole};
use crate::{
    extract::{Path, admit_address},
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
    let request = whole(&state, request, hook.body_limit()).await?;
    Ok(answer(state.hub.receive(hook, request).await?))
}
