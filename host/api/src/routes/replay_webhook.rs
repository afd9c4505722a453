//! `POST /v1/webhooks/{webhook}/replay`

use axum::{Json, extract::State};
use http::StatusCode;
use patchbay_hub::Hub;
use patchbay_model::WebhookId;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    extract::{Allowed, ManageInstallations, OptionalJson, Path},
    problem::Problem,
    view::Webhook,
};

/// How a webhook is replayed.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReplayWebhookInput {
    /// By this version of the plugin: one that is loaded, asks for no more than was approved and takes the installation's
    /// settings. By the one that serves if not said.
    #[schema(example = "1.2.0")]
    version: Option<String>,
}

/// Replay a webhook
///
/// Its work begins anew, with as many attempts as a new one has: also of one that was processed, or waits for its next
/// attempt. One that was refused is verified anew first, as of when it came, and is refused again if its plugin says so
/// again. One that is being worked on just now is a `conflict`.
#[utoipa::path(
    post,
    path = "/v1/webhooks/{webhook}/replay",
    tag = "Webhooks",
    security(("api_key" = ["manage_installations"])),
    params(("webhook" = String, Path, description = "The webhook's id")),
    request_body(content = ReplayWebhookInput, description = "May be left out"),
    responses((status = 202, description = "It is pending again", body = Webhook))
)]
pub(crate) async fn replay_webhook(
    caller: Allowed<ManageInstallations>,
    State(hub): State<Hub>,
    Path(webhook): Path<WebhookId>,
    OptionalJson(input): OptionalJson<ReplayWebhookInput>,
) -> Result<(StatusCode, Json<Webhook>), Problem> {
    let ReplayWebhookInput { version } = input.unwrap_or_default();
    Ok((StatusCode::ACCEPTED, Json(hub.replay_webhook(&caller, webhook, version).await?.into())))
}
