//! What became of deliveries, in bulk.

use patchbay_model::{
    DeliveryId, Timestamp,
    delivery::{Attempt, DeliveryStatus, KEPT_ATTEMPTS},
};

use super::LaneKey;
use crate::{
    StorageError,
    orgs::{OrgsTx, hex},
    text::Json,
};

/// What became of one delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryOutcome {
    /// To which endpoint.
    pub lane: LaneKey,
    /// The event's place in the org's order.
    pub sequence: i64,
    /// Which.
    pub id: DeliveryId,
    /// The attempt; none if it came to its end without one.
    pub attempt: Option<Attempt>,
    /// How far it has come.
    pub status: DeliveryStatus,
    /// When it is tried next, if it is pending, and how often it was tried since it was queued.
    pub next: Option<(Timestamp, u32)>,
}

impl OrgsTx<'_> {
    /// Writes down what became of deliveries: their attempts, and whether they are to be sent again. Each is there once.
    ///
    /// # Errors
    /// The database fails.
    pub async fn settle_deliveries(
        &mut self,
        outcomes: &[DeliveryOutcome],
        now: Timestamp,
    ) -> Result<(), StorageError> {
        let history: Vec<_> = outcomes
            .iter()
            .map(|one| {
                let finished_at = one.next.is_none().then(|| now.timestamp_micros());
                (hex(one.lane.org.0), hex(one.id.0), one.status.as_str(), finished_at, one.attempt.as_slice())
            })
            .collect();
        execute!(
            self.tx,
            {
                sqlite: "WITH new AS MATERIALIZED (SELECT unhex(value ->> 0) AS org_id, unhex(value ->> 1) AS id,
                     value ->> 2 AS status, value ->> 3 AS finished_at, value -> '$[4][0]' AS attempt
                     FROM json_each($1))
                   UPDATE delivery SET status = new.status, finished_at = new.finished_at,
                     attempts = attempts + (new.attempt IS NOT NULL),
                     log = CASE WHEN new.attempt IS NULL THEN log
                       WHEN json_array_length(log) >= $2 THEN json_insert(json_remove(log, '$[0]'), '$[#]',
                         json(new.attempt))
                       ELSE json_insert(log, '$[#]', json(new.attempt)) END
                   FROM new WHERE delivery.org_id = new.org_id AND delivery.id = new.id",
                postgres: "UPDATE delivery SET status = new.status, finished_at = new.finished_at,
                     attempts = attempts + jsonb_array_length(new.attempt),
                     log = CASE WHEN jsonb_array_length(log) >= $2 THEN (log - 0) ELSE log END || new.attempt
                   FROM (SELECT (r ->> 0)::uuid AS org_id, (r ->> 1)::uuid AS id, r ->> 2 AS status,
                       (r ->> 3)::bigint AS finished_at, (r -> 4)::jsonb AS attempt
                     FROM json_array_elements($1) AS given (r) WHERE json_typeof(r) = 'array' OFFSET 0) AS new
                   WHERE delivery.org_id = new.org_id AND delivery.id = new.id",
            },
            Json(history),
            i64::try_from(KEPT_ATTEMPTS).unwrap_or(i64::MAX),
        )?;
        let done = outcomes.iter().filter(|one| one.next.is_none());
        let done: Vec<_> = done.map(|one| (hex(one.lane.org.0), hex(one.lane.endpoint.0), one.sequence)).collect();
        if !done.is_empty() {
            execute!(
                self.tx,
                {
                    sqlite: "DELETE FROM delivery_due WHERE (org_id, endpoint_id, sequence) IN
                       (SELECT unhex(value ->> 0), unhex(value ->> 1), value ->> 2 FROM json_each($1))",
                    postgres: "DELETE FROM delivery_due USING (SELECT (r ->> 0)::uuid AS org_id,
                         (r ->> 1)::uuid AS endpoint_id, (r ->> 2)::bigint AS sequence
                       FROM json_array_elements($1) AS given (r) WHERE json_typeof(r) = 'array' OFFSET 0) AS done
                       WHERE delivery_due.org_id = done.org_id AND delivery_due.endpoint_id = done.endpoint_id
                         AND delivery_due.sequence = done.sequence",
                },
                Json(done),
            )?;
        }
        let again = outcomes.iter().filter_map(|one| one.next.map(|next| (one, next)));
        let again: Vec<_> = again
            .map(|(one, (at, attempts))| {
                (hex(one.lane.org.0), hex(one.lane.endpoint.0), one.sequence, at.timestamp_micros(), attempts)
            })
            .collect();
        if !again.is_empty() {
            execute!(
                self.tx,
                {
                    sqlite: "WITH new AS MATERIALIZED (SELECT unhex(value ->> 0) AS org_id,
                         unhex(value ->> 1) AS endpoint_id, value ->> 2 AS sequence, value ->> 3 AS due_at,
                         value ->> 4 AS attempts FROM json_each($1))
                       UPDATE delivery_due SET due_at = new.due_at, attempts = new.attempts FROM new
                       WHERE delivery_due.org_id = new.org_id AND delivery_due.endpoint_id = new.endpoint_id
                         AND delivery_due.sequence = new.sequence",
                    postgres: "UPDATE delivery_due SET due_at = new.due_at, attempts = new.attempts
                       FROM (SELECT (r ->> 0)::uuid AS org_id, (r ->> 1)::uuid AS endpoint_id,
                           (r ->> 2)::bigint AS sequence, (r ->> 3)::bigint AS due_at, (r ->> 4)::bigint AS attempts
                         FROM json_array_elements($1) AS given (r) WHERE json_typeof(r) = 'array' OFFSET 0) AS new
                       WHERE delivery_due.org_id = new.org_id AND delivery_due.endpoint_id = new.endpoint_id
                         AND delivery_due.sequence = new.sequence",
                },
                Json(again),
            )?;
        }
        Ok(())
    }
}
