//! `PUT /v1/schedules/{plugin}/{schedule}`

use axum::{Json as Reply, extract::State};
use patchbay_hub::{Hub, PutSchedule};
use patchbay_model::{PluginId, schedule::Missed};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    extract::{Allowed, Json, ManageInstallations, Path},
    problem::Problem,
    view::Schedule,
};

/// A schedule as it should be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScheduleInput {
    /// The kind of a task of the plugin. Exactly one of `task` and `action`.
    task: Option<String>,
    /// The name of an action of the plugin, which is called in your name with the permissions that you have now.
    action: Option<String>,
    /// The task's payload, or the action's input. Default: `null`.
    #[serde(default)]
    #[schema(value_type = serde_json::Value)]
    payload: Value,
    /// Minute, hour, day of the month, month and day of the week; with six fields, seconds come first.
    #[schema(example = "30 6 * * 1-5")]
    cron: String,
    /// The IANA name of the time zone by whose clock that is read. Default: `UTC`.
    #[schema(example = "Europe/Berlin")]
    time_zone: Option<String>,
    /// A job begins up to so many seconds late, at random: 0 to 3600, default 30.
    #[schema(maximum = 3600)]
    jitter_s: Option<u32>,
    /// What becomes of times that passed while no hub ran: `skip` them, make up for all of them `once`, or for each of them
    /// (`all`, the last hundred). Default: `once`.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "once")]
    missed: Missed,
    /// Switched on. Default: `true`.
    enabled: Option<bool>,
}

/// Make a schedule or change it
///
/// One that the plugin brought along is the organization's own from then on: a new version of the plugin does not change it.
#[utoipa::path(
    put,
    path = "/v1/schedules/{plugin}/{schedule}",
    tag = "Jobs",
    security(("api_key" = ["manage_installations"])),
    params(
        ("plugin" = String, Path, description = "The plugin's id", example = "openai"),
        ("schedule" = String, Path, description = "The schedule's name", example = "nightly"),
    ),
    request_body = ScheduleInput,
    responses((status = 200, description = "The schedule as it is now", body = Schedule))
)]
pub(crate) async fn put_schedule(
    caller: Allowed<ManageInstallations>,
    State(hub): State<Hub>,
    Path((plugin, schedule)): Path<(PluginId, String)>,
    Json(input): Json<ScheduleInput>,
) -> Result<Reply<Schedule>, Problem> {
    let ScheduleInput { task, action, payload, cron, time_zone, jitter_s, missed, enabled } = input;
    let enabled = enabled.unwrap_or(true);
    let put = PutSchedule { task, action, payload, cron, time_zone, jitter_s, missed, enabled };
    Ok(Reply(hub.put_schedule(&caller, &plugin, &schedule, put).await?.into()))
}
