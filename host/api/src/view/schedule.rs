//! What makes jobs by the clock.

use patchbay_model::{
    PluginId, ScheduleId, Timestamp,
    schedule::{self, Missed, Origin, Target},
};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

/// A schedule: makes jobs by the clock.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Schedule {
    /// Its id.
    #[schema(value_type = String)]
    id: ScheduleId,
    /// Which plugin's jobs it makes.
    #[schema(value_type = String, example = "openai")]
    plugin: PluginId,
    /// What it is called.
    #[schema(example = "nightly")]
    name: String,
    /// `plugin` if the plugin brought it along, `org` if somebody put it.
    #[schema(value_type = String, example = "org")]
    origin: Origin,
    /// The kind of the task that it makes.
    task: Option<String>,
    /// The action that it calls.
    action: Option<String>,
    /// What its jobs are made with.
    #[schema(value_type = serde_json::Value)]
    payload: Option<Box<RawValue>>,
    /// When.
    #[schema(example = "30 6 * * 1-5")]
    cron: String,
    /// By the clock of which time zone.
    #[schema(example = "Europe/Berlin")]
    time_zone: String,
    /// A job begins up to so many seconds late.
    jitter_s: u32,
    /// What becomes of missed times: `skip`, `once` or `all`.
    #[schema(value_type = String, example = "once")]
    missed: Missed,
    /// Switched on.
    enabled: bool,
    /// The next time.
    #[schema(value_type = Option<String>, format = DateTime)]
    next_at: Option<Timestamp>,
    /// The last time for which it made a job.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_at: Option<Timestamp>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl From<schedule::Schedule> for Schedule {
    fn from(schedule: schedule::Schedule) -> Self {
        let schedule::Schedule {
            id,
            org: _,
            plugin,
            name,
            origin,
            target,
            target_name,
            payload,
            cron,
            time_zone,
            jitter_s,
            missed,
            enabled,
            caller: _,
            next_at,
            last_at,
            created_at,
            updated_at,
        } = schedule;
        let (task, action) = match target {
            Target::Task => (Some(target_name), None),
            Target::Action => (None, Some(target_name)),
        };
        Self {
            id,
            plugin,
            name,
            origin,
            task,
            action,
            payload: super::job::raw(Some(payload)),
            cron,
            time_zone,
            jitter_s,
            missed,
            enabled,
            next_at,
            last_at,
            created_at,
            updated_at,
        }
    }
}
