//! Published facts, in one order per org.

use patchbay_model::{EventId, OrgId, RunId, Timestamp, event::Event};
use uuid::Uuid;

use crate::{
    StorageError, Tx,
    column::{first_id, limit as row_limit, plugin, time},
    text::{Json, Text, optional},
};

/// An org's events.
#[derive(Debug)]
pub struct Events<'a> {
    pub(crate) tx: &'a mut Tx,
    pub(crate) org: OrgId,
}

#[derive(sqlx::FromRow)]
struct Row {
    org_id: Uuid,
    sequence: i64,
    id: Uuid,
    source: String,
    kind: Text,
    subject: Text,
    data: Json<serde_json::Value>,
    dedupe: Option<Text>,
    run_id: Option<Uuid>,
    at: i64,
}

impl TryFrom<Row> for (i64, Event) {
    type Error = StorageError;

    fn try_from(row: Row) -> Result<Self, StorageError> {
        let source = if row.source.is_empty() { None } else { Some(plugin(&row.source)?) };
        let event = Event {
            id: EventId(row.id),
            org: OrgId(row.org_id),
            source,
            kind: row.kind.0,
            subject: row.subject.0,
            data: row.data.0,
            dedupe: optional(row.dedupe),
            run: row.run_id.map(RunId),
            at: time(row.at)?,
        };
        Ok((row.sequence, event))
    }
}

/// The publisher as a column: the hub itself is the empty text.
pub(crate) fn source(event: &Event) -> &str {
    event.source.as_ref().map_or("", |plugin| plugin.as_str())
}

impl Events<'_> {
    /// Events after a sequence number (0: from the first on), the oldest first. `kinds` are types, or all types
    /// below one as in `stripe.*`; empty stands for all.
    ///
    /// # Errors
    /// The database fails.
    pub async fn list(&mut self, after: i64, kinds: &[String], limit: u32) -> Result<Vec<(i64, Event)>, StorageError> {
        let kinds = (!kinds.is_empty()).then_some(Json(kinds));
        fetch_all!(
            self.tx,
            Row,
            {
                sqlite: "SELECT org_id, sequence, id, source, kind, subject, data, dedupe, run_id, at FROM event
                   WHERE org_id = $1 AND sequence > $2 AND ($3 IS NULL OR EXISTS (
                     SELECT 1 FROM json_each($3) AS wanted WHERE wanted.value = kind
                       OR (substr(wanted.value, -2) = '.*'
                         AND substr(kind, 1, length(wanted.value) - 1)
                           = substr(wanted.value, 1, length(wanted.value) - 1))))
                   ORDER BY sequence LIMIT $4",
                postgres: "SELECT org_id, sequence, id, source, kind, subject, data, dedupe, run_id, at FROM event
                   WHERE org_id = $1 AND sequence > $2 AND ($3 IS NULL OR EXISTS (
                     SELECT 1 FROM json_array_elements_text($3) AS wanted (value) WHERE wanted.value = kind
                       OR (right(wanted.value, 2) = '.*'
                         AND starts_with(kind, left(wanted.value, -1)))))
                   ORDER BY sequence LIMIT $4",
            },
            self.org.0,
            after,
            kinds,
            row_limit(limit),
        )?
        .into_iter()
        .map(<(i64, Event)>::try_from)
        .collect()
    }

    /// Publishes an event outside of a run and gives its number; nothing if it is a repeat, which is dropped.
    ///
    /// # Errors
    /// `Missing` if there is no such org.
    pub async fn append(&mut self, event: &Event) -> Result<Option<i64>, StorageError> {
        // The number's row is held from here to the commit, so that numbers become visible in their order: a
        // reader that has seen one never misses a lower one.
        let next = fetch_optional!(
            self.tx,
            (i64,),
            "INSERT INTO event_sequence (org_id, last) VALUES ($1, 1)
             ON CONFLICT (org_id) DO UPDATE SET last = event_sequence.last + 1 RETURNING last",
            self.org.0,
        )?;
        let (sequence,) = next.ok_or_else(|| StorageError::corrupt("event_sequence"))?;
        let rows = execute!(
            self.tx,
            "INSERT INTO event (org_id, sequence, id, source, kind, subject, data, dedupe, run_id, at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
             ON CONFLICT (org_id, source, dedupe) WHERE dedupe IS NOT NULL DO NOTHING",
            self.org.0,
            sequence,
            event.id.0,
            source(event),
            Text(&event.kind),
            Text(&event.subject),
            Json(&event.data),
            event.dedupe.as_ref().map(Text),
            event.run.map(|run| run.0),
            event.at.timestamp_micros(),
        )?;
        Ok((rows > 0).then_some(sequence))
    }

    /// Clears away at most `limit` events that were published before a time and gives their number. Readers'
    /// cursors stay good; a repeat of an event that is gone is a new one.
    ///
    /// # Errors
    /// The database fails.
    pub async fn clear_before(&mut self, at: Timestamp, limit: u32) -> Result<u64, StorageError> {
        execute!(
            self.tx,
            "DELETE FROM event WHERE org_id = $1 AND id IN
               (SELECT id FROM event WHERE org_id = $1 AND id < $2 ORDER BY id LIMIT $3)",
            self.org.0,
            first_id(at),
            row_limit(limit),
        )
    }
}
