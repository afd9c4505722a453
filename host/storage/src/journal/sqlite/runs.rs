//! The runs of a batch, what they are billed for, and what that adds to the counters.

use patchbay_model::run::LogLine;
use serde::Serialize;
use sqlx::SqliteConnection;

use super::{Hex, HexId, hex, json};
use crate::{
    StorageError,
    column::signed,
    journal::{
        Committed, RunCommit,
        counters::{self, added},
        parts,
    },
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
    parent: Option<Hex<'a>>,
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

/// Takes the runs as `$1`, what they are billed for as `$2`, and what counts of it as `$3`: one trip to the connection's
/// thread for all. Of what may be a repeat, `$3` has the id, and it counts if it is there now: nothing else has that id.
macro_rules! insert {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            "WITH new AS MATERIALIZED (SELECT value AS r FROM jsonb_each($1))
             INSERT INTO run (org_id, id, plugin, version, digest, kind, operation, parent_run, error_code,
               error_detail, upstream_status, wall_us, cpu_us, peak_memory, egress_sent, egress_received, host_calls, log,
               started_at, finished_at)
             SELECT unhex(r ->> 'org'), unhex(r ->> 'id'), r ->> 'plugin', r ->> 'version', unhex(r ->> 'digest'),
               r ->> 'kind', r ->> 'operation', unhex(r ->> 'parent'), r ->> 'code', r ->> 'detail', r ->> 'status', r ->> 'wall',
               r ->> 'cpu', r ->> 'memory', r ->> 'sent', r ->> 'received', r ->> 'calls', r -> 'log',
               r ->> 'started', r ->> 'finished'
             FROM new;
             WITH new AS MATERIALIZED (SELECT value AS r FROM jsonb_each($2))
             INSERT INTO usage_record (org_id, id, plugin, run_id, meter, quantity, basis, dedupe, at)
             SELECT unhex(r ->> 0), unhex(r ->> 1), r ->> 2, unhex(r ->> 3), r ->> 4, r ->> 5, r ->> 6, r ->> 7,
               r ->> 8
             FROM new WHERE true
             ON CONFLICT (org_id, plugin, meter, dedupe) WHERE dedupe IS NOT NULL DO NOTHING;
             WITH new AS MATERIALIZED (SELECT value AS r FROM jsonb_each($3))
             INSERT INTO usage_counter (org_id, hour, plugin, meter, metric, per, quantity)
             SELECT unhex(r ->> 0), r ->> 1, r ->> 2, r ->> 3, r ->> 4, r ->> 5, r ->> 6
             FROM new WHERE r ->> 7 IS NULL
               OR EXISTS (SELECT 1 FROM usage_record WHERE org_id = unhex(r ->> 0) AND id = unhex(r ->> 7))
             ON CONFLICT (org_id, hour, plugin, meter, metric, per) DO UPDATE SET quantity = ",
            added!(),
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
    let (rows, usage, counters) = (run_rows(runs, committed)?, usage_rows(runs)?, counter_rows(runs)?);
    sqlx::query(insert!("", "")).bind(rows).bind(usage).bind(counters).execute(connection).await?;
    Ok(())
}

/// Writes runs and usage as a transaction of their own. After an error it may still be open.
pub(super) async fn transact(connection: &mut SqliteConnection, runs: &[Box<RunCommit>]) -> Result<(), StorageError> {
    let rows = run_rows(runs, &vec![Committed::All; runs.len()])?;
    let (usage, counters) = (usage_rows(runs)?, counter_rows(runs)?);
    let query = sqlx::query(insert!("BEGIN IMMEDIATE;", ";COMMIT"));
    query.bind(rows).bind(usage).bind(counters).execute(connection).await?;
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
                parent: run.parent.as_ref().map(|parent| hex(&parent.0)),
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

fn counter_rows(runs: &[Box<RunCommit>]) -> Result<String, StorageError> {
    let sums = counters::sums(runs, |usage| usage.dedupe.is_none());
    let sums = sums.into_iter().map(|(key, quantity)| (key, quantity, None));
    let perhaps = counters::with_own_ids(runs)
        .map(|(run, usage)| (counters::Key::of_usage(run, usage), usage.quantity, Some(hex(&usage.id.0))));
    let rows: Vec<_> = sums
        .chain(perhaps)
        .map(|(key, quantity, id)| {
            let counters::Key { org, hour, plugin, meter, metric, per } = key;
            (HexId(org.0), hour, plugin, meter, metric, per, signed(quantity), id)
        })
        .collect();
    json(&rows)
}
