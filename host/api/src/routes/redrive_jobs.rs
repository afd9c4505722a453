//! `POST /v1/jobs/redrive`

use axum::{Json as Reply, extract::State};
use http::StatusCode;
use patchbay_hub::Hub;
use patchbay_model::{PluginId, job::JobKind};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    extract::{Allowed, Json, ManageInstallations},
    problem::Problem,
    view::Job,
};

/// Which failed jobs. What is left out is not asked for: `{}` are all.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RedriveInput {
    /// Only of this plugin.
    #[schema(value_type = Option<String>)]
    plugin: Option<PluginId>,
    /// Only these: `task`, `action`, `event` or `host`.
    #[schema(value_type = Option<String>)]
    kind: Option<JobKind>,
    /// Only of this name: a task's kind, an action, an event's type.
    name: Option<String>,
}

/// Redrive failed jobs
///
/// All that match, by a job of the hub's own, which is the answer; its result says how many they were.
#[utoipa::path(
    post,
    path = "/v1/jobs/redrive",
    tag = "Jobs",
    security(("api_key" = ["manage_installations"])),
    request_body = RedriveInput,
    responses((status = 202, description = "The job that does it", body = Job))
)]
pub(crate) async fn redrive_jobs(
    caller: Allowed<ManageInstallations>,
    State(hub): State<Hub>,
    Json(input): Json<RedriveInput>,
) -> Result<(StatusCode, Reply<Job>), Problem> {
    let RedriveInput { plugin, kind, name } = input;
    Ok((StatusCode::ACCEPTED, Reply(hub.redrive_jobs(&caller, plugin, kind, name).await?.into())))
}
