//! The jobs that a batch's runs were steps of, and those that they made.

use std::collections::HashSet;

use patchbay_model::{JobId, OrgId, PluginId, job::NewJob};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Keys, column, optional_text};
use crate::{
    StorageError,
    column::micros,
    job::{
        caller_text, dedupe,
        lane::{self, Wake},
    },
    journal::{
        RunCommit,
        jobs::{HeldJobs, Settled, made, worked_on},
        syncs::Syncs,
    },
    text::Text,
};

/// Finds those that are still held, and keeps everybody else from them until the commit.
pub(super) async fn held(connection: &mut PgConnection, runs: &[Box<RunCommit>]) -> Result<HeldJobs, StorageError> {
    let rows = worked_on(runs);
    let mut held = HeldJobs::default();
    if rows.is_empty() {
        return Ok(held);
    }
    let found: Vec<(Uuid, Uuid, Uuid, String, bool)> = sqlx::query_as(
        "SELECT job_queue.org_id, job_queue.job_id, wanted.lease, job_queue.lane, job_queue.unwanted
         FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS wanted (org_id, job_id, lease)
         JOIN job_queue ON job_queue.org_id = wanted.org_id AND job_queue.job_id = wanted.job_id
         -- not `=`: that says that there is one, and the index of all that is held looks better than that of the ids then
         WHERE job_queue.lease IS NOT DISTINCT FROM wanted.lease
         ORDER BY job_queue.org_id, job_queue.job_id
         FOR UPDATE OF job_queue",
    )
    .bind(column(&rows, |(org, _)| org.0))
    .bind(column(&rows, |(_, outcome)| outcome.id.0))
    .bind(column(&rows, |(_, outcome)| outcome.lease))
    .fetch_all(connection)
    .await?;
    for (org, id, lease, lane, is_unwanted) in found {
        held.add(OrgId(org), JobId(id), lease, lane, is_unwanted);
    }
    Ok(held)
}

/// Writes what became of them, and gives the lanes that may have something to do now.
pub(super) async fn settle(
    connection: &mut PgConnection,
    commits: &[&RunCommit],
    held: &HeldJobs,
) -> Result<Vec<Wake>, StorageError> {
    let settled = held.written(commits);
    if settled.is_empty() {
        return Ok(Vec::new());
    }
    let (open, ended): (Vec<_>, Vec<_>) = settled.iter().partition(|settled| settled.written.due_at.is_some());
    if !ended.is_empty() {
        sqlx::query(
            "DELETE FROM job_queue USING unnest($1::uuid[], $2::uuid[]) AS old (org_id, job_id)
             WHERE job_queue.org_id = old.org_id AND job_queue.job_id = old.job_id",
        )
        .bind(column(&ended, |settled| settled.org.0))
        .bind(column(&ended, |settled| settled.outcome.id.0))
        .execute(&mut *connection)
        .await?;
    }
    if !open.is_empty() {
        sqlx::query(
            "UPDATE job_queue SET due_at = new.due_at, attempts = new.attempts, claims = 0, lease = NULL, lease_until = 0
             FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[]) AS new (org_id, job_id, due_at, attempts)
             WHERE job_queue.org_id = new.org_id AND job_queue.job_id = new.job_id",
        )
        .bind(column(&open, |settled| settled.org.0))
        .bind(column(&open, |settled| settled.outcome.id.0))
        .bind(column(&open, |settled| micros(settled.written.due_at)))
        .bind(column(&open, |settled| i64::from(settled.written.attempts)))
        .execute(&mut *connection)
        .await?;
    }
    sqlx::query(
        "UPDATE job SET status = new.status, cursor = coalesce(new.cursor, job.cursor),
           progress = coalesce(new.progress, job.progress), result = new.result, error_code = new.error_code,
           error_detail = new.error_detail, attempts = new.attempts, run_id = coalesce(new.run_id, job.run_id),
           started_at = coalesce(job.started_at, new.started_at), finished_at = new.finished_at
         FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::text[], $8::text[],
           $9::bigint[], $10::uuid[], $11::bigint[], $12::bigint[])
           AS new (org_id, id, status, cursor, progress, result, error_code, error_detail, attempts, run_id, started_at,
             finished_at)
         WHERE job.org_id = new.org_id AND job.id = new.id",
    )
    .bind(column(&settled, |settled| settled.org.0))
    .bind(column(&settled, |settled| settled.outcome.id.0))
    .bind(column(&settled, |settled| settled.written.status))
    .bind(column(&settled, |settled| settled.written.cursor.map(Text)))
    .bind(column(&settled, |settled| settled.written.progress.map(i64::from)))
    .bind(column(&settled, |settled| settled.written.result.map(Text)))
    .bind(column(&settled, |settled| settled.written.code))
    .bind(column(&settled, |settled| settled.written.detail.map(Text)))
    .bind(column(&settled, |settled| i64::from(settled.written.attempts)))
    .bind(column(&settled, |settled| settled.outcome.run.map(|run| run.0)))
    .bind(column(&settled, |settled| micros(settled.written.started_at)))
    .bind(column(&settled, |settled| micros(settled.written.finished_at)))
    .execute(connection)
    .await?;
    Ok(settled.iter().map(Settled::wake).collect())
}

/// Makes the jobs that runs made, but for repeats, and gives the lanes that have something to do now.
pub(super) async fn enqueue(
    connection: &mut PgConnection,
    commits: &[&RunCommit],
    syncs: &Syncs<'_>,
) -> Result<Vec<Wake>, StorageError> {
    Ok(insert(connection, made(commits, syncs)).await?.1)
}

/// Makes jobs, but for repeats; gives which were made, and the lanes that have something to do now.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    mut jobs: Vec<(OrgId, &NewJob)>,
) -> Result<(HashSet<JobId>, Vec<Wake>), StorageError> {
    if jobs.is_empty() {
        return Ok(Default::default());
    }
    // A stable sort: of two with one key, the one that was made first is the one that counts.
    jobs.sort_by_key(|(org, job)| (*org, dedupe(job)));
    let queued: Keys = sqlx::query_as(
        "INSERT INTO job_queue (org_id, job_id, lane, rank, due_at, attempts, lease, lease_until, unwanted, dedupe)
         SELECT org_id, job_id, lane, rank, due_at, 0, NULL, 0, false, dedupe
         FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::bigint[], $6::text[])
           AS new (org_id, job_id, lane, rank, due_at, dedupe)
         ON CONFLICT (org_id, dedupe) WHERE dedupe IS NOT NULL DO NOTHING RETURNING org_id, job_id",
    )
    .bind(column(&jobs, |(org, _)| org.0))
    .bind(column(&jobs, |(_, job)| job.id.0))
    .bind(column(&jobs, |(_, job)| lane::name(job)))
    .bind(column(&jobs, |(_, job)| i64::from(job.priority.rank())))
    .bind(column(&jobs, |(_, job)| job.due_at.timestamp_micros()))
    .bind(column(&jobs, |(_, job)| dedupe(job).map(Text)))
    .fetch_all(&mut *connection)
    .await?;
    let queued: HashSet<(Uuid, Uuid)> = queued.into_iter().collect();
    jobs.retain(|(org, job)| queued.contains(&(org.0, job.id.0)));
    let callers: Vec<Option<String>> =
        jobs.iter().map(|(_, job)| job.caller.as_ref().map(caller_text).transpose()).collect::<Result<_, _>>()?;
    sqlx::query(
        "INSERT INTO job (org_id, id, kind, plugin, name, status, lane, rank, payload, caller, key, most_attempts,
           timeout_ms, schedule_id, tick_at, attempts, created_at, hops)
         SELECT org_id, id, kind, plugin, name, 'open', lane, rank, payload, caller, key, most_attempts, timeout_ms,
           schedule_id, tick_at, 0, created_at, hops
         FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::text[],
           $9::text[], $10::text[], $11::bigint[], $12::bigint[], $13::uuid[], $14::bigint[], $15::bigint[],
           $16::bigint[])
           AS new (org_id, id, kind, plugin, name, lane, rank, payload, caller, key, most_attempts, timeout_ms,
             schedule_id, tick_at, created_at, hops)",
    )
    .bind(column(&jobs, |(org, _)| org.0))
    .bind(column(&jobs, |(_, job)| job.id.0))
    .bind(column(&jobs, |(_, job)| job.kind.as_str()))
    .bind(column(&jobs, |(_, job)| job.plugin.as_ref().map(PluginId::as_str)))
    .bind(column(&jobs, |(_, job)| job.name.as_str()))
    .bind(column(&jobs, |(_, job)| lane::name(job)))
    .bind(column(&jobs, |(_, job)| i64::from(job.priority.rank())))
    .bind(column(&jobs, |(_, job)| Text(job.payload.as_str())))
    .bind(callers)
    .bind(column(&jobs, |(_, job)| optional_text(&job.key)))
    .bind(column(&jobs, |(_, job)| i64::from(job.attempts)))
    .bind(column(&jobs, |(_, job)| job.timeout_ms.map(i64::from)))
    .bind(column(&jobs, |(_, job)| job.schedule.map(|tick| tick.schedule.0)))
    .bind(column(&jobs, |(_, job)| micros(job.schedule.map(|tick| tick.at))))
    .bind(column(&jobs, |(_, job)| job.created_at.timestamp_micros()))
    .bind(column(&jobs, |(_, job)| i64::from(job.hops)))
    .execute(connection)
    .await?;
    let wakes = jobs.iter().map(|(org, job)| Wake::of(*org, job)).collect();
    Ok((jobs.iter().map(|(_, job)| job.id).collect(), wakes))
}

/// As [`lane::wake`], for all lanes at once.
pub(crate) async fn wake(connection: &mut PgConnection, wakes: Vec<Wake>) -> Result<(), StorageError> {
    let wakes = lane::merged(wakes);
    if wakes.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO job_lane (org_id, lane, cap, wake_at, served, from_0, from_1, from_2)
         SELECT org_id, lane, cap, wake_at, 0, wake_at, wake_at, wake_at
         FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::bigint[]) AS new (org_id, lane, cap, wake_at)
         ORDER BY org_id, lane COLLATE \"C\"
         ON CONFLICT (org_id, lane) DO UPDATE
           SET wake_at = least(excluded.wake_at, job_lane.wake_at), cap = coalesce(excluded.cap, job_lane.cap),
             from_0 = least(excluded.from_0, job_lane.from_0), from_1 = least(excluded.from_1, job_lane.from_1),
             from_2 = least(excluded.from_2, job_lane.from_2)
           WHERE excluded.wake_at < greatest(job_lane.wake_at, job_lane.from_0, job_lane.from_1, job_lane.from_2)
             OR excluded.cap IS NOT NULL AND excluded.cap IS DISTINCT FROM job_lane.cap",
    )
    .bind(column(&wakes, |wake| wake.org.0))
    .bind(column(&wakes, |wake| wake.lane.as_str()))
    .bind(column(&wakes, |wake| wake.cap.map(i64::from)))
    .bind(column(&wakes, |wake| wake.at.timestamp_micros()))
    .execute(connection)
    .await?;
    Ok(())
}
