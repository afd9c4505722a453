//! What a batch writes of syncs: one statement per table and kind of change.

use patchbay_model::sync::{SyncLink, SyncStatus};
use serde_json::Value;
use sqlx::PgConnection;

use crate::{
    StorageError,
    column::{micros, signed},
    journal::{
        postgres::{column, json_column, optional_text},
        syncs::{Pair, Syncs, Waiting},
    },
    text::Text,
};

/// Writes what the winners want.
pub(in crate::journal::postgres) async fn write(
    connection: &mut PgConnection,
    syncs: &Syncs<'_>,
) -> Result<(), StorageError> {
    if syncs.is_empty() {
        return Ok(());
    }
    heads(connection, syncs).await?;
    unlink(connection, &syncs.removed()).await?;
    link(connection, &syncs.put()).await?;
    for ((take_out, put_in), ids) in [(HINTS, &syncs.hints), (OUTBOX, &syncs.outbox)] {
        queue(connection, take_out, &ids.gone()).await?;
        queue(connection, put_in, &ids.come()).await?;
    }
    conflicts(connection, syncs).await?;
    failures(connection, syncs).await?;
    runs(connection, syncs).await
}

/// JSON that may be missing.
fn optional_json(values: &[Option<&Value>]) -> Result<Vec<Option<String>>, StorageError> {
    let present: Vec<&Value> = values.iter().copied().flatten().collect();
    let mut texts = json_column(&present, |value| *value)?.into_iter();
    Ok(values.iter().map(|value| value.and_then(|_| texts.next())).collect())
}

async fn heads(connection: &mut PgConnection, syncs: &Syncs<'_>) -> Result<(), StorageError> {
    let written = syncs.written();
    if written.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "UPDATE sync SET wanted = new.wanted, linked = new.linked, failures = new.failures, kept = new.kept,
           open_run = new.open_run, last_run = coalesce(new.last_run, sync.last_run), mark = coalesce(new.mark, sync.mark),
           state = coalesce(new.state::json, sync.state),
           next_due_at = CASE WHEN sync.enabled THEN coalesce(new.next_due_at, sync.next_due_at) END,
           last_full_at = coalesce(new.last_full_at, sync.last_full_at)
         FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::uuid[],
           $9::uuid[], $10::bigint[], $11::text[], $12::bigint[], $13::bigint[])
           AS new (org_id, plugin, object, wanted, linked, failures, kept, open_run, last_run, mark, state, next_due_at,
             last_full_at)
         WHERE sync.org_id = new.org_id AND sync.plugin = new.plugin AND sync.object = new.object",
    )
    .bind(column(&written, |(shared, _)| shared.key.org.0))
    .bind(column(&written, |(shared, _)| shared.key.plugin.as_str()))
    .bind(column(&written, |(shared, _)| shared.key.object.as_str()))
    .bind(column(&written, |(_, head)| signed(head.wanted)))
    .bind(column(&written, |(_, head)| signed(head.linked)))
    .bind(column(&written, |(_, head)| signed(head.failures)))
    .bind(column(&written, |(_, head)| signed(head.kept)))
    .bind(column(&written, |(_, head)| head.open_run.map(|run| run.0)))
    .bind(column(&written, |(shared, _)| shared.last_run.map(|run| run.0)))
    .bind(column(&written, |(shared, _)| micros(shared.mark)))
    .bind(optional_json(&column(&written, |(shared, _)| shared.state))?)
    .bind(column(&written, |(shared, _)| micros(shared.next_due_at)))
    .bind(column(&written, |(shared, _)| micros(shared.last_full_at)))
    .execute(connection)
    .await?;
    Ok(())
}

async fn unlink(connection: &mut PgConnection, removed: &[&Pair<'_>]) -> Result<(), StorageError> {
    if removed.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "DELETE FROM sync_link USING unnest($1::uuid[], $2::text[], $3::text[], $4::text[])
           AS old (org_id, plugin, object, vendor_id)
         WHERE sync_link.org_id = old.org_id AND sync_link.plugin = old.plugin AND sync_link.object = old.object
           AND sync_link.vendor_id = old.vendor_id",
    )
    .bind(column(removed, |pair| pair.key.org.0))
    .bind(column(removed, |pair| pair.key.plugin.as_str()))
    .bind(column(removed, |pair| pair.key.object.as_str()))
    .bind(column(removed, |pair| Text(pair.vendor_id)))
    .execute(connection)
    .await?;
    Ok(())
}

async fn link(connection: &mut PgConnection, put: &[(&Pair<'_>, &SyncLink)]) -> Result<(), StorageError> {
    if put.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO sync_link (org_id, plugin, object, vendor_id, record_id, base, vendor_at, url, seen_in, version,
           synced_at, gone_at)
         SELECT org_id, plugin, object, vendor_id, record_id, base::json, vendor_at, url, seen_in, version, synced_at, gone_at
         FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::text[],
           $9::uuid[], $10::bigint[], $11::bigint[], $12::bigint[])
           AS new (org_id, plugin, object, vendor_id, record_id, base, vendor_at, url, seen_in, version, synced_at, gone_at)
         ON CONFLICT (org_id, plugin, object, vendor_id) DO UPDATE SET record_id = excluded.record_id,
           base = excluded.base, vendor_at = excluded.vendor_at, url = excluded.url, seen_in = excluded.seen_in,
           version = excluded.version, synced_at = excluded.synced_at, gone_at = excluded.gone_at",
    )
    .bind(column(put, |(pair, _)| pair.key.org.0))
    .bind(column(put, |(pair, _)| pair.key.plugin.as_str()))
    .bind(column(put, |(pair, _)| pair.key.object.as_str()))
    .bind(column(put, |(pair, _)| Text(pair.vendor_id)))
    .bind(column(put, |(_, link)| Text(link.record_id.as_str())))
    .bind(json_column(put, |(_, link)| &link.base)?)
    .bind(column(put, |(_, link)| micros(link.vendor_at)))
    .bind(column(put, |(_, link)| optional_text(&link.url)))
    .bind(column(put, |(_, link)| link.seen_in.map(|run| run.0)))
    .bind(column(put, |(pair, _)| signed(pair.version)))
    .bind(column(put, |(_, link)| link.synced_at.timestamp_micros()))
    .bind(column(put, |(_, link)| micros(link.gone_at)))
    .execute(connection)
    .await?;
    Ok(())
}

/// How ids are taken out of one of the two, and how they are put in.
type Statements = (&'static str, &'static str);

macro_rules! statements {
    ($table:literal, $column:literal) => {
        (
            concat!(
                "DELETE FROM ",
                $table,
                " AS present
                   USING unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bigint[])
                   AS old (org_id, plugin, object, id, seq)
                 WHERE present.org_id = old.org_id AND present.plugin = old.plugin AND present.object = old.object
                   AND present.",
                $column,
                " = old.id AND present.seq = old.seq"
            ),
            concat!(
                "INSERT INTO ",
                $table,
                " (org_id, plugin, object, ",
                $column,
                ", seq)
                 SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bigint[])
                 ON CONFLICT (org_id, plugin, object, ",
                $column,
                ") DO UPDATE SET seq = excluded.seq"
            ),
        )
    };
}

const HINTS: Statements = statements!("sync_hint", "vendor_id");
const OUTBOX: Statements = statements!("sync_outbox", "record_id");

async fn queue(connection: &mut PgConnection, sql: &'static str, ids: &[Waiting<'_>]) -> Result<(), StorageError> {
    if ids.is_empty() {
        return Ok(());
    }
    sqlx::query(sql)
        .bind(column(ids, |(key, ..)| key.org.0))
        .bind(column(ids, |(key, ..)| key.plugin.as_str()))
        .bind(column(ids, |(key, ..)| key.object.as_str()))
        .bind(column(ids, |(_, id, _)| Text(*id)))
        .bind(column(ids, |(.., seq)| signed(*seq)))
        .execute(connection)
        .await?;
    Ok(())
}

async fn conflicts(connection: &mut PgConnection, syncs: &Syncs<'_>) -> Result<(), StorageError> {
    let all = &syncs.conflicts;
    if all.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO sync_conflict (org_id, id, plugin, object, record_id, vendor_id, field, hub, vendor, winner, at)
         SELECT org_id, id, plugin, object, record_id, vendor_id, field, hub::json, vendor::json, winner, at
         FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
           $9::text[], $10::text[], $11::bigint[])
           AS new (org_id, id, plugin, object, record_id, vendor_id, field, hub, vendor, winner, at)",
    )
    .bind(column(all, |(key, _)| key.org.0))
    .bind(column(all, |(_, conflict)| conflict.id.0))
    .bind(column(all, |(key, _)| key.plugin.as_str()))
    .bind(column(all, |(key, _)| key.object.as_str()))
    .bind(column(all, |(_, conflict)| Text(conflict.record_id.as_str())))
    .bind(column(all, |(_, conflict)| Text(conflict.vendor_id.as_str())))
    .bind(column(all, |(_, conflict)| Text(conflict.field.as_str())))
    .bind(json_column(all, |(_, conflict)| &conflict.hub)?)
    .bind(json_column(all, |(_, conflict)| &conflict.vendor)?)
    .bind(column(all, |(_, conflict)| conflict.winner.as_str()))
    .bind(column(all, |(_, conflict)| conflict.at.timestamp_micros()))
    .execute(connection)
    .await?;
    Ok(())
}

async fn failures(connection: &mut PgConnection, syncs: &Syncs<'_>) -> Result<(), StorageError> {
    let all = &syncs.failures;
    if all.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO sync_failure (org_id, plugin, object, number, run_id, vendor_id, record_id, code, detail, at)
         SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::uuid[], $6::text[], $7::text[],
           $8::text[], $9::text[], $10::bigint[])",
    )
    .bind(column(all, |failed| failed.key.org.0))
    .bind(column(all, |failed| failed.key.plugin.as_str()))
    .bind(column(all, |failed| failed.key.object.as_str()))
    .bind(column(all, |failed| signed(failed.number)))
    .bind(column(all, |failed| failed.run.map(|run| run.0)))
    .bind(column(all, |failed| optional_text(&failed.failure.vendor_id)))
    .bind(column(all, |failed| optional_text(&failed.failure.record_id)))
    .bind(column(all, |failed| Text(failed.failure.code.as_str())))
    .bind(column(all, |failed| Text(failed.failure.detail.as_str())))
    .bind(column(all, |failed| failed.at.timestamp_micros()))
    .execute(&mut *connection)
    .await?;
    let too_many = syncs.too_many();
    if too_many.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "DELETE FROM sync_failure USING unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[])
           AS old (org_id, plugin, object, number)
         WHERE sync_failure.org_id = old.org_id AND sync_failure.plugin = old.plugin AND sync_failure.object = old.object
           AND sync_failure.number <= old.number AND sync_failure.run_id IS NULL",
    )
    .bind(column(&too_many, |(key, _)| key.org.0))
    .bind(column(&too_many, |(key, _)| key.plugin.as_str()))
    .bind(column(&too_many, |(key, _)| key.object.as_str()))
    .bind(column(&too_many, |(_, number)| signed(*number)))
    .execute(connection)
    .await?;
    Ok(())
}

async fn runs(connection: &mut PgConnection, syncs: &Syncs<'_>) -> Result<(), StorageError> {
    let all = syncs.runs();
    if all.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "UPDATE sync_run SET status = coalesce(new.status, sync_run.status),
           cursor = CASE WHEN new.moved THEN new.cursor::json ELSE sync_run.cursor END,
           progress = coalesce(new.progress, sync_run.progress), error_code = coalesce(new.error_code, sync_run.error_code),
           error_detail = coalesce(new.error_detail, sync_run.error_detail), job_id = coalesce(new.job_id, sync_run.job_id),
           started_at = coalesce(sync_run.started_at, new.started_at), ended_at = coalesce(new.ended_at, sync_run.ended_at),
           read = sync_run.read + new.read, created = sync_run.created + new.created,
           updated = sync_run.updated + new.updated, deleted = sync_run.deleted + new.deleted,
           merged = sync_run.merged + new.merged, unchanged = sync_run.unchanged + new.unchanged,
           pushed = sync_run.pushed + new.pushed, skipped = sync_run.skipped + new.skipped,
           failed = sync_run.failed + new.failed, conflicts = sync_run.conflicts + new.conflicts,
           calls = sync_run.calls + new.calls
         FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::boolean[], $5::text[], $6::bigint[], $7::text[], $8::text[],
           $9::uuid[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::bigint[],
           $16::bigint[], $17::bigint[], $18::bigint[], $19::bigint[], $20::bigint[], $21::bigint[], $22::bigint[])
           AS new (org_id, id, status, moved, cursor, progress, error_code, error_detail, job_id, started_at, ended_at, read,
             created, updated, deleted, merged, unchanged, pushed, skipped, failed, conflicts, calls)
         WHERE sync_run.org_id = new.org_id AND sync_run.id = new.id",
    )
    .bind(column(&all, |(org, ..)| org.0))
    .bind(column(&all, |(_, id, _)| id.0))
    .bind(column(&all, |(.., run)| run.status.map(SyncStatus::as_str)))
    .bind(column(&all, |(.., run)| run.cursor.is_some()))
    .bind(optional_json(&column(&all, |(.., run)| run.cursor.flatten()))?)
    .bind(column(&all, |(.., run)| run.progress.map(i64::from)))
    .bind(column(&all, |(.., run)| run.failure.map(|(code, _)| code.as_str())))
    .bind(column(&all, |(.., run)| run.failure.map(|(_, detail)| Text(detail.as_str()))))
    .bind(column(&all, |(.., run)| run.job.map(|job| job.0)))
    .bind(column(&all, |(.., run)| micros(run.started_at)))
    .bind(column(&all, |(.., run)| micros(run.ended_at)))
    .bind(column(&all, |(.., run)| signed(run.add.read)))
    .bind(column(&all, |(.., run)| signed(run.add.created)))
    .bind(column(&all, |(.., run)| signed(run.add.updated)))
    .bind(column(&all, |(.., run)| signed(run.add.deleted)))
    .bind(column(&all, |(.., run)| signed(run.add.merged)))
    .bind(column(&all, |(.., run)| signed(run.add.unchanged)))
    .bind(column(&all, |(.., run)| signed(run.add.pushed)))
    .bind(column(&all, |(.., run)| signed(run.add.skipped)))
    .bind(column(&all, |(.., run)| signed(run.add.failed)))
    .bind(column(&all, |(.., run)| signed(run.add.conflicts)))
    .bind(column(&all, |(.., run)| signed(run.add.calls)))
    .execute(connection)
    .await?;
    Ok(())
}
