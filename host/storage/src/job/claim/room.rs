//! Whose turn it is, and how many more of each lane may run.
//!
//! On PostgreSQL what runs is counted by a statement of its own, once the lanes are ours: a statement that takes rows which
//! another hub has just let go of sees those rows as they are now and all others as they were when it began, and would give the
//! room away that the other one has given away before.

use std::collections::HashMap;

use uuid::Uuid;

use super::{ClaimJobs, share::LaneRow};
use crate::{StorageError, Tx, column::limit as row_limit};

/// Lanes that are served by one claim.
pub(super) const LANES: u32 = 100;

macro_rules! running {
    ($now:literal) => {
        concat!(
            "(SELECT count(*) FROM job_queue q WHERE q.org_id = l.org_id AND q.lane = l.lane AND q.lease IS NOT NULL
               AND q.lease_until > ",
            $now,
            ")"
        )
    };
}

/// What a plugin says of its own work does not go beyond what the hub allows.
macro_rules! most {
    () => {
        "CASE WHEN l.cap < $3 THEN l.cap ELSE $3 END"
    };
}

macro_rules! awake {
    () => {
        " FROM job_lane l WHERE l.wake_at <= $1 AND l.served < $2 ORDER BY l.served, l.org_id, l.lane LIMIT $4"
    };
}

/// The lanes whose turn it is, the one first that was served longest ago. Nobody else serves them until the commit.
pub(super) async fn of_lanes(tx: &mut Tx, wish: &ClaimJobs) -> Result<Vec<LaneRow>, StorageError> {
    let now = wish.now.timestamp_micros();
    let mut lanes = fetch_all!(
        tx,
        LaneRow,
        {
            // there is one writer: what is read does not change
            sqlite: concat!("SELECT l.org_id, l.lane, ", most!(), " - ", running!("$1"), awake!()),
            postgres: concat!("SELECT l.org_id, l.lane, ", most!(), awake!(), " FOR UPDATE SKIP LOCKED"),
        },
        now,
        wish.served_before,
        i64::from(wish.lane_cap),
        row_limit(LANES),
    )?;
    let Tx::Postgres(tx) = tx else { return Ok(lanes) };
    if lanes.is_empty() {
        return Ok(lanes);
    }
    let orgs: Vec<Uuid> = lanes.iter().map(|(org, ..)| *org).collect();
    let names: Vec<&str> = lanes.iter().map(|(_, name, _)| name.as_str()).collect();
    let within = tx.patience();
    let connection = tx.connection().await?;
    let counting = sqlx::query_as::<_, LaneRow>(crate::tx::text(concat!(
        "SELECT l.org_id, l.lane, ",
        running!("$3"),
        " FROM unnest($1::uuid[], $2::text[]) AS l (org_id, lane)"
    )))
    .bind(orgs)
    .bind(names)
    .bind(now)
    .fetch_all(connection);
    let counted = crate::postgres::answered(within, counting).await;
    let running: HashMap<(Uuid, String), i64> =
        tx.note(counted)?.into_iter().map(|(org, name, count)| ((org, name), count)).collect();
    for (org, name, room) in &mut lanes {
        *room -= running.get(&(*org, name.clone())).copied().unwrap_or(0);
    }
    Ok(lanes)
}
