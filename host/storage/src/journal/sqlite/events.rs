//! The events of a batch, numbered.

use patchbay_model::{OrgId, event::Event};
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::{hex, json};
use crate::{StorageError, event::source, journal::parts};

/// Gives the orgs that have new ones.
pub(super) async fn write(
    connection: &mut SqliteConnection,
    events: &[(OrgId, &Event)],
) -> Result<Vec<OrgId>, StorageError> {
    if events.is_empty() {
        return Ok(Vec::new());
    }
    let counts = parts::counts(events);
    let wanted: Vec<_> = counts.iter().map(|(org, count)| (hex(&org.0), count)).collect();
    let last: Vec<(Uuid, i64)> = sqlx::query_as(
        "INSERT INTO event_sequence (org_id, last) SELECT unhex(value ->> 0), value ->> 1 FROM json_each($1) WHERE true
         ON CONFLICT (org_id) DO UPDATE SET last = event_sequence.last + excluded.last RETURNING org_id, last",
    )
    .bind(json(&wanted)?)
    .fetch_all(&mut *connection)
    .await?;
    let published = counts.keys().copied().collect();
    let numbers = parts::numbers(events, counts, last);
    let rows: Vec<_> = events
        .iter()
        .zip(numbers)
        .map(|((org, event), number)| {
            (
                hex(&org.0),
                number,
                hex(&event.id.0),
                source(event),
                &event.kind,
                &event.subject,
                &event.data,
                &event.dedupe,
                event.run.as_ref().map(|run| hex(&run.0)),
                event.at.timestamp_micros(),
                event.hops,
            )
        })
        .collect();
    sqlx::query(
        "WITH new AS MATERIALIZED (SELECT value AS r FROM jsonb_each($1))
         INSERT INTO event (org_id, sequence, id, source, kind, subject, data, dedupe, run_id, at, hops)
         SELECT unhex(r ->> 0), r ->> 1, unhex(r ->> 2), r ->> 3, r ->> 4, r ->> 5, r -> 6, r ->> 7, unhex(r ->> 8),
           r ->> 9, r ->> 10
         FROM new WHERE true
         ON CONFLICT (org_id, source, dedupe) WHERE dedupe IS NOT NULL DO NOTHING",
    )
    .bind(json(&rows)?)
    .execute(connection)
    .await?;
    Ok(published)
}
