//! Deliveries as people and programs look at them.

use patchbay_model::{
    DeliveryId, EndpointId, EventId, OrgId,
    delivery::{Attempt, Delivery, DeliveryStatus},
};
use uuid::Uuid;

use super::Deliveries;
use crate::{
    StorageError, Walk,
    column::{after, before, limit as row_limit, optional_time, time, word},
    text::{Json, Text},
};

/// Which deliveries to list.
#[derive(Debug, Clone, Default)]
pub struct DeliveryFilter {
    /// To this endpoint.
    pub endpoint: Option<EndpointId>,
    /// That have come so far.
    pub status: Option<DeliveryStatus>,
    /// Of events of this type.
    pub kind: Option<String>,
    /// Older than this one: the last of the page before.
    pub before: Option<DeliveryId>,
    /// At most so many.
    pub limit: u32,
    /// Among the first so many, so that a page costs the same whatever it is that is rare; none: among all.
    pub looked_at: Option<u32>,
}

/// A part of the deliveries that were asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeliveryPage {
    /// Those of the newest events first. May be fewer than were asked for, or none, although there are more behind.
    pub deliveries: Vec<Delivery>,
    /// Where the look ended, if it ended before as many were found: go on before this one.
    pub looked_upto: Option<DeliveryId>,
}

#[derive(sqlx::FromRow)]
struct Row {
    org_id: Uuid,
    id: Uuid,
    endpoint_id: Uuid,
    event_id: Uuid,
    sequence: i64,
    kind: Text,
    status: String,
    attempts: i64,
    due_at: Option<i64>,
    created_at: i64,
    finished_at: Option<i64>,
}

impl TryFrom<Row> for Delivery {
    type Error = StorageError;

    fn try_from(row: Row) -> Result<Self, StorageError> {
        Ok(Self {
            id: DeliveryId(row.id),
            org: OrgId(row.org_id),
            endpoint: EndpointId(row.endpoint_id),
            event: EventId(row.event_id),
            sequence: row.sequence,
            kind: row.kind.0,
            status: word(&row.status)?,
            attempts: u32::try_from(row.attempts).map_err(|_| StorageError::corrupt("delivery.attempts"))?,
            next_attempt_at: optional_time(row.due_at)?,
            created_at: time(row.created_at)?,
            finished_at: optional_time(row.finished_at)?,
        })
    }
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT d.org_id, d.id, d.endpoint_id, d.event_id, d.sequence, d.kind, d.status, d.attempts,
               (SELECT due_at FROM delivery_due q WHERE q.org_id = d.org_id AND q.endpoint_id = d.endpoint_id
                 AND q.sequence = d.sequence) AS due_at,
               d.created_at, d.finished_at
             FROM ",
            $rest
        )
    };
}

impl Deliveries<'_> {
    /// One delivery.
    ///
    /// # Errors
    /// The database fails.
    pub async fn get(&mut self, id: DeliveryId) -> Result<Option<Delivery>, StorageError> {
        fetch_optional!(self.tx, Row, select!("delivery d WHERE d.org_id = $1 AND d.id = $2"), self.org.0, id.0)?
            .map(Delivery::try_from)
            .transpose()
    }

    /// A delivery's attempts, the oldest that is kept first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn attempts(&mut self, id: DeliveryId) -> Result<Vec<Attempt>, StorageError> {
        let sql = "SELECT log FROM delivery WHERE org_id = $1 AND id = $2";
        let row: Option<(Json<Vec<Attempt>>,)> =
            fetch_optional!(self.tx, (Json<Vec<Attempt>>,), sql, self.org.0, id.0)?;
        Ok(row.map(|(log,)| log.0).unwrap_or_default())
    }

    /// Deliveries that match, those of the newest events first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn list(&mut self, filter: &DeliveryFilter) -> Result<DeliveryPage, StorageError> {
        let (status, kind) = (filter.status.map(DeliveryStatus::as_str), filter.kind.as_ref().map(Text));
        let before = before(filter.before.map(|id| id.0));
        let looked_at = filter.looked_at.map_or(i64::MAX, row_limit);
        let rows = match filter.endpoint {
            Some(endpoint) => fetch_all!(
                self.tx,
                Row,
                select!(
                    "(SELECT * FROM delivery WHERE org_id = $1 AND endpoint_id = $2 AND id < $3
                        ORDER BY id DESC LIMIT $7) AS d
                     WHERE ($4 IS NULL OR d.status = $4) AND ($5 IS NULL OR d.kind = $5)
                     ORDER BY d.id DESC LIMIT $6"
                ),
                self.org.0,
                endpoint.0,
                before,
                status,
                kind,
                row_limit(filter.limit),
                looked_at,
            ),
            None => fetch_all!(
                self.tx,
                Row,
                select!(
                    "(SELECT * FROM delivery WHERE org_id = $1 AND id < $2 ORDER BY id DESC LIMIT $6) AS d
                     WHERE ($3 IS NULL OR d.status = $3) AND ($4 IS NULL OR d.kind = $4)
                     ORDER BY d.id DESC LIMIT $5"
                ),
                self.org.0,
                before,
                status,
                kind,
                row_limit(filter.limit),
                looked_at,
            ),
        }?;
        let deliveries: Vec<Delivery> = rows.into_iter().map(Delivery::try_from).collect::<Result<_, _>>()?;
        let is_full = u32::try_from(deliveries.len()).is_ok_and(|found| found >= filter.limit);
        let looked_upto = match filter.looked_at {
            Some(looked_at) if !is_full => self.end_of_look(filter.endpoint, before, looked_at).await?,
            _ => None,
        };
        Ok(DeliveryPage { deliveries, looked_upto })
    }

    /// The last of so many deliveries; none if there are fewer.
    async fn end_of_look(
        &mut self,
        endpoint: Option<EndpointId>,
        before: Uuid,
        looked_at: u32,
    ) -> Result<Option<DeliveryId>, StorageError> {
        let Some(skipped) = looked_at.checked_sub(1) else { return Ok(None) };
        let found = match endpoint {
            Some(endpoint) => fetch_optional!(
                self.tx,
                (Uuid,),
                "SELECT id FROM delivery WHERE org_id = $1 AND endpoint_id = $2 AND id < $3
                 ORDER BY id DESC LIMIT 1 OFFSET $4",
                self.org.0,
                endpoint.0,
                before,
                row_limit(skipped),
            ),
            None => fetch_optional!(
                self.tx,
                (Uuid,),
                "SELECT id FROM delivery WHERE org_id = $1 AND id < $2 ORDER BY id DESC LIMIT 1 OFFSET $3",
                self.org.0,
                before,
                row_limit(skipped),
            ),
        }?;
        Ok(found.map(|(id,)| DeliveryId(id)))
    }

    /// The delivery of the newest event.
    ///
    /// # Errors
    /// The database fails.
    pub async fn newest(&mut self) -> Result<Option<DeliveryId>, StorageError> {
        let found = fetch_optional!(
            self.tx,
            (Uuid,),
            "SELECT id FROM delivery WHERE org_id = $1 ORDER BY id DESC LIMIT 1",
            self.org.0,
        )?;
        Ok(found.map(|(id,)| DeliveryId(id)))
    }

    /// A page of deliveries, those of the oldest events first. Times are those when they were made; plugins have none.
    ///
    /// # Errors
    /// The database fails.
    pub async fn walk(&mut self, walk: &Walk<DeliveryId>) -> Result<Vec<Delivery>, StorageError> {
        fetch_all!(
            self.tx,
            Row,
            select!(
                "delivery d WHERE d.org_id = $1 AND d.id > $2 AND d.id <= $3 AND d.created_at >= $4 AND d.created_at < $5
                 ORDER BY d.id LIMIT $6"
            ),
            self.org.0,
            after(walk.after.map(|id| id.0)),
            walk.upto.0,
            walk.from(),
            walk.to(),
            row_limit(walk.limit),
        )?
        .into_iter()
        .map(Delivery::try_from)
        .collect()
    }
}
