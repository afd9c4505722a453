//! `GET /v1/schedules`

use axum::{Json, extract::State};
use patchbay_hub::{Hub, ScheduleFilter};
use patchbay_model::{PluginId, ScheduleId};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    extract::{Allowed, Query, ReadSettings},
    problem::Problem,
    view::{Page, Schedule},
};

/// Which schedules.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ScheduleQuery {
    /// Only of this plugin.
    #[param(value_type = Option<String>)]
    plugin: Option<PluginId>,
    /// Only those before this one: the cursor.
    #[param(value_type = Option<String>)]
    before: Option<ScheduleId>,
    /// At most so many: 1 to 200, default 50.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// List schedules
///
/// What makes jobs by the clock, newest first: what plugins brought along, and what somebody put.
#[utoipa::path(
    get,
    path = "/v1/schedules",
    tag = "Jobs",
    security(("api_key" = ["read_settings"])),
    params(ScheduleQuery),
    responses((status = 200, description = "A part of them", body = Page<Schedule>))
)]
pub(crate) async fn list_schedules(
    caller: Allowed<ReadSettings>,
    State(hub): State<Hub>,
    Query(query): Query<ScheduleQuery>,
) -> Result<Json<Page<Schedule>>, Problem> {
    let ScheduleQuery { plugin, before, limit } = query;
    Ok(Json(hub.schedules(&caller, ScheduleFilter { plugin, before, limit }).await?.into()))
}
