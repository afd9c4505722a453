//! `POST /v1/webhooks/replay`

use axum::{Json as Reply, extract::State};
use http::StatusCode;
use patchbay_hub::{Hub, ReplayWebhooks, ReplayedWebhooks};
use patchbay_model::{PluginId, Timestamp, WebhookId, webhook::WebhookStatus};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    extract::{Allowed, Json, ManageInstallations},
    problem::Problem,
};

/// Which webhooks are replayed, and how.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReplayWebhooksInput {
    /// Those that have come so far; `failed` if not said.
    #[serde(default)]
    #[schema(inline)]
    status: Option<Replayable>,
    /// Those of this plugin; needed with `version`.
    #[schema(value_type = Option<String>)]
    plugin: Option<PluginId>,
    /// Those that came at this time or later.
    #[schema(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Those that came before this time.
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
    /// By this version of the plugin; by the one that serves if not said.
    version: Option<String>,
    /// Those that came after this one: `next` of the portion before.
    #[schema(value_type = Option<String>)]
    after: Option<WebhookId>,
    /// At most so many at once: 1 to 1,000; 200 if not said.
    #[schema(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// How far a webhook has come that can be replayed with others.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Replayable {
    /// Its work failed too often.
    Failed,
    /// Not genuine: it is verified anew.
    Refused,
    /// Its work is done, and will be done once more.
    Processed,
}

impl From<Replayable> for WebhookStatus {
    fn from(status: Replayable) -> Self {
        match status {
            Replayable::Failed => Self::Failed,
            Replayable::Refused => Self::Refused,
            Replayable::Processed => Self::Processed,
        }
    }
}

/// What was replayed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReplayedMany {
    /// How many are pending again.
    replayed: u64,
    /// Send the same with this as `after` for the next portion; null if there are no more.
    #[schema(value_type = Option<String>)]
    next: Option<WebhookId>,
}

/// Replay webhooks
///
/// As to replay each of them, the oldest first, a portion at a time.
#[utoipa::path(
    post,
    path = "/v1/webhooks/replay",
    tag = "Webhooks",
    security(("api_key" = ["manage_installations"])),
    request_body = ReplayWebhooksInput,
    responses((status = 202, description = "They are pending again", body = ReplayedMany))
)]
pub(crate) async fn replay_webhooks(
    caller: Allowed<ManageInstallations>,
    State(hub): State<Hub>,
    Json(input): Json<ReplayWebhooksInput>,
) -> Result<(StatusCode, Reply<ReplayedMany>), Problem> {
    let ReplayWebhooksInput { status, plugin, since, until, version, after, limit } = input;
    let status = status.map(WebhookStatus::from);
    let which = ReplayWebhooks { status, plugin, since, until, version, after, limit };
    let ReplayedWebhooks { replayed, next } = hub.replay_webhooks(&caller, which).await?;
    Ok((StatusCode::ACCEPTED, Reply(ReplayedMany { replayed, next })))
}
