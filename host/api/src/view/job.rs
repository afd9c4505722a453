//! Background work.

use patchbay_model::{
    JobId, PluginId, RunId, ScheduleId, Timestamp,
    job::{self, JobKind, JobStatus},
};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

/// A job: work that is done in the background, step by step.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Job {
    /// Its id.
    #[schema(value_type = String, example = "job_018f3c5e7d2a7c3b9f1e2d3c4b5a6978")]
    id: JobId,
    /// `task` (a plugin's own), `action` (a call that nobody waits for), `event` (one that a plugin takes in) or `host` (the
    /// hub's own).
    #[schema(value_type = String, example = "action")]
    kind: JobKind,
    /// Which plugin's it is; null for the hub's own.
    #[schema(value_type = Option<String>, example = "openai")]
    plugin: Option<PluginId>,
    /// The task's kind, the action, the event's type, or the name of the hub's work.
    #[schema(example = "create-chat-completion")]
    name: String,
    /// `queued`, `running`, `done`, `failed` or `cancelled`.
    #[schema(value_type = String, example = "queued")]
    status: JobStatus,
    /// How far it has come, in per mille, if that is known.
    progress: Option<u32>,
    /// What it was made with. Left out of lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    payload: Option<Box<RawValue>>,
    /// What it gave: of an action `run` and `output`, or what stands for it. Left out of lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    result: Option<Box<RawValue>>,
    /// Why its last try failed.
    error: Option<JobError>,
    /// Tries of the present step, or of the last one.
    attempts: u32,
    /// Tries that a step has.
    most_attempts: u32,
    /// While it waits or runs, no other job of its kind is made with this key.
    key: Option<String>,
    /// The schedule that made it.
    #[schema(value_type = Option<String>)]
    schedule: Option<ScheduleId>,
    /// For which of the schedule's times.
    #[schema(value_type = Option<String>, format = DateTime)]
    scheduled_for: Option<Timestamp>,
    /// The last call into the plugin.
    #[schema(value_type = Option<String>)]
    run: Option<RunId>,
    /// How often somebody had it done once more after it had failed.
    redriven: u32,
    /// Somebody has cancelled it, and it ends with the step that is being done.
    cancelling: bool,
    /// When its next step is due, while it is queued.
    #[schema(value_type = Option<String>, format = DateTime)]
    due_at: Option<Timestamp>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When its first step began.
    #[schema(value_type = Option<String>, format = DateTime)]
    started_at: Option<Timestamp>,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    finished_at: Option<Timestamp>,
}

/// Why a try of a job failed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JobError {
    /// The code, as in problem documents.
    #[schema(example = "upstream_error")]
    code: String,
    /// What went wrong.
    detail: String,
}

impl From<job::Job> for Job {
    fn from(job: job::Job) -> Self {
        let job::Job {
            id,
            org: _,
            kind,
            plugin,
            name,
            status,
            payload,
            caller: _,
            cursor: _,
            progress,
            result,
            error,
            attempts,
            most_attempts,
            timeout_ms: _,
            key,
            schedule,
            hops: _,
            run,
            redriven,
            is_unwanted,
            due_at,
            created_at,
            started_at,
            finished_at,
        } = job;
        Self {
            id,
            kind,
            plugin,
            name,
            status,
            progress,
            payload: raw(Some(payload)),
            result: raw(result),
            error: error.map(|(code, detail)| JobError { code, detail }),
            attempts,
            most_attempts,
            key,
            schedule: schedule.map(|tick| tick.schedule),
            scheduled_for: schedule.map(|tick| tick.at),
            run,
            redriven,
            cancelling: is_unwanted && !status.has_ended(),
            due_at: due_at.filter(|_| status == JobStatus::Queued),
            created_at,
            started_at,
            finished_at,
        }
    }
}

/// JSON text as it is; lists have none.
pub(super) fn raw(text: Option<String>) -> Option<Box<RawValue>> {
    text.filter(|text| !text.is_empty()).and_then(|text| RawValue::from_string(text).ok())
}
