//! What a batch writes of syncs: one statement per table and kind of change.

use patchbay_model::sync::{SyncLink, SyncStatus};
use sqlx::SqliteConnection;

use crate::{
    StorageError,
    column::{micros, signed},
    journal::{
        sqlite::{hex, json},
        syncs::{Pair, Syncs, Waiting},
    },
};

/// Writes what the winners want.
pub(in crate::journal::sqlite) async fn write(
    connection: &mut SqliteConnection,
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

async fn heads(connection: &mut SqliteConnection, syncs: &Syncs<'_>) -> Result<(), StorageError> {
    let rows: Vec<_> = syncs
        .written()
        .into_iter()
        .map(|(shared, head)| {
            (
                (hex(&shared.key.org.0), shared.key.plugin.as_str(), shared.key.object.as_str()),
                (signed(head.wanted), signed(head.linked), signed(head.failures), signed(head.kept)),
                (head.open_run.as_ref().map(|run| hex(&run.0)), shared.last_run.as_ref().map(|run| hex(&run.0))),
                (micros(shared.mark), shared.state, micros(shared.next_due_at), micros(shared.last_full_at)),
            )
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "WITH new AS MATERIALIZED (SELECT value AS r FROM jsonb_each($1))
         UPDATE sync SET wanted = r ->> '$[1][0]', linked = r ->> '$[1][1]', failures = r ->> '$[1][2]',
           kept = r ->> '$[1][3]', open_run = unhex(r ->> '$[2][0]'), last_run = coalesce(unhex(r ->> '$[2][1]'), last_run),
           mark = coalesce(r ->> '$[3][0]', mark),
           state = CASE WHEN r ->> '$[3][1]' IS NOT NULL THEN r -> '$[3][1]' ELSE state END,
           next_due_at = CASE WHEN enabled THEN coalesce(r ->> '$[3][2]', next_due_at) END,
           last_full_at = coalesce(r ->> '$[3][3]', last_full_at)
         FROM new WHERE sync.org_id = unhex(r ->> '$[0][0]') AND sync.plugin = r ->> '$[0][1]' AND sync.object = r ->> '$[0][2]'",
    )
    .bind(json(&rows)?)
    .execute(connection)
    .await?;
    Ok(())
}

async fn unlink(connection: &mut SqliteConnection, removed: &[&Pair<'_>]) -> Result<(), StorageError> {
    if removed.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = removed
        .iter()
        .map(|pair| (hex(&pair.key.org.0), pair.key.plugin.as_str(), pair.key.object.as_str(), pair.vendor_id))
        .collect();
    sqlx::query(
        "DELETE FROM sync_link WHERE (org_id, plugin, object, vendor_id) IN
           (SELECT unhex(value ->> 0), value ->> 1, value ->> 2, value ->> 3 FROM json_each($1))",
    )
    .bind(json(&rows)?)
    .execute(connection)
    .await?;
    Ok(())
}

async fn link(connection: &mut SqliteConnection, put: &[(&Pair<'_>, &SyncLink)]) -> Result<(), StorageError> {
    if put.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = put
        .iter()
        .map(|(pair, link)| {
            (
                (hex(&pair.key.org.0), pair.key.plugin.as_str(), pair.key.object.as_str(), pair.vendor_id),
                (&link.record_id, &link.base, micros(link.vendor_at), &link.url),
                link.seen_in.as_ref().map(|run| hex(&run.0)),
                signed(pair.version),
                link.synced_at.timestamp_micros(),
                micros(link.gone_at),
            )
        })
        .collect();
    sqlx::query(
        "WITH new AS MATERIALIZED (SELECT value AS r FROM jsonb_each($1))
         INSERT INTO sync_link (org_id, plugin, object, vendor_id, record_id, base, vendor_at, url, seen_in, version,
           synced_at, gone_at)
         SELECT unhex(r ->> '$[0][0]'), r ->> '$[0][1]', r ->> '$[0][2]', r ->> '$[0][3]', r ->> '$[1][0]', r -> '$[1][1]',
           r ->> '$[1][2]', r ->> '$[1][3]', unhex(r ->> 2), r ->> 3, r ->> 4, r ->> 5
         FROM new WHERE true
         ON CONFLICT (org_id, plugin, object, vendor_id) DO UPDATE SET record_id = excluded.record_id,
           base = excluded.base, vendor_at = excluded.vendor_at, url = excluded.url, seen_in = excluded.seen_in,
           version = excluded.version, synced_at = excluded.synced_at, gone_at = excluded.gone_at",
    )
    .bind(json(&rows)?)
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
                "DELETE FROM ", $table, " WHERE (org_id, plugin, object, ", $column, ", seq) IN
                   (SELECT unhex(value ->> 0), value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each($1))"
            ),
            concat!(
                "INSERT INTO ", $table, " (org_id, plugin, object, ", $column, ", seq)
                 SELECT unhex(value ->> 0), value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each($1) WHERE true
                 ON CONFLICT (org_id, plugin, object, ", $column, ") DO UPDATE SET seq = excluded.seq"
            ),
        )
    };
}

const HINTS: Statements = statements!("sync_hint", "vendor_id");
const OUTBOX: Statements = statements!("sync_outbox", "record_id");

async fn queue(connection: &mut SqliteConnection, sql: &'static str, ids: &[Waiting<'_>]) -> Result<(), StorageError> {
    if ids.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = ids
        .iter()
        .map(|(key, id, seq)| (hex(&key.org.0), key.plugin.as_str(), key.object.as_str(), *id, signed(*seq)))
        .collect();
    sqlx::query(sql).bind(json(&rows)?).execute(connection).await?;
    Ok(())
}

async fn conflicts(connection: &mut SqliteConnection, syncs: &Syncs<'_>) -> Result<(), StorageError> {
    let rows: Vec<_> = syncs
        .conflicts
        .iter()
        .map(|(key, conflict)| {
            (
                (hex(&key.org.0), hex(&conflict.id.0), key.plugin.as_str(), key.object.as_str()),
                (&conflict.record_id, &conflict.vendor_id, &conflict.field),
                (&conflict.hub, &conflict.vendor, conflict.winner.as_str(), conflict.at.timestamp_micros()),
            )
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "WITH new AS MATERIALIZED (SELECT value AS r FROM jsonb_each($1))
         INSERT INTO sync_conflict (org_id, id, plugin, object, record_id, vendor_id, field, hub, vendor, winner, at)
         SELECT unhex(r ->> '$[0][0]'), unhex(r ->> '$[0][1]'), r ->> '$[0][2]', r ->> '$[0][3]', r ->> '$[1][0]',
           r ->> '$[1][1]', r ->> '$[1][2]', r -> '$[2][0]', r -> '$[2][1]', r ->> '$[2][2]', r ->> '$[2][3]'
         FROM new",
    )
    .bind(json(&rows)?)
    .execute(connection)
    .await?;
    Ok(())
}

async fn failures(connection: &mut SqliteConnection, syncs: &Syncs<'_>) -> Result<(), StorageError> {
    let rows: Vec<_> = syncs
        .failures
        .iter()
        .map(|failed| {
            let (key, failure) = (&failed.key, failed.failure);
            (
                (hex(&key.org.0), key.plugin.as_str(), key.object.as_str(), signed(failed.number)),
                failed.run.as_ref().map(|run| hex(&run.0)),
                (&failure.vendor_id, &failure.record_id, &failure.code, &failure.detail),
                failed.at.timestamp_micros(),
            )
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "WITH new AS MATERIALIZED (SELECT value AS r FROM jsonb_each($1))
         INSERT INTO sync_failure (org_id, plugin, object, number, run_id, vendor_id, record_id, code, detail, at)
         SELECT unhex(r ->> '$[0][0]'), r ->> '$[0][1]', r ->> '$[0][2]', r ->> '$[0][3]', unhex(r ->> 1), r ->> '$[2][0]',
           r ->> '$[2][1]', r ->> '$[2][2]', r ->> '$[2][3]', r ->> 3
         FROM new",
    )
    .bind(json(&rows)?)
    .execute(&mut *connection)
    .await?;
    let too_many = syncs.too_many();
    if too_many.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = too_many
        .iter()
        .map(|(key, number)| (hex(&key.org.0), key.plugin.as_str(), key.object.as_str(), signed(*number)))
        .collect();
    sqlx::query(
        "DELETE FROM sync_failure WHERE rowid IN
           (SELECT found.rowid FROM json_each($1) AS old CROSS JOIN sync_failure AS found
            WHERE found.org_id = unhex(old.value ->> 0) AND found.plugin = old.value ->> 1
              AND found.object = old.value ->> 2 AND found.number <= old.value ->> 3 AND found.run_id IS NULL)",
    )
    .bind(json(&rows)?)
    .execute(connection)
    .await?;
    Ok(())
}

async fn runs(connection: &mut SqliteConnection, syncs: &Syncs<'_>) -> Result<(), StorageError> {
    let all = syncs.runs();
    let rows: Vec<_> = all
        .iter()
        .map(|(org, id, run)| {
            let add = &run.add;
            let (code, detail) = run.failure.map(|(code, detail)| (code, detail)).unzip();
            (
                (hex(&org.0), hex(&id.0), run.status.map(SyncStatus::as_str)),
                (run.cursor.is_some(), run.cursor.flatten(), run.progress, code, detail),
                (run.job.as_ref().map(|job| hex(&job.0)), micros(run.started_at), micros(run.ended_at)),
                [
                    add.read,
                    add.created,
                    add.updated,
                    add.deleted,
                    add.merged,
                    add.unchanged,
                    add.pushed,
                    add.skipped,
                    add.failed,
                    add.conflicts,
                    add.calls,
                ]
                .map(signed),
            )
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "WITH new AS MATERIALIZED (SELECT value AS r FROM jsonb_each($1))
         UPDATE sync_run SET status = coalesce(r ->> '$[0][2]', status),
           cursor = CASE WHEN NOT (r ->> '$[1][0]') THEN cursor WHEN r ->> '$[1][1]' IS NOT NULL THEN r -> '$[1][1]' END,
           progress = coalesce(r ->> '$[1][2]', progress), error_code = coalesce(r ->> '$[1][3]', error_code),
           error_detail = coalesce(r ->> '$[1][4]', error_detail), job_id = coalesce(unhex(r ->> '$[2][0]'), job_id),
           started_at = coalesce(started_at, r ->> '$[2][1]'), ended_at = coalesce(r ->> '$[2][2]', ended_at),
           read = read + (r ->> '$[3][0]'), created = created + (r ->> '$[3][1]'), updated = updated + (r ->> '$[3][2]'),
           deleted = deleted + (r ->> '$[3][3]'), merged = merged + (r ->> '$[3][4]'),
           unchanged = unchanged + (r ->> '$[3][5]'), pushed = pushed + (r ->> '$[3][6]'),
           skipped = skipped + (r ->> '$[3][7]'), failed = failed + (r ->> '$[3][8]'),
           conflicts = conflicts + (r ->> '$[3][9]'), calls = calls + (r ->> '$[3][10]')
         FROM new WHERE sync_run.org_id = unhex(r ->> '$[0][0]') AND sync_run.id = unhex(r ->> '$[0][1]')",
    )
    .bind(json(&rows)?)
    .execute(connection)
    .await?;
    Ok(())
}
