//! `POST /v1/webhooks/{webhook}/replay`

use axum::{Json, extract::State};
use http::StatusCode;
use patchbay_hub::Hub;
use patchbay_model::WebhookId;

use crate::{
    extract::{Allowed, ManageInstallations, Path},
    problem::Problem,
    view::Webhook,
};

/// Replay a webhook
///
/// For one that is `failed`: its work begins anew, with as many attempts as a new one has. Others are a
/// `conflict`.
#[utoipa::path(
    post,
    path = "/v1/webhooks/{webhook}/replay",
    tag = "Webhooks",
    security(("api_key" = ["manage_installations"])),
    params(("webhook" = String, Path, description = "The webhook's id")),
    responses((status = 202, description = "It is pending again", body = Webhook))
)]
pub(crate) async fn replay_webhook(
    caller: Allowed<ManageInstallations>,
    State(hub): State<Hub>,
    Path(webhook): Path<WebhookId>,
) -> Result<(StatusCode, Json<Webhook>), Problem> {
    Ok((StatusCode::ACCEPTED, Json(hub.replay_webhook(&caller, webhook).await?.into())))
}
