//! `POST /v1/endpoints/{endpoint}/replay`

use axum::{Json as Reply, extract::State};
use http::StatusCode;
use patchbay_hub::{Hub, Replay, ReplayOnly};
use patchbay_model::{EndpointId, Timestamp, endpoint::EventTypes};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    extract::{Allowed, Json, ManageInstallations, Path},
    problem::Problem,
    view::ReplayReply,
};

/// What shall be sent once more.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReplayEndpointInput {
    /// Events from this time on.
    #[schema(value_type = String, format = DateTime, example = "2026-11-01T00:00:00Z")]
    since: Timestamp,
    /// Up to this time; if not said, all.
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
    /// `next` of a former answer.
    #[schema(minimum = 0)]
    after: Option<i64>,
    /// Only these types.
    #[serde(default)]
    #[schema(value_type = Vec<String>, example = json!(["call.*"]))]
    types: EventTypes,
    /// Which of them.
    #[serde(default)]
    #[schema(inline)]
    only: Only,
}

/// Which events are sent once more.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Only {
    /// All that the endpoint would get, those that arrived too.
    #[default]
    All,
    /// Those that it would get and has not taken.
    Missing,
    /// Those that were given up.
    Failed,
}

impl From<Only> for ReplayOnly {
    fn from(only: Only) -> Self {
        match only {
            Only::All => Self::All,
            Only::Missing => Self::Missing,
            Only::Failed => Self::Failed,
        }
    }
}

/// Send events once more
///
/// Those that the endpoint would get by its types and its filter, as they are now, under the same ids as before, so that a receiver
/// knows what it has.
#[utoipa::path(
    post,
    path = "/v1/endpoints/{endpoint}/replay",
    tag = "Endpoints",
    security(("api_key" = ["manage_installations"])),
    params(("endpoint" = String, Path, description = "The endpoint's id")),
    request_body = ReplayEndpointInput,
    responses((status = 202, description = "They are on their way", body = ReplayReply))
)]
pub(crate) async fn replay_endpoint(
    caller: Allowed<ManageInstallations>,
    State(hub): State<Hub>,
    Path(endpoint): Path<EndpointId>,
    Json(input): Json<ReplayEndpointInput>,
) -> Result<(StatusCode, Reply<ReplayReply>), Problem> {
    let ReplayEndpointInput { since, until, after, types, only } = input;
    let replay = Replay { since, until, after, types, only: only.into() };
    Ok((StatusCode::ACCEPTED, Reply(hub.replay(&caller, endpoint, replay).await?.into())))
}
