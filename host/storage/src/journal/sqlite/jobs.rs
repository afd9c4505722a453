//! The jobs that a batch's runs were steps of, and those that they made.

use std::collections::HashSet;

use patchbay_model::{JobId, OrgId, PluginId, job::NewJob};
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::{hex, json};
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
};

/// Finds those that are still held.
pub(super) async fn held(connection: &mut SqliteConnection, runs: &[Box<RunCommit>]) -> Result<HeldJobs, StorageError> {
    let rows: Vec<_> = worked_on(runs);
    let mut held = HeldJobs::default();
    if rows.is_empty() {
        return Ok(held);
    }
    let rows: Vec<_> =
        rows.iter().map(|(org, outcome)| (hex(&org.0), hex(&outcome.id.0), hex(&outcome.lease))).collect();
    let found: Vec<(Uuid, Uuid, Uuid, String, bool)> = sqlx::query_as(
        "WITH wanted AS MATERIALIZED (SELECT unhex(value ->> 0) AS org_id, unhex(value ->> 1) AS job_id,
           unhex(value ->> 2) AS lease FROM json_each($1))
         SELECT job_queue.org_id, job_queue.job_id, job_queue.lease, job_queue.lane, job_queue.unwanted
         FROM wanted CROSS JOIN job_queue
         WHERE job_queue.org_id = wanted.org_id AND job_queue.job_id = wanted.job_id
           AND job_queue.lease = wanted.lease",
    )
    .bind(json(&rows)?)
    .fetch_all(connection)
    .await?;
    for (org, id, lease, lane, is_unwanted) in found {
        held.add(OrgId(org), JobId(id), lease, lane, is_unwanted);
    }
    Ok(held)
}

/// Writes what became of them, and gives the lanes that may have something to do now.
pub(super) async fn settle(
    connection: &mut SqliteConnection,
    commits: &[&RunCommit],
    held: &HeldJobs,
) -> Result<Vec<Wake>, StorageError> {
    let settled = held.written(commits);
    if settled.is_empty() {
        return Ok(Vec::new());
    }
    let (open, ended): (Vec<_>, Vec<_>) = settled.iter().partition(|settled| settled.written.due_at.is_some());
    if !ended.is_empty() {
        let rows: Vec<_> = ended.iter().map(|settled| (hex(&settled.org.0), hex(&settled.outcome.id.0))).collect();
        sqlx::query(
            "DELETE FROM job_queue WHERE (org_id, job_id) IN
               (SELECT unhex(value ->> 0), unhex(value ->> 1) FROM json_each($1))",
        )
        .bind(json(&rows)?)
        .execute(&mut *connection)
        .await?;
    }
    if !open.is_empty() {
        let rows: Vec<_> = open
            .iter()
            .map(|settled| {
                let written = &settled.written;
                (hex(&settled.org.0), hex(&settled.outcome.id.0), micros(written.due_at), written.attempts)
            })
            .collect();
        sqlx::query(
            "WITH new AS MATERIALIZED (SELECT unhex(value ->> 0) AS org_id, unhex(value ->> 1) AS job_id,
               value ->> 2 AS due_at, value ->> 3 AS attempts FROM json_each($1))
             UPDATE job_queue SET due_at = new.due_at, attempts = new.attempts, claims = 0, lease = NULL, lease_until = 0
             FROM new WHERE job_queue.org_id = new.org_id AND job_queue.job_id = new.job_id",
        )
        .bind(json(&rows)?)
        .execute(&mut *connection)
        .await?;
    }
    let rows: Vec<_> = settled
        .iter()
        .map(|settled| {
            let written = &settled.written;
            (
                hex(&settled.org.0),
                hex(&settled.outcome.id.0),
                written.status,
                written.cursor,
                written.progress,
                written.result,
                written.code,
                written.detail,
                written.attempts,
                settled.outcome.run.as_ref().map(|run| hex(&run.0)),
                micros(written.started_at),
                micros(written.finished_at),
            )
        })
        .collect();
    sqlx::query(
        "WITH new AS MATERIALIZED (SELECT value AS r FROM jsonb_each($1))
         UPDATE job SET status = r ->> 2, cursor = coalesce(r ->> 3, cursor), progress = coalesce(r ->> 4, progress),
           result = r ->> 5, error_code = r ->> 6, error_detail = r ->> 7, attempts = r ->> 8,
           run_id = coalesce(unhex(r ->> 9), run_id), started_at = coalesce(started_at, r ->> 10), finished_at = r ->> 11
         FROM new WHERE job.org_id = unhex(r ->> 0) AND job.id = unhex(r ->> 1)",
    )
    .bind(json(&rows)?)
    .execute(connection)
    .await?;
    Ok(settled.iter().map(Settled::wake).collect())
}

/// Makes the jobs that runs made, but for repeats, and gives the lanes that have something to do now.
pub(super) async fn enqueue(
    connection: &mut SqliteConnection,
    commits: &[&RunCommit],
    syncs: &Syncs<'_>,
) -> Result<Vec<Wake>, StorageError> {
    Ok(insert(connection, made(commits, syncs)).await?.1)
}

/// Makes jobs, but for repeats; gives which were made, and the lanes that have something to do now.
pub(crate) async fn insert(
    connection: &mut SqliteConnection,
    mut jobs: Vec<(OrgId, &NewJob)>,
) -> Result<(HashSet<JobId>, Vec<Wake>), StorageError> {
    if jobs.is_empty() {
        return Ok(Default::default());
    }
    let rows: Vec<_> = jobs
        .iter()
        .map(|(org, job)| {
            let due_at = job.due_at.timestamp_micros();
            (hex(&org.0), hex(&job.id.0), lane::name(job), job.priority.rank(), due_at, dedupe(job))
        })
        .collect();
    let queued: Vec<(Uuid, Uuid)> = sqlx::query_as(
        "WITH new AS MATERIALIZED (SELECT value AS r FROM jsonb_each($1))
         INSERT INTO job_queue (org_id, job_id, lane, rank, due_at, attempts, lease, lease_until, unwanted, dedupe)
         SELECT unhex(r ->> 0), unhex(r ->> 1), r ->> 2, r ->> 3, r ->> 4, 0, NULL, 0, 0, r ->> 5 FROM new WHERE true
         ON CONFLICT (org_id, dedupe) WHERE dedupe IS NOT NULL DO NOTHING RETURNING org_id, job_id",
    )
    .bind(json(&rows)?)
    .fetch_all(&mut *connection)
    .await?;
    let queued: HashSet<(Uuid, Uuid)> = queued.into_iter().collect();
    jobs.retain(|(org, job)| queued.contains(&(org.0, job.id.0)));
    let mut rows = Vec::with_capacity(jobs.len());
    for (org, job) in &jobs {
        let caller = job.caller.as_ref().map(caller_text).transpose()?;
        rows.push((
            hex(&org.0),
            hex(&job.id.0),
            job.kind.as_str(),
            job.plugin.as_ref().map(PluginId::as_str),
            &job.name,
            lane::name(job),
            job.priority.rank(),
            &job.payload,
            caller,
            &job.key,
            job.attempts,
            job.timeout_ms,
            job.schedule.as_ref().map(|tick| hex(&tick.schedule.0)),
            micros(job.schedule.map(|tick| tick.at)),
            job.created_at.timestamp_micros(),
            job.hops,
        ));
    }
    sqlx::query(
        "WITH new AS MATERIALIZED (SELECT value AS r FROM jsonb_each($1))
         INSERT INTO job (org_id, id, kind, plugin, name, status, lane, rank, payload, caller, key, most_attempts,
           timeout_ms, schedule_id, tick_at, attempts, created_at, hops)
         SELECT unhex(r ->> 0), unhex(r ->> 1), r ->> 2, r ->> 3, r ->> 4, 'open', r ->> 5, r ->> 6, r ->> 7, r ->> 8,
           r ->> 9, r ->> 10, r ->> 11, unhex(r ->> 12), r ->> 13, 0, r ->> 14, r ->> 15
         FROM new WHERE true",
    )
    .bind(json(&rows)?)
    .execute(connection)
    .await?;
    let wakes = jobs.iter().map(|(org, job)| Wake::of(*org, job)).collect();
    Ok((jobs.iter().map(|(_, job)| job.id).collect(), wakes))
}

/// As [`lane::wake`], for all lanes at once.
pub(crate) async fn wake(connection: &mut SqliteConnection, wakes: Vec<Wake>) -> Result<(), StorageError> {
    let wakes = lane::merged(wakes);
    if wakes.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> =
        wakes.iter().map(|wake| (hex(&wake.org.0), &wake.lane, wake.cap, wake.at.timestamp_micros())).collect();
    sqlx::query(
        "WITH new AS MATERIALIZED (SELECT value AS r FROM jsonb_each($1))
         INSERT INTO job_lane (org_id, lane, cap, wake_at, served)
         SELECT unhex(r ->> 0), r ->> 1, r ->> 2, r ->> 3, 0 FROM new WHERE true
         ON CONFLICT (org_id, lane) DO UPDATE
           SET wake_at = min(excluded.wake_at, job_lane.wake_at), cap = coalesce(excluded.cap, job_lane.cap)
           WHERE excluded.wake_at < job_lane.wake_at
             OR excluded.cap IS NOT NULL AND excluded.cap IS DISTINCT FROM job_lane.cap",
    )
    .bind(json(&rows)?)
    .execute(connection)
    .await?;
    Ok(())
}
