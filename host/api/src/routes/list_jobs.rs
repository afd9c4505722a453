//! `GET /v1/jobs`

use axum::{Json, extract::State};
use patchbay_hub::{Hub, JobFilter};
use patchbay_model::{
    JobId, PluginId,
    job::{JobKind, JobStatus},
};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    extract::{Allowed, Query, ReadActivity},
    problem::Problem,
    view::{Job, Page},
};

/// Which jobs.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct JobQuery {
    /// Only these: `queued`, `running`, `done`, `failed` or `cancelled`.
    #[param(value_type = Option<String>)]
    status: Option<JobStatus>,
    /// Only of this plugin.
    #[param(value_type = Option<String>)]
    plugin: Option<PluginId>,
    /// Only these: `task`, `action`, `event` or `host`.
    #[param(value_type = Option<String>)]
    kind: Option<JobKind>,
    /// Only of this name: a task's kind, an action, an event's type.
    name: Option<String>,
    /// Only those before this one: the cursor.
    #[param(value_type = Option<String>)]
    before: Option<JobId>,
    /// At most so many: 1 to 200, default 50.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// List jobs
///
/// What is to be done, is being done and was done in the background, newest first.
#[utoipa::path(
    get,
    path = "/v1/jobs",
    tag = "Jobs",
    security(("api_key" = ["read_activity"])),
    params(JobQuery),
    responses((status = 200, description = "A part of them", body = Page<Job>))
)]
pub(crate) async fn list_jobs(
    caller: Allowed<ReadActivity>,
    State(hub): State<Hub>,
    Query(query): Query<JobQuery>,
) -> Result<Json<Page<Job>>, Problem> {
    let JobQuery { status, plugin, kind, name, before, limit } = query;
    let filter = JobFilter { status, plugin, kind, name, before, limit };
    Ok(Json(hub.jobs(&caller, filter).await?.into()))
}
