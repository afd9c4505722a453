//! How far an org's events were handed on to whom they concern.
//!
//! Who hands on holds the org's row from the look to the commit, so that of several hubs one does, and each event is
//! handed on once. Rejected: matching events where they are published (a call would wait for all endpoints of its org to be
//! compared), and a cursor per endpoint (an event would be read once for each).

use patchbay_model::{EventId, OrgId, PluginId, RunId, Timestamp};
use uuid::Uuid;

use crate::{
    StorageError, Tx,
    column::{limit as row_limit, plugin, time, unsigned},
    orgs::{OrgsTx, hex},
    text::{Json, JsonText, Text},
};

/// An org's place in its events.
#[derive(Debug)]
pub struct Relay<'a> {
    pub(crate) tx: &'a mut Tx,
    pub(crate) org: OrgId,
}

/// What of an org waits to be handed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelayCursor {
    /// Whose events.
    pub org: OrgId,
    /// The last that was handed on.
    pub last: i64,
    /// The last that there is.
    pub newest: i64,
    /// Under which version of who is concerned.
    pub version: u64,
}

/// A part of an org's events: after the one, up to the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventSpan {
    /// Whose.
    pub org: OrgId,
    /// After this place.
    pub after: i64,
    /// Up to this one.
    pub to: i64,
}

/// An event whose facts are the text that they were stored as: most who hand it on need not look into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawEvent {
    /// Its id.
    pub id: EventId,
    /// Whose it is.
    pub org: OrgId,
    /// Its place in the org's order.
    pub sequence: i64,
    /// The plugin that published it; none for the hub itself.
    pub source: Option<PluginId>,
    /// Its type.
    pub kind: String,
    /// What it is about.
    pub subject: String,
    /// Its facts, as JSON.
    pub data: String,
    /// The run that published it.
    pub run: Option<RunId>,
    /// When.
    pub at: Timestamp,
    /// How many events led to it.
    pub hops: u32,
}

#[derive(sqlx::FromRow)]
struct Row {
    org_id: Uuid,
    sequence: i64,
    id: Uuid,
    source: String,
    kind: Text,
    subject: Text,
    data: JsonText,
    run_id: Option<Uuid>,
    at: i64,
    hops: i64,
}

impl TryFrom<Row> for RawEvent {
    type Error = StorageError;

    fn try_from(row: Row) -> Result<Self, StorageError> {
        Ok(Self {
            id: EventId(row.id),
            org: OrgId(row.org_id),
            sequence: row.sequence,
            source: if row.source.is_empty() { None } else { Some(plugin(&row.source)?) },
            kind: row.kind.0,
            subject: row.subject.0,
            data: row.data.0,
            run: row.run_id.map(RunId),
            at: time(row.at)?,
            hops: u32::try_from(row.hops).unwrap_or(u32::MAX),
        })
    }
}

impl Relay<'_> {
    /// Says that who is concerned by the org's events changes in this transaction, and that there is somebody: from the
    /// events on that are published after it. Waits until nobody hands on for the org.
    ///
    /// The version grows, and none comes back when the row went and is made anew: a row goes only after an event that came later
    /// than the row, and there are a million versions between an event and the next. Who kept something under a version of
    /// before keeps it for nobody.
    ///
    /// # Errors
    /// `Missing` if there is no such org.
    pub async fn changed(&mut self) -> Result<(), StorageError> {
        execute!(
            self.tx,
            "INSERT INTO event_relay (org_id, last, version)
             SELECT $1, newest, newest * 1048576 + 1
             FROM (SELECT COALESCE((SELECT last FROM event_sequence WHERE org_id = $1), 0) AS newest) AS log WHERE true
             ON CONFLICT (org_id) DO UPDATE SET version = event_relay.version + 1",
            self.org.0,
        )?;
        Ok(())
    }

    /// The last event that the org has; 0 if it has had none.
    ///
    /// # Errors
    /// The database fails.
    pub async fn newest(&mut self) -> Result<i64, StorageError> {
        let sql = "SELECT last FROM event_sequence WHERE org_id = $1";
        Ok(fetch_optional!(self.tx, (i64,), sql, self.org.0)?.map_or(0, |(last,)| last))
    }

    /// The version of who is concerned; none if the org's events concern nobody.
    ///
    /// # Errors
    /// The database fails.
    pub async fn version(&mut self) -> Result<Option<u64>, StorageError> {
        let sql = "SELECT version FROM event_relay WHERE org_id = $1";
        Ok(fetch_optional!(self.tx, (i64,), sql, self.org.0)?.map(|(version,)| unsigned(version)))
    }

    /// The last event that was handed on; none if the org's events concern nobody.
    ///
    /// # Errors
    /// The database fails.
    pub async fn last(&mut self) -> Result<Option<i64>, StorageError> {
        let sql = "SELECT last FROM event_relay WHERE org_id = $1";
        Ok(fetch_optional!(self.tx, (i64,), sql, self.org.0)?.map(|(last,)| last))
    }

    /// Nobody is concerned any more, as of this version: false if that has changed since.
    ///
    /// # Errors
    /// The database fails.
    pub async fn end(&mut self, version: u64) -> Result<bool, StorageError> {
        let rows = execute!(
            self.tx,
            "DELETE FROM event_relay WHERE org_id = $1 AND version = $2",
            self.org.0,
            crate::column::signed(version),
        )?;
        Ok(rows > 0)
    }
}

/// Orgs that have events which were not handed on.
pub(crate) async fn behind(tx: &mut Tx, limit: u32) -> Result<Vec<OrgId>, StorageError> {
    let rows = fetch_all!(
        tx,
        (Uuid,),
        "SELECT event_relay.org_id FROM event_relay JOIN event_sequence ON event_sequence.org_id = event_relay.org_id
         WHERE event_sequence.last > event_relay.last LIMIT $1",
        row_limit(limit),
    )?;
    Ok(rows.into_iter().map(|(org,)| OrgId(org)).collect())
}

impl OrgsTx<'_> {
    /// Those of the orgs whose events wait to be handed on, in order of org. Nobody else hands on for them until the end of
    /// this transaction; those that another hub is at are left out.
    ///
    /// # Errors
    /// The database fails.
    pub async fn relay_cursors(&mut self) -> Result<Vec<RelayCursor>, StorageError> {
        let orgs: Vec<String> = self.orgs.iter().map(|org| hex(org.0)).collect();
        let rows = fetch_all!(
            self.tx,
            (Uuid, i64, i64, i64),
            {
                sqlite: "SELECT r.org_id, r.last, s.last, r.version
                   FROM event_relay r JOIN event_sequence s ON s.org_id = r.org_id
                   WHERE r.org_id IN (SELECT unhex(value) FROM json_each($1)) AND s.last > r.last ORDER BY r.org_id",
                postgres: "SELECT r.org_id, r.last, s.last, r.version
                   FROM event_relay r JOIN event_sequence s ON s.org_id = r.org_id
                   WHERE r.org_id IN (SELECT value::uuid FROM json_array_elements_text($1) AS one (value))
                     AND s.last > r.last
                   ORDER BY r.org_id FOR UPDATE OF r SKIP LOCKED",
            },
            Json(orgs),
        )?;
        let cursor = |(org, last, newest, version): (Uuid, i64, i64, i64)| RelayCursor {
            org: OrgId(org),
            last,
            newest,
            version: unsigned(version),
        };
        // what was waited for may have been handed on meanwhile
        Ok(rows.into_iter().map(cursor).filter(|cursor| cursor.newest > cursor.last).collect())
    }

    /// Those of the orgs whose events concern somebody, and whether some of them were not handed on. Waits for nobody.
    ///
    /// # Errors
    /// The database fails.
    pub async fn relays(&mut self) -> Result<Vec<(OrgId, bool)>, StorageError> {
        let orgs: Vec<String> = self.orgs.iter().map(|org| hex(org.0)).collect();
        let rows = fetch_all!(
            self.tx,
            (Uuid, i64, Option<i64>),
            {
                sqlite: "SELECT r.org_id, r.last, s.last
                   FROM event_relay r LEFT JOIN event_sequence s ON s.org_id = r.org_id
                   WHERE r.org_id IN (SELECT unhex(value) FROM json_each($1))",
                postgres: "SELECT r.org_id, r.last, s.last
                   FROM event_relay r LEFT JOIN event_sequence s ON s.org_id = r.org_id
                   WHERE r.org_id IN (SELECT value::uuid FROM json_array_elements_text($1) AS one (value))",
            },
            Json(orgs),
        )?;
        let is_behind =
            |(org, last, newest): (Uuid, i64, Option<i64>)| (OrgId(org), newest.is_some_and(|newest| newest > last));
        Ok(rows.into_iter().map(is_behind).collect())
    }

    /// The events of these parts, by org and in their order.
    ///
    /// # Errors
    /// The database fails.
    pub async fn events_in(&mut self, spans: &[EventSpan]) -> Result<Vec<RawEvent>, StorageError> {
        let spans: Vec<_> = spans.iter().map(|span| (hex(span.org.0), span.after, span.to)).collect();
        fetch_all!(
            self.tx,
            Row,
            {
                sqlite: "WITH span AS MATERIALIZED
                     (SELECT unhex(value ->> 0) AS org_id, value ->> 1 AS after, value ->> 2 AS upto FROM json_each($1))
                   SELECT e.org_id, e.sequence, e.id, e.source, e.kind, e.subject, e.data, e.run_id, e.at, e.hops
                   FROM span CROSS JOIN event e
                   WHERE e.org_id = span.org_id AND e.sequence > span.after AND e.sequence <= span.upto
                   ORDER BY e.org_id, e.sequence",
                postgres: "SELECT e.org_id, e.sequence, e.id, e.source, e.kind, e.subject, e.data, e.run_id, e.at, e.hops
                   FROM (SELECT (value ->> 0)::uuid AS org_id, (value ->> 1)::bigint AS after,
                       (value ->> 2)::bigint AS upto
                     FROM json_array_elements($1) AS one (value) WHERE json_typeof(value) = 'array' OFFSET 0) AS span
                   CROSS JOIN LATERAL (SELECT * FROM event
                     WHERE org_id = span.org_id AND sequence > span.after AND sequence <= span.upto
                     ORDER BY org_id, sequence LIMIT span.upto - span.after) AS e
                   ORDER BY e.org_id, e.sequence",
            },
            Json(spans),
        )?
        .into_iter()
        .map(RawEvent::try_from)
        .collect()
    }

    /// Writes down how far was handed on.
    ///
    /// # Errors
    /// The database fails.
    pub async fn relayed(&mut self, upto: &[(OrgId, i64)]) -> Result<(), StorageError> {
        let rows: Vec<_> = upto.iter().map(|(org, last)| (hex(org.0), last)).collect();
        execute!(
            self.tx,
            {
                sqlite: "UPDATE event_relay SET last = new.last
                   FROM (SELECT unhex(value ->> 0) AS org_id, value ->> 1 AS last FROM json_each($1)) AS new
                   WHERE event_relay.org_id = new.org_id",
                postgres: "UPDATE event_relay SET last = new.last
                   FROM (SELECT (value ->> 0)::uuid AS org_id, (value ->> 1)::bigint AS last
                     FROM json_array_elements($1) AS one (value) WHERE json_typeof(value) = 'array' OFFSET 0) AS new
                   WHERE event_relay.org_id = new.org_id",
            },
            Json(rows),
        )?;
        Ok(())
    }
}
