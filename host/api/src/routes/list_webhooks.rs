//! `GET /v1/webhooks`

use axum::{Json, extract::State};
use patchbay_hub::{Hub, WebhookFilter};
use patchbay_model::{PluginId, WebhookId, webhook::WebhookStatus};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::{
    extract::{Allowed, Query, ReadActivity},
    problem::Problem,
    view::{Page, Webhook},
};

/// Which webhooks.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct WebhookQuery {
    /// Only for this plugin.
    #[param(value_type = Option<String>)]
    plugin: Option<PluginId>,
    /// Only these.
    #[param(inline)]
    status: Option<Status>,
    /// Only those before this one: the cursor.
    #[param(value_type = Option<String>)]
    before: Option<WebhookId>,
    /// At most so many: 1 to 200, default 50.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// How far a webhook has come.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = WebhookStatus)]
pub(crate) enum Status {
    /// Stored; its work is still to be done.
    Pending,
    /// Its work is done.
    Processed,
    /// Its work failed too often.
    Failed,
    /// Not genuine.
    Refused,
}

impl From<Status> for WebhookStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Pending => Self::Pending,
            Status::Processed => Self::Processed,
            Status::Failed => Self::Failed,
            Status::Refused => Self::Refused,
        }
    }
}

/// List webhooks
///
/// What vendors sent in, newest first, refused ones with the reason.
#[utoipa::path(
    get,
    path = "/v1/webhooks",
    tag = "Webhooks",
    security(("api_key" = ["read_activity"])),
    params(WebhookQuery),
    responses((status = 200, description = "A part of them", body = Page<Webhook>))
)]
pub(crate) async fn list_webhooks(
    caller: Allowed<ReadActivity>,
    State(hub): State<Hub>,
    Query(query): Query<WebhookQuery>,
) -> Result<Json<Page<Webhook>>, Problem> {
    let WebhookQuery { plugin, status, before, limit } = query;
    let filter = WebhookFilter { plugin, status: status.map(WebhookStatus::from), before, limit };
    Ok(Json(hub.webhooks(&caller, filter).await?.into()))
}
