//! A job as a row.

use patchbay_model::{
    ApiKeyId, JobId, OrgId, Permissions, PluginId, RunId, ScheduleId,
    job::{Job, JobCaller, JobKind, JobStatus, NewJob, Tick},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    StorageError,
    column::{optional_time, plugin, time, word},
    text::{Text, optional},
};

#[derive(sqlx::FromRow)]
pub(super) struct Row {
    org_id: Uuid,
    id: Uuid,
    kind: String,
    plugin: Option<String>,
    name: String,
    status: String,
    payload: Text,
    caller: Option<String>,
    key: Option<Text>,
    most_attempts: i64,
    timeout_ms: Option<i64>,
    schedule_id: Option<Uuid>,
    tick_at: Option<i64>,
    hops: i64,
    cursor: Option<Text>,
    progress: Option<i64>,
    result: Option<Text>,
    error_code: Option<String>,
    error_detail: Option<Text>,
    last_attempts: i64,
    run_id: Option<Uuid>,
    redriven: i64,
    created_at: i64,
    started_at: Option<i64>,
    finished_at: Option<i64>,
    attempts: Option<i64>,
    due_at: Option<i64>,
    unwanted: Option<bool>,
    lease: Option<Uuid>,
}

impl TryFrom<Row> for Job {
    type Error = StorageError;

    fn try_from(row: Row) -> Result<Self, StorageError> {
        let small = |number: i64| u32::try_from(number).map_err(|_| StorageError::corrupt("a number of a job"));
        let status = match row.status.as_str() {
            "open" if row.lease.is_some() => JobStatus::Running,
            "open" => JobStatus::Queued,
            ended => word(ended)?,
        };
        let kind: JobKind = word(&row.kind)?;
        let schedule = match (row.schedule_id, optional_time(row.tick_at)?) {
            (Some(schedule), Some(at)) => Some(Tick { schedule: ScheduleId(schedule), at }),
            _ => None,
        };
        Ok(Self {
            id: JobId(row.id),
            org: OrgId(row.org_id),
            kind,
            plugin: row.plugin.as_deref().map(plugin).transpose()?,
            name: row.name,
            status,
            payload: row.payload.0,
            caller: row.caller.as_deref().map(caller).transpose()?,
            cursor: optional(row.cursor),
            progress: row.progress.map(small).transpose()?,
            result: optional(row.result),
            error: row.error_code.map(|code| (code, optional(row.error_detail).unwrap_or_default())),
            attempts: small(row.attempts.unwrap_or(row.last_attempts))?,
            most_attempts: small(row.most_attempts)?,
            timeout_ms: row.timeout_ms.map(small).transpose()?,
            key: optional(row.key),
            schedule,
            hops: u32::try_from(row.hops).unwrap_or(u32::MAX),
            run: row.run_id.map(RunId),
            redriven: small(row.redriven)?,
            is_unwanted: row.unwanted.unwrap_or_default(),
            due_at: optional_time(row.due_at)?,
            created_at: time(row.created_at)?,
            started_at: optional_time(row.started_at)?,
            finished_at: optional_time(row.finished_at)?,
        })
    }
}

/// A caller as it is stored.
#[derive(Serialize, Deserialize)]
struct CallerText {
    actor: String,
    permissions: Permissions,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    spends_as: Option<ApiKeyId>,
}

pub(crate) fn caller_text(caller: &JobCaller) -> Result<String, StorageError> {
    let JobCaller { actor, permissions, spends_as } = *caller;
    serde_json::to_string(&CallerText { actor: actor.to_string(), permissions, spends_as })
        .map_err(|error| StorageError::Corrupt(error.to_string()))
}

pub(crate) fn caller(text: &str) -> Result<JobCaller, StorageError> {
    let corrupt = || StorageError::corrupt("the caller of a job");
    let CallerText { actor, permissions, spends_as } = serde_json::from_str(text).map_err(|_| corrupt())?;
    Ok(JobCaller { actor: actor.parse().map_err(|_| corrupt())?, permissions, spends_as })
}

/// What tells jobs with a key apart.
pub(crate) fn dedupe(job: &NewJob) -> Option<String> {
    dedupe_of(job.kind.as_str(), job.plugin.as_ref().map(PluginId::as_str), &job.name, job.key.as_deref())
}

/// The same of a stored one. None of what stands before the key has a line break in it.
pub(super) fn dedupe_of(kind: &str, plugin: Option<&str>, name: &str, key: Option<&str>) -> Option<String> {
    key.map(|key| format!("{kind}\n{}\n{name}\n{key}", plugin.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use patchbay_model::{ApiKeyId, Permission, identity::Actor};

    use super::*;

    #[test]
    fn a_caller_is_read_back_as_it_was_written() {
        let id = ApiKeyId(Uuid::from_u128(7));
        let permissions = Permissions::of(&[Permission::CallActions, Permission::ReadActivity]);
        for spends_as in [None, Some(id)] {
            let before = JobCaller { actor: Actor::Key(id), permissions, spends_as };
            assert_eq!(caller(&caller_text(&before).unwrap()).unwrap(), before);
        }
    }

    #[test]
    fn the_same_key_of_another_name_is_another_one() {
        assert_eq!(dedupe_of("task", Some("demo"), "sync", None), None);
        assert_ne!(
            dedupe_of("task", Some("demo"), "sync", Some("a")),
            dedupe_of("task", Some("demo"), "purge", Some("a"))
        );
    }
}
