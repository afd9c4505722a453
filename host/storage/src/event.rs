//! Published facts, in one order per org.

use patchbay_model::{EventId, OrgId, RunId, Timestamp, event::Event};
use uuid::Uuid;

use crate::{
    StorageError, Tx,
    column::{first_id, limit as row_limit, plugin, time},
    text::{Json, Text, optional},
};

/// The most events of the log that one look goes through.
const LOOKED_AT: i64 = 10_000;

/// Which events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Of these types, or all below one as in `stripe.*`; empty, or `*`: of all.
    pub kinds: Vec<String>,
    /// Of this plugin; of the hub itself if it is empty.
    pub source: Option<String>,
    /// About this.
    pub subject: Option<String>,
    /// Published at that time or later.
    pub from: Option<Timestamp>,
    /// Published before.
    pub to: Option<Timestamp>,
}

/// A part of the log.
#[derive(Debug, Clone, PartialEq)]
pub struct EventPage {
    /// Those that pass, with their numbers.
    pub events: Vec<(i64, Event)>,
    /// Up to this number there is no other that passes.
    pub upto: i64,
    /// There are events behind that number, or may be.
    pub more: bool,
}

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
    hops: i64,
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
            hops: u32::try_from(row.hops).unwrap_or(u32::MAX),
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
        let filter = EventFilter { kinds: kinds.to_vec(), ..EventFilter::default() };
        self.matching(after, &filter, i64::MAX, limit).await
    }

    /// As [`Events::list`], of those that pass a filter, and looks at no more than [`LOOKED_AT`] of them: so a page costs the
    /// same whatever it is that is rare. The transaction should be one that reads.
    ///
    /// # Errors
    /// The database fails.
    pub async fn scan(&mut self, after: i64, filter: &EventFilter, limit: u32) -> Result<EventPage, StorageError> {
        let events = self.matching(after, filter, LOOKED_AT, limit).await?;
        let is_full = u32::try_from(events.len()).is_ok_and(|found| found >= limit);
        if let Some((last, _)) = events.last().filter(|_| is_full) {
            return Ok(EventPage { upto: *last, more: true, events });
        }
        let looked_at = fetch_optional!(
            self.tx,
            (i64, Option<i64>),
            "SELECT count(*), max(sequence) FROM
               (SELECT sequence FROM event WHERE org_id = $1 AND sequence > $2 ORDER BY sequence LIMIT $3) AS looked_at",
            self.org.0,
            after,
            LOOKED_AT,
        )?;
        let (count, last) = looked_at.unwrap_or_default();
        Ok(EventPage { events, upto: last.unwrap_or(after), more: count >= LOOKED_AT })
    }

    async fn matching(
        &mut self,
        after: i64,
        filter: &EventFilter,
        looked_at: i64,
        limit: u32,
    ) -> Result<Vec<(i64, Event)>, StorageError> {
        let EventFilter { kinds, source, subject, from, to } = filter;
        fetch_all!(
            self.tx,
            Row,
            {
                sqlite: "SELECT org_id, sequence, id, source, kind, subject, data, dedupe, run_id, at, hops FROM
                   (SELECT * FROM event WHERE org_id = $1 AND sequence > $2 ORDER BY sequence LIMIT $8) AS event
                   WHERE ($3 IS NULL OR EXISTS (
                     SELECT 1 FROM json_each($3) AS wanted WHERE wanted.value = kind OR wanted.value = '*'
                       OR (substr(wanted.value, -2) = '.*'
                         AND substr(kind, 1, length(wanted.value) - 1)
                           = substr(wanted.value, 1, length(wanted.value) - 1))))
                     AND ($4 IS NULL OR source = $4) AND ($5 IS NULL OR subject = $5) AND at >= $6 AND at < $7
                   ORDER BY sequence LIMIT $9",
                postgres: "SELECT org_id, sequence, id, source, kind, subject, data, dedupe, run_id, at, hops FROM
                   (SELECT * FROM event WHERE org_id = $1 AND sequence > $2 ORDER BY sequence LIMIT $8) AS event
                   WHERE ($3 IS NULL OR EXISTS (
                     SELECT 1 FROM json_array_elements_text($3) AS wanted (value) WHERE wanted.value = kind
                       OR wanted.value = '*'
                       OR (right(wanted.value, 2) = '.*'
                         AND starts_with(kind, left(wanted.value, -1)))))
                     AND ($4 IS NULL OR source = $4) AND ($5 IS NULL OR subject = $5) AND at >= $6 AND at < $7
                   ORDER BY sequence LIMIT $9",
            },
            self.org.0,
            after,
            (!kinds.is_empty()).then_some(Json(kinds)),
            source.as_deref(),
            subject.as_ref().map(Text),
            from.map_or(i64::MIN, |from| from.timestamp_micros()),
            to.map_or(i64::MAX, |to| to.timestamp_micros()),
            looked_at,
            row_limit(limit),
        )?
        .into_iter()
        .map(<(i64, Event)>::try_from)
        .collect()
    }

    /// One event, and its place in the org's order.
    ///
    /// # Errors
    /// The database fails.
    pub async fn get(&mut self, id: EventId) -> Result<Option<(i64, Event)>, StorageError> {
        fetch_optional!(
            self.tx,
            Row,
            "SELECT org_id, sequence, id, source, kind, subject, data, dedupe, run_id, at, hops FROM event
             WHERE org_id = $1 AND id = $2",
            self.org.0,
            id.0,
        )?
        .map(<(i64, Event)>::try_from)
        .transpose()
    }

    /// From where to where the log goes: the number of the oldest event that is still there, and the last that was
    /// given. Equal to 0 and 0 before the first event; without any left, the first is one more than the last.
    ///
    /// # Errors
    /// The database fails.
    pub async fn extent(&mut self) -> Result<(i64, i64), StorageError> {
        let found = fetch_optional!(
            self.tx,
            (i64, Option<i64>),
            "SELECT last, (SELECT min(sequence) FROM event WHERE event.org_id = event_sequence.org_id)
             FROM event_sequence WHERE org_id = $1",
            self.org.0,
        )?;
        Ok(found.map_or((0, 0), |(last, first)| (first.unwrap_or(last + 1), last)))
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
            "INSERT INTO event (org_id, sequence, id, source, kind, subject, data, dedupe, run_id, at, hops)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
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
            i64::from(event.hops),
        )?;
        self.tx.published(self.org);
        Ok((rows > 0).then_some(sequence))
    }

    /// Clears away at most `limit` events that were published before a time and gives their number; those from a place of
    /// the org's order on stay, because somebody is still to get them. Readers' cursors stay good; a repeat of an
    /// event that is gone is a new one.
    ///
    /// # Errors
    /// The database fails.
    pub async fn clear_before(
        &mut self,
        at: Timestamp,
        kept_from: Option<i64>,
        limit: u32,
    ) -> Result<u64, StorageError> {
        execute!(
            self.tx,
            "DELETE FROM event WHERE org_id = $1 AND id IN
               (SELECT id FROM event WHERE org_id = $1 AND id < $2 AND sequence < $3 ORDER BY id LIMIT $4)",
            self.org.0,
            first_id(at),
            kept_from.unwrap_or(i64::MAX),
            row_limit(limit),
        )
    }

    /// The first place of an event that was published at a time or later, as far as ids tell it: some before it may have
    /// been published a moment later. None if there is none. Ids begin with when an event happened and places are given when it
    /// is committed, which may be minutes after, so the first [`LOOKED_AT`] ids are looked at and not the first alone.
    ///
    /// # Errors
    /// The database fails.
    pub async fn first_since(&mut self, at: Timestamp) -> Result<Option<i64>, StorageError> {
        let found = fetch_optional!(
            self.tx,
            (Option<i64>,),
            "SELECT CAST(min(sequence) AS BIGINT) FROM
               (SELECT sequence FROM event WHERE org_id = $1 AND id >= $2 ORDER BY id LIMIT $3) AS looked_at",
            self.org.0,
            first_id(at),
            LOOKED_AT,
        )?;
        Ok(found.and_then(|(sequence,)| sequence))
    }
}
