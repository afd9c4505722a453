//! The events of a batch, numbered.
//!
//! The rows of the last numbers are locked by their update until the commit. So of several hubs one at a time
//! publishes for an org, and a reader that has seen a number never misses a lower one.

use patchbay_model::{OrgId, event::Event};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{column, json_column, optional_text};
use crate::{StorageError, event::source, journal::parts, text::Text};

/// Gives the orgs that have new ones.
pub(super) async fn write(
    connection: &mut PgConnection,
    events: &[(OrgId, &Event)],
) -> Result<Vec<OrgId>, StorageError> {
    if events.is_empty() {
        return Ok(Vec::new());
    }
    let counts = parts::counts(events);
    let (orgs, wanted): (Vec<Uuid>, Vec<i64>) = counts.iter().map(|(org, count)| (org.0, *count)).unzip();
    let last: Vec<(Uuid, i64)> = sqlx::query_as(
        "INSERT INTO event_sequence (org_id, last)
         SELECT org_id, wanted FROM unnest($1::uuid[], $2::bigint[]) AS new (org_id, wanted) ORDER BY org_id
         ON CONFLICT (org_id) DO UPDATE SET last = event_sequence.last + excluded.last RETURNING org_id, last",
    )
    .bind(orgs)
    .bind(wanted)
    .fetch_all(&mut *connection)
    .await?;
    let published = counts.keys().copied().collect();
    let numbers = parts::numbers(events, counts, last);
    sqlx::query(
        "INSERT INTO event (org_id, sequence, id, source, kind, subject, data, dedupe, run_id, at, hops)
         SELECT org_id, sequence, id, source, kind, subject, data::json, dedupe, run_id, at, hops
         FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
           $9::uuid[], $10::bigint[], $11::bigint[])
           AS new (org_id, sequence, id, source, kind, subject, data, dedupe, run_id, at, hops)
         ORDER BY org_id, sequence
         ON CONFLICT (org_id, source, dedupe) WHERE dedupe IS NOT NULL DO NOTHING",
    )
    .bind(column(events, |(org, _)| org.0))
    .bind(numbers)
    .bind(column(events, |(_, event)| event.id.0))
    .bind(column(events, |(_, event)| source(event)))
    .bind(column(events, |(_, event)| Text(event.kind.as_str())))
    .bind(column(events, |(_, event)| Text(event.subject.as_str())))
    .bind(json_column(events, |(_, event)| &event.data)?)
    .bind(column(events, |(_, event)| optional_text(&event.dedupe)))
    .bind(column(events, |(_, event)| event.run.map(|run| run.0)))
    .bind(column(events, |(_, event)| event.at.timestamp_micros()))
    .bind(column(events, |(_, event)| i64::from(event.hops)))
    .execute(connection)
    .await?;
    Ok(published)
}
