//! The runs of a batch and what they are billed for.

use std::collections::HashSet;

use sqlx::PgConnection;
use uuid::Uuid;

use super::{column, json_column, optional_text};
use crate::{
    StorageError,
    column::signed,
    journal::{Committed, RunCommit, parts},
    text::Text,
};

pub(super) async fn write(
    connection: &mut PgConnection,
    runs: &[Box<RunCommit>],
    committed: &[Committed],
) -> Result<(), StorageError> {
    if runs.is_empty() {
        return Ok(());
    }
    let runs = parts::ended(runs, committed);
    sqlx::query(
        "INSERT INTO run (org_id, id, plugin, version, digest, kind, operation, error_code, error_detail,
           upstream_status, wall_us, cpu_us, peak_memory, egress_sent, egress_received, host_calls, log, started_at,
           finished_at, parent_run)
         SELECT org_id, id, plugin, version, digest, kind, operation, error_code, error_detail,
           upstream_status, wall_us, cpu_us, peak_memory, egress_sent, egress_received, host_calls, log::jsonb,
           started_at, finished_at, parent_run
         FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::bytea[], $6::text[], $7::text[], $8::text[],
           $9::text[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::bigint[],
           $16::bigint[], $17::text[], $18::bigint[], $19::bigint[], $20::uuid[])
           AS new (org_id, id, plugin, version, digest, kind, operation, error_code, error_detail,
             upstream_status, wall_us, cpu_us, peak_memory, egress_sent, egress_received, host_calls, log, started_at,
             finished_at, parent_run)",
    )
    .bind(column(&runs, |ended| ended.run.org.0))
    .bind(column(&runs, |ended| ended.run.id.0))
    .bind(column(&runs, |ended| ended.run.plugin.as_str()))
    .bind(column(&runs, |ended| Text(ended.run.version.as_str())))
    .bind(column(&runs, |ended| ended.run.digest.0.as_slice()))
    .bind(column(&runs, |ended| ended.run.kind.as_str()))
    .bind(column(&runs, |ended| Text(ended.run.operation.as_str())))
    .bind(column(&runs, |ended| ended.code.as_deref().map(Text)))
    .bind(column(&runs, |ended| ended.detail.as_deref().map(Text)))
    .bind(column(&runs, |ended| ended.run.upstream_status.map(i64::from)))
    .bind(column(&runs, |ended| signed(ended.run.figures.wall_us)))
    .bind(column(&runs, |ended| signed(ended.run.figures.cpu_us)))
    .bind(column(&runs, |ended| signed(ended.run.figures.peak_memory)))
    .bind(column(&runs, |ended| signed(ended.run.figures.egress_sent)))
    .bind(column(&runs, |ended| signed(ended.run.figures.egress_received)))
    .bind(column(&runs, |ended| signed(ended.run.figures.host_calls)))
    .bind(json_column(&runs, |ended| &ended.run.log)?)
    .bind(column(&runs, |ended| ended.run.started_at.timestamp_micros()))
    .bind(column(&runs, |ended| ended.run.finished_at.timestamp_micros()))
    .bind(column(&runs, |ended| ended.run.parent.map(|parent| parent.0)))
    .execute(connection)
    .await?;
    Ok(())
}

/// Gives the records with ids of their own that were stored; the others of that kind were repeats.
pub(super) async fn write_usage(
    connection: &mut PgConnection,
    runs: &[Box<RunCommit>],
) -> Result<HashSet<Uuid>, StorageError> {
    let mut rows: Vec<_> =
        runs.iter().flat_map(|commit| commit.usage.iter().map(|usage| (&commit.run, usage))).collect();
    if rows.is_empty() {
        return Ok(HashSet::new());
    }
    // A stable sort: of two with one key, the one that was handed over first is the one that counts.
    rows.sort_by_key(|(run, usage)| (run.org, usage.plugin.as_str(), &usage.meter, &usage.dedupe));
    let stored: Vec<(Option<Uuid>,)> = sqlx::query_as(
        "INSERT INTO usage_record (org_id, id, plugin, run_id, meter, quantity, basis, dedupe, at)
         SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::bigint[], $7::text[],
           $8::text[], $9::bigint[])
         ON CONFLICT (org_id, plugin, meter, dedupe) WHERE dedupe IS NOT NULL DO NOTHING
         RETURNING CASE WHEN dedupe IS NOT NULL THEN id END",
    )
    .bind(column(&rows, |(run, _)| run.org.0))
    .bind(column(&rows, |(_, usage)| usage.id.0))
    .bind(column(&rows, |(_, usage)| usage.plugin.as_str()))
    .bind(column(&rows, |(run, _)| run.id.0))
    .bind(column(&rows, |(_, usage)| Text(usage.meter.as_str())))
    .bind(column(&rows, |(_, usage)| signed(usage.quantity)))
    .bind(column(&rows, |(_, usage)| usage.basis.as_str()))
    .bind(column(&rows, |(_, usage)| optional_text(&usage.dedupe)))
    .bind(column(&rows, |(_, usage)| usage.at.timestamp_micros()))
    .fetch_all(connection)
    .await?;
    Ok(stored.into_iter().filter_map(|(id,)| id).collect())
}
