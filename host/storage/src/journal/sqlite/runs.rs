//! The runs of a batch and what they are billed for.

use patchbay_model::run::LogLine;
use serde::Serialize;
use sqlx::SqliteConnection;

use super::{Hex, hex, json};
use crate::{
    StorageError,
    column::signed,
    journal::{Committed, RunCommit, parts},
};

#[derive(Serialize)]
struct RunRow<'a> {
    org: Hex<'a>,
    id: Hex<'a>,
    plugin: &'a str,
    version: &'a str,
    digest: Hex<'a>,
    kind: &'a str,
    operation: &'a str,
    code: Option<&'a str>,
    detail: Option<&'a str>,
    status: Option<u16>,
    wall: i64,
    cpu: i64,
    memory: i64,
    sent: i64,
    received: i64,
    calls: i64,
    log: &'a [LogLine],
    started: i64,
    finished: i64,
}

/// Takes the runs as `$1` and what they are billed for as `$2`: one trip to the connection's thread for both.
macro_rules! insert {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            "WITH new AS MATERIALIZED (SELECT value AS r FROM jsonb_each($1))
             INSERT INTO run (org_id, id, plugin, version, digest, kind, operation, error_code, error_detail,
               upstream_status, wall_us, cpu_us, peak_memory, egress_sent, egress_received, host_calls, log,
               started_at, finished_at)
             SELECT unhex(r ->> 'org'), unhex(r ->> 'id'), r ->> 'plugin', r ->> 'version', unhex(r ->> 'digest'),
               r ->> 'kind', r ->> 'operation', r ->> 'code', r ->> 'detail', r ->> 'status', r ->> 'wall',
               r ->> 'cpu', r ->> 'memory', r ->> 'sent', r ->> 'received', r ->> 'calls', r -> 'log',
               r ->> 'started', r ->> 'finished'
             FROM new;
             WITH new AS MATERIALIZED (SELECT value AS r FROM jsonb_each($2))
             INSERT INTO usage_record (org_id, id, plugin, run_id, meter, quantity, basis, dedupe, at)
             SELECT unhex(r ->> 0), unhex(r ->> 1), r ->> 2, unhex(r ->> 3), r ->> 4, r ->> 5, r ->> 6, r ->> 7,
               r ->> 8
             FROM new WHERE true
             ON CONFLICT (org_id, plugin, meter, dedupe) WHERE dedupe IS NOT NULL DO NOTHING",
            $after
        )
    };
}

/// Writes runs and usage within a transaction.
pub(super) async fn write(
    connection: &mut SqliteConnection,
    runs: &[Box<RunCommit>],
    committed: &[Committed],
) -> Result<(), StorageError> {
    if runs.is_empty() {
        return Ok(());
    }
    let (runs, usage) = (run_rows(runs, committed)?, usage_rows(runs)?);
    sqlx::query(insert!("", "")).bind(runs).bind(usage).execute(connection).await?;
    Ok(())
}

/// Writes runs and usage as a transaction of their own. After an error it may still be open.
pub(super) async fn transact(connection: &mut SqliteConnection, runs: &[Box<RunCommit>]) -> Result<(), StorageError> {
    let (rows, usage) = (run_rows(runs, &vec![Committed::All; runs.len()])?, usage_rows(runs)?);
    sqlx::query(insert!("BEGIN IMMEDIATE;", ";COMMIT")).bind(rows).bind(usage).execute(connection).await?;
    Ok(())
}

fn run_rows(runs: &[Box<RunCommit>], committed: &[Committed]) -> Result<String, StorageError> {
    let ended = parts::ended(runs, committed);
    let rows: Vec<RunRow<'_>> = ended
        .iter()
        .map(|ended| {
            let run = ended.run;
            RunRow {
                org: hex(&run.org.0),
                id: hex(&run.id.0),
                plugin: run.plugin.as_str(),
                version: &run.version,
                digest: Hex(&run.digest.0),
                kind: run.kind.as_str(),
                operation: &run.operation,
                code: ended.code.as_deref(),
                detail: ended.detail.as_deref(),
                status: run.upstream_status,
                wall: signed(run.figures.wall_us),
                cpu: signed(run.figures.cpu_us),
                memory: signed(run.figures.peak_memory),
                sent: signed(run.figures.egress_sent),
                received: signed(run.figures.egress_received),
                calls: signed(run.figures.host_calls),
                log: &run.log,
                started: run.started_at.timestamp_micros(),
                finished: run.finished_at.timestamp_micros(),
            }
        })
        .collect();
    json(&rows)
}

fn usage_rows(runs: &[Box<RunCommit>]) -> Result<String, StorageError> {
    let rows: Vec<_> = runs
        .iter()
        .flat_map(|commit| commit.usage.iter().map(|usage| (&commit.run, usage)))
        .map(|(run, usage)| {
            (
                hex(&run.org.0),
                hex(&usage.id.0),
                usage.plugin.as_str(),
                hex(&run.id.0),
                &usage.meter,
                signed(usage.quantity),
                usage.basis.as_str(),
                &usage.dedupe,
                usage.at.timestamp_micros(),
            )
        })
        .collect();
    json(&rows)
}
