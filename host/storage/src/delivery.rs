//! Events on their way to endpoints: the history of them, what is to be sent, and when to look at which endpoint.
//!
//! Who sends holds an endpoint's lane, and needs to claim nothing of what is in it: one row per endpoint is written where a
//! claim per delivery would be one per delivery. What became of deliveries is written in bulk, under the lease of
//! their lanes. Rejected: a lease per delivery (a write more for each, and a dead receiver's hundred thousand would all be
//! written when it comes back), and one table for queue and history (its dead rows lie where the queue is read).

mod history;
mod lanes;
mod list;
mod outcomes;

pub use history::{Queued, Replayed};
pub use lanes::{Lane, LaneAsk, LaneKey, LaneOwner, LaneState, Lease};
pub(crate) use lanes::{due_lanes, gone_lanes};
pub use list::{DeliveryFilter, DeliveryPage};
pub use outcomes::DeliveryOutcome;

use patchbay_model::{DeliveryId, EndpointId, EventId, OrgId, Timestamp};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    StorageError, Tx,
    column::{time, unsigned},
    orgs::{OrgsTx, hex},
    text::Json,
};

/// An org's deliveries.
#[derive(Debug)]
pub struct Deliveries<'a> {
    pub(crate) tx: &'a mut Tx,
    pub(crate) org: OrgId,
}

/// An event that an endpoint is to get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDelivery {
    /// Whose.
    pub org: OrgId,
    /// Which endpoint.
    pub endpoint: EndpointId,
    /// Which event.
    pub event: EventId,
    /// Its place in the org's order.
    pub sequence: i64,
    /// Its type.
    pub kind: String,
}

impl NewDelivery {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> DeliveryId {
        DeliveryId::of(self.event, self.endpoint)
    }
}

/// What is to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueDelivery {
    /// To which endpoint.
    pub lane: LaneKey,
    /// The event's place in the org's order.
    pub sequence: i64,
    /// The delivery.
    pub id: DeliveryId,
    /// The event.
    pub event: EventId,
    /// When.
    pub due_at: Timestamp,
    /// How often it was tried since it was queued.
    pub attempts: u32,
}

type DueRow = (Uuid, Uuid, i64, Uuid, Uuid, i64, i64);

/// A lane with its owner, and how many rows of the queue came with it.
type AddedRow = (Uuid, Uuid, Option<Uuid>, Option<i64>, i64, i64);

fn due((org, endpoint, sequence, id, event, due_at, attempts): DueRow) -> Result<DueDelivery, StorageError> {
    Ok(DueDelivery {
        lane: LaneKey { org: OrgId(org), endpoint: EndpointId(endpoint) },
        sequence,
        id: DeliveryId(id),
        event: EventId(event),
        due_at: time(due_at)?,
        attempts: u32::try_from(attempts).map_err(|_| StorageError::corrupt("delivery_due.attempts"))?,
    })
}

impl OrgsTx<'_> {
    /// Adds deliveries, due now, and gives who holds their lanes. One that is there already stays as it is.
    ///
    /// # Errors
    /// `Missing` if one of the orgs is not there.
    pub async fn add_deliveries(
        &mut self,
        new: &[NewDelivery],
        now: Timestamp,
    ) -> Result<Vec<LaneOwner>, StorageError> {
        if new.is_empty() {
            return Ok(Vec::new());
        }
        let rows: Vec<_> = new
            .iter()
            .map(|one| {
                let (org, endpoint, id) = (hex(one.org.0), hex(one.endpoint.0), hex(one.id().0));
                (org, endpoint, one.sequence, id, hex(one.event.0), &one.kind)
            })
            .collect();
        let rows = Json(rows);
        let now_micros = now.timestamp_micros();
        let given = u64::try_from(new.len()).unwrap_or(u64::MAX);
        if matches!(self.tx, Tx::Postgres(_)) {
            return self.add_in_one_trip(&rows, given, now_micros).await;
        }
        execute!(
            self.tx,
            "WITH new AS MATERIALIZED (SELECT value AS r FROM jsonb_each($1))
             INSERT INTO delivery (org_id, id, endpoint_id, event_id, sequence, kind, status, attempts, log,
               created_at, finished_at)
             SELECT unhex(r ->> 0), unhex(r ->> 3), unhex(r ->> 1), unhex(r ->> 4), r ->> 2, r ->> 5, 'pending',
               0, '[]', $2, NULL
             FROM new WHERE true ON CONFLICT (org_id, id) DO NOTHING",
            &rows,
            now_micros,
        )?;
        let queued = execute!(
            self.tx,
            "WITH new AS MATERIALIZED (SELECT value AS r FROM jsonb_each($1))
             INSERT INTO delivery_due (org_id, endpoint_id, sequence, delivery_id, event_id, due_at, attempts)
             SELECT unhex(r ->> 0), unhex(r ->> 1), r ->> 2, unhex(r ->> 3), unhex(r ->> 4), $2, 0
             FROM new WHERE true ON CONFLICT (org_id, endpoint_id, sequence) DO NOTHING",
            &rows,
            now_micros,
        )?;
        let keys = new.iter().map(|one| LaneKey { org: one.org, endpoint: one.endpoint });
        self.lanes_are_due(keys, queued == given, now).await
    }

    /// All of it in one trip to the server: whoever hands on holds the org's place, and others may wait for the lanes. Each
    /// part asks how many rows the one before it has made, so that they are made in this order by everybody: history, queue,
    /// lanes.
    async fn add_in_one_trip<T: Serialize + Sync>(
        &mut self,
        rows: &Json<T>,
        given: u64,
        now_micros: i64,
    ) -> Result<Vec<LaneOwner>, StorageError> {
        fetch_all!(
            self.tx,
            AddedRow,
            "WITH new AS MATERIALIZED (SELECT (r ->> 0)::uuid AS org_id, (r ->> 1)::uuid AS endpoint_id,
                 (r ->> 2)::bigint AS sequence, (r ->> 3)::uuid AS id, (r ->> 4)::uuid AS event_id, r ->> 5 AS kind
               FROM json_array_elements($1) AS given (r)),
             history AS (INSERT INTO delivery (org_id, id, endpoint_id, event_id, sequence, kind, status, attempts, log,
                 created_at, finished_at)
               SELECT org_id, id, endpoint_id, event_id, sequence, kind, 'pending', 0, '[]', $2, NULL
               FROM new ORDER BY org_id, id ON CONFLICT (org_id, id) DO NOTHING RETURNING 1),
             due AS (INSERT INTO delivery_due (org_id, endpoint_id, sequence, delivery_id, event_id, due_at, attempts)
               SELECT org_id, endpoint_id, sequence, id, event_id, $2, 0
               FROM new WHERE (SELECT count(*) FROM history) >= 0 ORDER BY org_id, endpoint_id, sequence
               ON CONFLICT (org_id, endpoint_id, sequence) DO NOTHING RETURNING 1),
             lane AS (INSERT INTO delivery_lane (org_id, endpoint_id, due_at, paused_until, added, failures,
                 failing_since, owner, lease_until, gone)
               SELECT org_id, endpoint_id, $2, NULL, count(*), 0, NULL, NULL, NULL, 0
               FROM new WHERE (SELECT count(*) FROM due) >= 0 GROUP BY org_id, endpoint_id ORDER BY org_id, endpoint_id
               ON CONFLICT (org_id, endpoint_id) DO UPDATE SET added = delivery_lane.added + excluded.added,
                 due_at = CASE WHEN delivery_lane.due_at < excluded.due_at THEN delivery_lane.due_at
                   ELSE excluded.due_at END
               RETURNING org_id, endpoint_id, owner, lease_until, added)
             SELECT org_id, endpoint_id, owner, lease_until, added, (SELECT count(*) FROM due) FROM lane",
            rows,
            now_micros,
        )?
        .into_iter()
        .map(|(org, endpoint, owner, until, added, queued)| {
            lanes::owner((org, endpoint, owner, until, added), unsigned(queued) == given)
        })
        .collect()
    }

    /// What of these lanes is to be sent, in the order in which it is: what is due now, and what will be. In a lane of
    /// order that is the order of the events; in others it is that of the times.
    ///
    /// # Errors
    /// The database fails.
    pub async fn due_deliveries(&mut self, lanes: &[LaneAsk]) -> Result<Vec<DueDelivery>, StorageError> {
        let mut found: Vec<DueRow> = Vec::new();
        if matches!(self.tx, Tx::Sqlite(_)) {
            // It has no LATERAL, and a trip to it is short.
            for lane in lanes {
                let (by_time, by_order) = (
                    "SELECT org_id, endpoint_id, sequence, delivery_id, event_id, due_at, attempts FROM delivery_due
                     WHERE org_id = $1 AND endpoint_id = $2 ORDER BY due_at, sequence LIMIT $3",
                    "SELECT org_id, endpoint_id, sequence, delivery_id, event_id, due_at, attempts FROM delivery_due
                     WHERE org_id = $1 AND endpoint_id = $2 ORDER BY sequence LIMIT $3",
                );
                let sql = if lane.fifo { by_order } else { by_time };
                let most = i64::from(lane.most);
                found.extend(fetch_all!(self.tx, DueRow, sql, lane.key.org.0, lane.key.endpoint.0, most)?);
            }
        } else {
            let asked: Vec<_> = lanes
                .iter()
                .map(|lane| (hex(lane.key.org.0), hex(lane.key.endpoint.0), lane.fifo, lane.most))
                .collect();
            found = fetch_all!(
                self.tx,
                DueRow,
                "SELECT d.org_id, d.endpoint_id, d.sequence, d.delivery_id, d.event_id, d.due_at, d.attempts
                 FROM (SELECT (r ->> 0)::uuid AS org_id, (r ->> 1)::uuid AS endpoint_id, (r ->> 2)::boolean AS fifo,
                     (r ->> 3)::bigint AS most
                   FROM json_array_elements($1) AS asked (r) WHERE json_typeof(r) = 'array' OFFSET 0) AS lane
                 CROSS JOIN LATERAL (
                   (SELECT * FROM delivery_due
                    WHERE org_id = lane.org_id AND endpoint_id = lane.endpoint_id AND NOT lane.fifo
                    ORDER BY org_id, endpoint_id, due_at, sequence LIMIT lane.most)
                   UNION ALL
                   (SELECT * FROM delivery_due
                    WHERE org_id = lane.org_id AND endpoint_id = lane.endpoint_id AND lane.fifo
                    ORDER BY org_id, endpoint_id, sequence LIMIT lane.most)) AS d",
                Json(asked),
            )?;
        }
        found.into_iter().map(due).collect()
    }
}
