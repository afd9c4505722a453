//! `GET /v1/webhooks/{webhook}`

use axum::{Json, extract::State};
use patchbay_hub::Hub;
use patchbay_model::WebhookId;

use crate::{
    extract::{Allowed, Path, ReadActivity},
    problem::Problem,
    view::Webhook,
};

/// Read a webhook
#[utoipa::path(
    get,
    path = "/v1/webhooks/{webhook}",
    tag = "Webhooks",
    security(("api_key" = ["read_activity"])),
    params(("webhook" = String, Path, description = "The webhook's id")),
    responses((status = 200, description = "The webhook", body = Webhook))
)]
pub(crate) async fn get_webhook(
    caller: Allowed<ReadActivity>,
    State(hub): State<Hub>,
    Path(webhook): Path<WebhookId>,
) -> Result<Json<Webhook>, Problem> {
    Ok(Json(hub.webhook(&caller, webhook).await?.into()))
}
