//! Deliveries that are asked for once more, given up and cleared away.

use patchbay_model::{EndpointId, Timestamp};
use uuid::Uuid;

use super::{Deliveries, LaneKey, LaneOwner, NewDelivery};
use crate::{
    StorageError,
    column::{first_id, limit as row_limit},
    orgs::hex,
    text::Json,
};

/// Which events are sent once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replayed {
    /// All of them.
    All,
    /// Those that the endpoint has not taken.
    Missing,
    /// Those that were given up.
    Failed,
}

/// What was queued once more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// How many deliveries.
    pub count: u64,
    /// Who holds the lane; none if nothing was queued.
    pub owner: Option<LaneOwner>,
}

impl Deliveries<'_> {
    /// Queues events for an endpoint once more, due now: those of the given ones that have no delivery to it, and those
    /// whose delivery is as asked for. What is queued already stays as it is.
    ///
    /// # Errors
    /// The database fails.
    pub async fn queue_again(
        &mut self,
        given: &[NewDelivery],
        which: Replayed,
        now: Timestamp,
    ) -> Result<Queued, StorageError> {
        let Some(first) = given.first() else { return Ok(Queued { count: 0, owner: None }) };
        let lane = LaneKey { org: self.org, endpoint: first.endpoint };
        let ids: Vec<String> = given.iter().map(|one| hex(one.id().0)).collect();
        let known: Vec<(Uuid, String)> = fetch_all!(
            self.tx,
            (Uuid, String),
            {
                sqlite: "SELECT id, status FROM delivery
                   WHERE org_id = $1 AND id IN (SELECT unhex(value) FROM json_each($2))",
                postgres: "SELECT id, status FROM delivery
                   WHERE org_id = $1 AND id IN (SELECT value::uuid FROM json_array_elements_text($2) AS one (value) OFFSET 0)",
            },
            self.org.0,
            Json(ids),
        )?;
        let known: std::collections::HashMap<Uuid, String> = known.into_iter().collect();
        let wanted: Vec<NewDelivery> = given
            .iter()
            .filter(|one| match known.get(&one.id().0).map(String::as_str) {
                Some("pending") => false,
                Some("succeeded") => which == Replayed::All,
                Some("exhausted") => true,
                Some(_) => which != Replayed::Failed,
                None => which != Replayed::Failed,
            })
            .cloned()
            .collect();
        if wanted.is_empty() {
            return Ok(Queued { count: 0, owner: None });
        }
        let again = wanted.iter().filter(|one| known.contains_key(&one.id().0));
        let again: Vec<String> = again.map(|one| hex(one.id().0)).collect();
        if !again.is_empty() {
            execute!(
                self.tx,
                {
                    sqlite: "UPDATE delivery SET status = 'pending', finished_at = NULL
                       WHERE org_id = $1 AND id IN (SELECT unhex(value) FROM json_each($2))",
                    postgres: "UPDATE delivery SET status = 'pending', finished_at = NULL
                       WHERE org_id = $1
                         AND id IN (SELECT value::uuid FROM json_array_elements_text($2) AS one (value) OFFSET 0)",
                },
                self.org.0,
                Json(again),
            )?;
        }
        let owners = self.tx.orgs([self.org]).add_deliveries(&wanted, now).await?;
        let count = u64::try_from(wanted.len()).unwrap_or(u64::MAX);
        Ok(Queued { count, owner: owners.into_iter().find(|owner| owner.key == lane) })
    }

    /// The place of the oldest event that is still to be sent to some endpoint; none if nothing is.
    ///
    /// # Errors
    /// The database fails.
    pub async fn oldest_queued(&mut self) -> Result<Option<i64>, StorageError> {
        let row = fetch_optional!(
            self.tx,
            (Option<i64>,),
            "SELECT CAST(min(sequence) AS BIGINT) FROM delivery_due WHERE org_id = $1",
            self.org.0,
        )?;
        Ok(row.and_then(|(sequence,)| sequence))
    }

    /// Clears away at most `limit` deliveries of events from before a time, with their attempts, that are not to be sent
    /// any more, and gives their number.
    ///
    /// # Errors
    /// The database fails.
    pub async fn clear_before(&mut self, at: Timestamp, limit: u32) -> Result<u64, StorageError> {
        execute!(
            self.tx,
            // Asked again outside: one that is queued again meanwhile is pending once the deletion has waited for it.
            "DELETE FROM delivery WHERE org_id = $1 AND status <> 'pending' AND id IN
               (SELECT id FROM delivery WHERE org_id = $1 AND id < $2 AND status <> 'pending' ORDER BY id LIMIT $3)",
            self.org.0,
            first_id(at),
            row_limit(limit),
        )
    }

    /// Gives at most `limit` deliveries up that have waited since before a time, because their endpoint is switched off,
    /// and gives their number.
    ///
    /// # Errors
    /// The database fails.
    pub async fn cancel_before(&mut self, at: Timestamp, now: Timestamp, limit: u32) -> Result<u64, StorageError> {
        let ids: Vec<(Uuid,)> = fetch_all!(
            self.tx,
            (Uuid,),
            "SELECT delivery_id FROM delivery_due WHERE org_id = $1 AND delivery_id < $2 AND endpoint_id NOT IN
               (SELECT id FROM endpoint WHERE org_id = $1 AND disabled_at IS NULL) LIMIT $3",
            self.org.0,
            first_id(at),
            row_limit(limit),
        )?;
        self.cancel(ids, now).await
    }

    /// Gives at most `limit` deliveries of an endpoint up that was deleted, and gives their number.
    ///
    /// # Errors
    /// The database fails.
    pub async fn cancel_some(&mut self, endpoint: EndpointId, now: Timestamp, limit: u32) -> Result<u64, StorageError> {
        let ids: Vec<(Uuid,)> = fetch_all!(
            self.tx,
            (Uuid,),
            "SELECT delivery_id FROM delivery_due WHERE org_id = $1 AND endpoint_id = $2 LIMIT $3",
            self.org.0,
            endpoint.0,
            row_limit(limit),
        )?;
        self.cancel(ids, now).await
    }

    /// Forgets the lane of an endpoint that was deleted.
    ///
    /// # Errors
    /// The database fails.
    pub async fn forget_lane(&mut self, endpoint: EndpointId) -> Result<(), StorageError> {
        execute!(
            self.tx,
            "DELETE FROM delivery_lane WHERE org_id = $1 AND endpoint_id = $2 AND gone = 1",
            self.org.0,
            endpoint.0,
        )?;
        Ok(())
    }

    async fn cancel(&mut self, ids: Vec<(Uuid,)>, now: Timestamp) -> Result<u64, StorageError> {
        if ids.is_empty() {
            return Ok(0);
        }
        let count = u64::try_from(ids.len()).unwrap_or(u64::MAX);
        let ids = Json(ids.into_iter().map(|(id,)| hex(id)).collect::<Vec<_>>());
        execute!(
            self.tx,
            {
                sqlite: "DELETE FROM delivery_due
                   WHERE org_id = $1 AND delivery_id IN (SELECT unhex(value) FROM json_each($2))",
                postgres: "DELETE FROM delivery_due WHERE org_id = $1
                   AND delivery_id IN (SELECT value::uuid FROM json_array_elements_text($2) AS one (value) OFFSET 0)",
            },
            self.org.0,
            &ids,
        )?;
        execute!(
            self.tx,
            {
                sqlite: "UPDATE delivery SET status = 'cancelled', finished_at = $3
                   WHERE org_id = $1 AND id IN (SELECT unhex(value) FROM json_each($2)) AND status = 'pending'",
                postgres: "UPDATE delivery SET status = 'cancelled', finished_at = $3 WHERE org_id = $1
                   AND id IN (SELECT value::uuid FROM json_array_elements_text($2) AS one (value) OFFSET 0)
                   AND status = 'pending'",
            },
            self.org.0,
            &ids,
            now.timestamp_micros(),
        )?;
        Ok(count)
    }
}
