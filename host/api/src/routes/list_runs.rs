//! `GET /v1/runs`

use axum::{Json, extract::State};
use patchbay_hub::{Hub, RunFilter, RunStatus};
use patchbay_model::{PluginId, RunId};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    extract::{Allowed, Query, ReadActivity},
    problem::Problem,
    view::{Page, Run},
};

/// Which runs.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RunQuery {
    /// Only of this plugin.
    #[param(value_type = Option<String>)]
    plugin: Option<PluginId>,
    /// Only these: `succeeded` or `failed`.
    #[param(value_type = Option<String>)]
    status: Option<RunStatus>,
    /// Only those before this run: the cursor.
    #[param(value_type = Option<String>)]
    before: Option<RunId>,
    /// At most so many: 1 to 200, default 50.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// List runs
///
/// Newest first.
#[utoipa::path(
    get,
    path = "/v1/runs",
    tag = "Runs",
    security(("api_key" = ["read_activity"])),
    params(RunQuery),
    responses((status = 200, description = "A part of them", body = Page<Run>))
)]
pub(crate) async fn list_runs(
    caller: Allowed<ReadActivity>,
    State(hub): State<Hub>,
    Query(query): Query<RunQuery>,
) -> Result<Json<Page<Run>>, Problem> {
    let RunQuery { plugin, status, before, limit } = query;
    Ok(Json(hub.runs(&caller, RunFilter { plugin, status, before, limit }).await?.into()))
}
