//! When to look at which endpoint, and whose that is.

use patchbay_model::{EndpointId, OrgId, Timestamp};
use uuid::Uuid;

use super::Deliveries;
use crate::{
    StorageError, Tx,
    column::{limit as row_limit, micros, optional_time, unsigned},
    orgs::{OrgsTx, hex},
    text::Json,
};

/// Names an endpoint's lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LaneKey {
    /// Whose endpoint.
    pub org: OrgId,
    /// Which.
    pub endpoint: EndpointId,
}

/// A lane, as whoever takes it finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lane {
    /// Which.
    pub key: LaneKey,
    /// How often something was queued in it.
    pub added: u64,
    /// How often in a row its endpoint has failed.
    pub failures: u32,
    /// Since when.
    pub failing_since: Option<Timestamp>,
    /// Nothing is sent before this.
    pub paused_until: Option<Timestamp>,
}

/// How a lane is asked for what is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneAsk {
    /// Which.
    pub key: LaneKey,
    /// In the order of the events.
    pub fifo: bool,
    /// At most so many.
    pub most: u32,
}

/// Under which a hub holds lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// The hub.
    pub node: Uuid,
    /// Until when nobody else takes them.
    pub until: Timestamp,
}

/// Who holds a lane in which something was queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneOwner {
    /// Which.
    pub key: LaneKey,
    /// The hub that held it last, and until when; none if none ever did.
    pub held: Option<Lease>,
    /// How often something was queued in it, as of this transaction.
    pub added: u64,
    /// All that was given was queued: nothing of it was in the queue before.
    pub all_new: bool,
}

/// What is to be written down of a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneState {
    /// Which.
    pub key: LaneKey,
    /// How often in a row its endpoint has failed.
    pub failures: u32,
    /// Since when.
    pub failing_since: Option<Timestamp>,
    /// Nothing is sent before this.
    pub paused_until: Option<Timestamp>,
    /// That differs from what was found. If not, it is left as it is: the endpoint may have been switched on since.
    pub changed: bool,
    /// If nothing more is known to be due: up to which count of [`Lane::added`] that is so, and when something will be.
    pub rest: Option<(u64, Option<Timestamp>)>,
}

type OwnerRow = (Uuid, Uuid, Option<Uuid>, Option<i64>, i64);
type LaneRow = (Uuid, Uuid, i64, i64, Option<i64>, Option<i64>);

fn lane((org, endpoint, added, failures, failing_since, paused_until): LaneRow) -> Result<Lane, StorageError> {
    Ok(Lane {
        key: LaneKey { org: OrgId(org), endpoint: EndpointId(endpoint) },
        added: unsigned(added),
        failures: u32::try_from(failures).map_err(|_| StorageError::corrupt("delivery_lane.failures"))?,
        failing_since: optional_time(failing_since)?,
        paused_until: optional_time(paused_until)?,
    })
}

pub(super) fn owner((org, endpoint, owner, until, added): OwnerRow, all_new: bool) -> Result<LaneOwner, StorageError> {
    let held = owner.zip(optional_time(until)?).map(|(node, until)| Lease { node, until });
    let key = LaneKey { org: OrgId(org), endpoint: EndpointId(endpoint) };
    Ok(LaneOwner { key, held, added: unsigned(added), all_new })
}

fn keys(rows: Vec<(Uuid, Uuid)>) -> Vec<LaneKey> {
    rows.into_iter().map(|(org, endpoint)| LaneKey { org: OrgId(org), endpoint: EndpointId(endpoint) }).collect()
}

pub(crate) async fn due_lanes(
    tx: &mut Tx,
    now: Timestamp,
    node: Uuid,
    limit: u32,
) -> Result<Vec<LaneKey>, StorageError> {
    let rows = fetch_all!(
        tx,
        (Uuid, Uuid),
        "SELECT org_id, endpoint_id FROM delivery_lane
         WHERE due_at IS NOT NULL AND due_at <= $1 AND (paused_until IS NULL OR paused_until <= $1) AND gone = 0
           AND (owner IS NULL OR owner = $2 OR lease_until IS NULL OR lease_until <= $1)
         ORDER BY due_at LIMIT $3",
        now.timestamp_micros(),
        node,
        row_limit(limit),
    )?;
    Ok(keys(rows))
}

pub(crate) async fn gone_lanes(tx: &mut Tx, limit: u32) -> Result<Vec<LaneKey>, StorageError> {
    let sql = "SELECT org_id, endpoint_id FROM delivery_lane WHERE gone = 1 LIMIT $1";
    Ok(keys(fetch_all!(tx, (Uuid, Uuid), sql, row_limit(limit))?))
}

impl OrgsTx<'_> {
    /// Notes that something was queued in lanes, once for each time that a key is given. For SQLite: on PostgreSQL it is done
    /// together with the queueing.
    pub(super) async fn lanes_are_due(
        &mut self,
        keys: impl Iterator<Item = LaneKey>,
        all_new: bool,
        now: Timestamp,
    ) -> Result<Vec<LaneOwner>, StorageError> {
        let mut counts = std::collections::BTreeMap::<LaneKey, u64>::new();
        keys.for_each(|key| *counts.entry(key).or_default() += 1);
        let rows: Vec<_> = counts.iter().map(|(key, count)| (hex(key.org.0), hex(key.endpoint.0), count)).collect();
        let rows = fetch_all!(
            self.tx,
            OwnerRow,
            "INSERT INTO delivery_lane (org_id, endpoint_id, due_at, paused_until, added, failures, failing_since, owner,
               lease_until, gone)
             SELECT unhex(value ->> 0), unhex(value ->> 1), $2, NULL, value ->> 2, 0, NULL, NULL, NULL, 0
             FROM json_each($1) WHERE true
             ON CONFLICT (org_id, endpoint_id) DO UPDATE SET added = delivery_lane.added + excluded.added,
               due_at = CASE WHEN delivery_lane.due_at < excluded.due_at THEN delivery_lane.due_at
                 ELSE excluded.due_at END
             RETURNING org_id, endpoint_id, owner, lease_until, added",
            Json(rows),
            now.timestamp_micros(),
        )?;
        rows.into_iter().map(|row| owner(row, all_new)).collect()
    }

    /// Those of the lanes that are this hub's now, or still: under a lease where other hubs are at work, and all of them
    /// where there is none. A lane whose endpoint was deleted is nobody's.
    ///
    /// # Errors
    /// The database fails.
    pub async fn take_lanes(
        &mut self,
        lanes: &[LaneKey],
        lease: Option<Lease>,
        now: Timestamp,
    ) -> Result<Vec<Lane>, StorageError> {
        let rows = Json(sorted(lanes));
        let found = match lease {
            None => fetch_all!(
                self.tx,
                LaneRow,
                {
                    sqlite: "SELECT l.org_id, l.endpoint_id, l.added, l.failures, l.failing_since, l.paused_until
                       FROM json_each($1) AS asked CROSS JOIN delivery_lane l
                       WHERE l.org_id = unhex(asked.value ->> 0) AND l.endpoint_id = unhex(asked.value ->> 1)
                         AND l.gone = 0",
                    postgres: "SELECT l.org_id, l.endpoint_id, l.added, l.failures, l.failing_since, l.paused_until
                       FROM (SELECT (r ->> 0)::uuid AS org_id, (r ->> 1)::uuid AS endpoint_id
                         FROM json_array_elements($1) AS given (r) WHERE json_typeof(r) = 'array' OFFSET 0) AS asked
                       JOIN delivery_lane l ON l.org_id = asked.org_id AND l.endpoint_id = asked.endpoint_id
                         AND l.gone = 0",
                },
                &rows,
            ),
            Some(lease) => fetch_all!(
                self.tx,
                LaneRow,
                {
                    sqlite: "UPDATE delivery_lane AS l SET owner = $2, lease_until = $3
                       FROM (SELECT unhex(value ->> 0) AS org_id, unhex(value ->> 1) AS endpoint_id
                         FROM json_each($1)) AS asked
                       WHERE l.org_id = asked.org_id AND l.endpoint_id = asked.endpoint_id AND l.gone = 0
                         AND (l.owner IS NULL OR l.owner = $2 OR l.lease_until IS NULL OR l.lease_until <= $4)
                       RETURNING org_id, endpoint_id, added, failures, failing_since, paused_until",
                    postgres: "UPDATE delivery_lane AS l SET owner = $2, lease_until = $3
                       FROM (SELECT f.org_id, f.endpoint_id
                         FROM (SELECT (r ->> 0)::uuid AS org_id, (r ->> 1)::uuid AS endpoint_id
                           FROM json_array_elements($1) AS given (r) WHERE json_typeof(r) = 'array' OFFSET 0) AS asked
                         JOIN delivery_lane f ON f.org_id = asked.org_id AND f.endpoint_id = asked.endpoint_id
                         WHERE f.gone = 0 AND (f.owner IS NULL OR f.owner = $2 OR f.lease_until IS NULL
                           OR f.lease_until <= $4)
                         ORDER BY f.org_id, f.endpoint_id FOR UPDATE OF f) AS ours
                       WHERE l.org_id = ours.org_id AND l.endpoint_id = ours.endpoint_id
                       RETURNING l.org_id, l.endpoint_id, l.added, l.failures, l.failing_since, l.paused_until",
                },
                &rows,
                lease.node,
                lease.until.timestamp_micros(),
                now.timestamp_micros(),
            ),
        }?;
        found.into_iter().map(lane).collect()
    }

    /// Those of the lanes that a hub holds and that nobody takes until the end of this transaction. To be asked before
    /// anything of them is written. Whoever queues something in them meanwhile does not wait: on PostgreSQL the rows are
    /// locked against being taken or deleted, and not against changes of what else they hold.
    ///
    /// # Errors
    /// The database fails.
    pub async fn held_lanes(&mut self, lanes: &[LaneKey], node: Uuid) -> Result<Vec<LaneKey>, StorageError> {
        let rows = fetch_all!(
            self.tx,
            (Uuid, Uuid),
            {
                sqlite: "SELECT l.org_id, l.endpoint_id FROM json_each($1) AS asked CROSS JOIN delivery_lane l
                   WHERE l.org_id = unhex(asked.value ->> 0) AND l.endpoint_id = unhex(asked.value ->> 1)
                     AND l.owner = $2",
                postgres: "SELECT l.org_id, l.endpoint_id
                   FROM (SELECT (r ->> 0)::uuid AS org_id, (r ->> 1)::uuid AS endpoint_id
                     FROM json_array_elements($1) AS given (r) WHERE json_typeof(r) = 'array' OFFSET 0) AS asked
                   JOIN delivery_lane l ON l.org_id = asked.org_id AND l.endpoint_id = asked.endpoint_id
                   WHERE l.owner = $2 ORDER BY l.org_id, l.endpoint_id FOR KEY SHARE OF l",
            },
            Json(sorted(lanes)),
            node,
        )?;
        Ok(keys(rows))
    }

    /// Writes down how lanes stand. One that is put to rest, and in which something was queued since it was counted, stays
    /// due: gives those that are at rest.
    ///
    /// # Errors
    /// The database fails.
    pub async fn put_lanes(&mut self, states: &[LaneState]) -> Result<Vec<LaneKey>, StorageError> {
        let mut states = states.to_vec();
        states.sort_unstable_by_key(|state| state.key);
        let rows: Vec<_> = states
            .iter()
            .map(|state| {
                (
                    hex(state.key.org.0),
                    hex(state.key.endpoint.0),
                    state.failures,
                    micros(state.failing_since),
                    micros(state.paused_until),
                    // no lane has counted so far, so it rests at none
                    state.rest.map_or(-1, |(added, _)| crate::column::signed(added)),
                    state.rest.and_then(|(_, next)| micros(next)),
                    state.changed,
                )
            })
            .collect();
        let found = fetch_all!(
            self.tx,
            (Uuid, Uuid, i64),
            {
                sqlite: "UPDATE delivery_lane AS l SET
                     failures = CASE WHEN new.changed THEN new.failures ELSE l.failures END,
                     failing_since = CASE WHEN new.changed THEN new.failing_since ELSE l.failing_since END,
                     paused_until = CASE WHEN new.changed THEN new.paused_until ELSE l.paused_until END,
                     due_at = CASE WHEN l.added = new.added THEN new.next ELSE l.due_at END
                   FROM (SELECT unhex(value ->> 0) AS org_id, unhex(value ->> 1) AS endpoint_id,
                       value ->> 2 AS failures, value ->> 3 AS failing_since, value ->> 4 AS paused_until,
                       value ->> 5 AS added, value ->> 6 AS next, value ->> 7 AS changed
                     FROM json_each($1)) AS new
                   WHERE l.org_id = new.org_id AND l.endpoint_id = new.endpoint_id
                   RETURNING org_id, endpoint_id, added",
                postgres: "UPDATE delivery_lane AS l SET
                     failures = CASE WHEN new.changed THEN new.failures ELSE l.failures END,
                     failing_since = CASE WHEN new.changed THEN new.failing_since ELSE l.failing_since END,
                     paused_until = CASE WHEN new.changed THEN new.paused_until ELSE l.paused_until END,
                     due_at = CASE WHEN l.added = new.added THEN new.next ELSE l.due_at END
                   FROM (SELECT said.*
                     FROM (SELECT (r ->> 0)::uuid AS org_id, (r ->> 1)::uuid AS endpoint_id,
                         (r ->> 2)::bigint AS failures, (r ->> 3)::bigint AS failing_since,
                         (r ->> 4)::bigint AS paused_until, (r ->> 5)::bigint AS added, (r ->> 6)::bigint AS next,
                         (r ->> 7)::boolean AS changed
                       FROM json_array_elements($1) AS given (r) WHERE json_typeof(r) = 'array' OFFSET 0) AS said
                     JOIN delivery_lane f ON f.org_id = said.org_id AND f.endpoint_id = said.endpoint_id
                     ORDER BY f.org_id, f.endpoint_id FOR NO KEY UPDATE OF f) AS new
                   WHERE l.org_id = new.org_id AND l.endpoint_id = new.endpoint_id
                   RETURNING l.org_id, l.endpoint_id, l.added",
            },
            Json(rows),
        )?;
        let counted = |key: &LaneKey| states.iter().find(|state| state.key == *key)?.rest.map(|(added, _)| added);
        let at_rest = found.into_iter().filter_map(|(org, endpoint, added)| {
            let key = LaneKey { org: OrgId(org), endpoint: EndpointId(endpoint) };
            (counted(&key)? == unsigned(added)).then_some(key)
        });
        Ok(at_rest.collect())
    }
}

fn sorted(lanes: &[LaneKey]) -> Vec<(String, String)> {
    let mut lanes = lanes.to_vec();
    lanes.sort_unstable();
    lanes.iter().map(|key| (hex(key.org.0), hex(key.endpoint.0))).collect()
}

impl Deliveries<'_> {
    /// An endpoint's lane; none if nothing was ever queued in it.
    ///
    /// # Errors
    /// The database fails.
    pub async fn lane(&mut self, endpoint: EndpointId) -> Result<Option<Lane>, StorageError> {
        fetch_optional!(
            self.tx,
            LaneRow,
            "SELECT org_id, endpoint_id, added, failures, failing_since, paused_until FROM delivery_lane
             WHERE org_id = $1 AND endpoint_id = $2",
            self.org.0,
            endpoint.0,
        )?
        .map(lane)
        .transpose()
    }

    /// How many deliveries of an endpoint are to be sent, counted up to a limit, and when the first of them is due.
    ///
    /// # Errors
    /// The database fails.
    pub async fn queued(&mut self, endpoint: EndpointId, most: u32) -> Result<(u64, Option<Timestamp>), StorageError> {
        let row = fetch_optional!(
            self.tx,
            (i64, Option<i64>),
            "SELECT CAST(count(*) AS BIGINT), CAST(min(due_at) AS BIGINT)
             FROM (SELECT due_at FROM delivery_due WHERE org_id = $1 AND endpoint_id = $2
               ORDER BY due_at, sequence LIMIT $3) AS queued",
            self.org.0,
            endpoint.0,
            row_limit(most),
        )?;
        let (count, next) = row.unwrap_or_default();
        Ok((unsigned(count), optional_time(next)?))
    }

    /// Lets an endpoint that was switched on begin anew: as if it had never failed, and at once.
    ///
    /// # Errors
    /// The database fails.
    pub async fn wake_lane(&mut self, endpoint: EndpointId, now: Timestamp) -> Result<(), StorageError> {
        execute!(
            self.tx,
            "UPDATE delivery_lane SET failures = 0, failing_since = NULL, paused_until = NULL, due_at = $3,
               added = added + 1
             WHERE org_id = $1 AND endpoint_id = $2",
            self.org.0,
            endpoint.0,
            now.timestamp_micros(),
        )?;
        Ok(())
    }

    /// Lets nobody look at an endpoint any more, until something is queued for it or it is woken.
    ///
    /// # Errors
    /// The database fails.
    pub async fn rest_lane(&mut self, endpoint: EndpointId) -> Result<(), StorageError> {
        let sql = "UPDATE delivery_lane SET due_at = NULL WHERE org_id = $1 AND endpoint_id = $2";
        execute!(self.tx, sql, self.org.0, endpoint.0)?;
        Ok(())
    }

    /// Gives an endpoint's lane up, because the endpoint was deleted: what is left of it is cleared away later.
    ///
    /// # Errors
    /// The database fails.
    pub async fn abandon_lane(&mut self, endpoint: EndpointId) -> Result<(), StorageError> {
        execute!(
            self.tx,
            "UPDATE delivery_lane SET gone = 1, due_at = NULL WHERE org_id = $1 AND endpoint_id = $2",
            self.org.0,
            endpoint.0,
        )?;
        Ok(())
    }
}
