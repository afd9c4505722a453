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

/// Counted for the lanes that are served, and for no others. Which index that takes is said, because SQLite cannot know that few
/// run where a million wait, and would read all of an org's queue.
pub(super) const ON_SQLITE: &str = concat!(
    "WITH l AS MATERIALIZED (SELECT l.org_id, l.lane, l.served, ",
    most!(),
    " AS most",
    awake!(),
    ") SELECT l.org_id, l.lane, l.most - (SELECT count(*) FROM job_queue q INDEXED BY job_queue_running
         WHERE q.org_id = l.org_id AND q.lane = l.lane AND q.lease IS NOT NULL AND q.lease_until > $1), 0, 0, 0
       FROM l ORDER BY l.served, l.org_id, l.lane"
);

/// The lanes whose turn it is, the one first that was served longest ago. Nobody else serves them until the commit.
pub(super) async fn of_lanes(tx: &mut Tx, wish: &ClaimJobs) -> Result<Vec<LaneRow>, StorageError> {
    let now = wish.now.timestamp_micros();
    let mut lanes = fetch_all!(
        tx,
        LaneRow,
        {
            // there is one writer: what is read does not change
            sqlite: ON_SQLITE,
            postgres: concat!(
                "SELECT l.org_id, l.lane, ",
                most!(),
                ", l.from_0, l.from_1, l.from_2",
                awake!(),
                " FOR UPDATE SKIP LOCKED"
            ),
        },
        now,
        wish.served_before,
        i64::from(wish.lane_cap),
        row_limit(LANES),
    )?;
    if matches!(tx, Tx::Postgres(_)) && !lanes.is_empty() {
        let counted = count(tx, &lanes, now).await?;
        let of = |lane: &LaneRow| counted.get(&(lane.0, lane.1.clone())).copied().unwrap_or_default();
        let abandoned: Vec<&LaneRow> = lanes.iter().filter(|lane| of(lane).lapsed > 0).collect();
        if !abandoned.is_empty() {
            let_go_of_lapsed(tx, &abandoned, now).await?;
        }
        for lane in &mut lanes {
            let counted = of(lane);
            lane.2 -= counted.running;
            if counted.lapsed > 0 {
                // what was let go of may have been due before
                (lane.3, lane.4, lane.5) = (0, 0, 0);
            }
        }
    }
    Ok(lanes)
}

/// What is held in a lane.
#[derive(Debug, Clone, Copy, Default)]
struct Counted {
    running: i64,
    /// Under leases that have ended: whoever held it is gone, or slow.
    lapsed: i64,
}

async fn count(tx: &mut Tx, lanes: &[LaneRow], now: i64) -> Result<HashMap<(Uuid, String), Counted>, StorageError> {
    let Tx::Postgres(tx) = tx else { return Ok(HashMap::new()) };
    let orgs: Vec<Uuid> = lanes.iter().map(|lane| lane.0).collect();
    let names: Vec<&str> = lanes.iter().map(|lane| lane.1.as_str()).collect();
    let within = tx.patience();
    let connection = tx.connection().await?;
    let counting = sqlx::query_as::<_, (Uuid, String, i64, i64)>(crate::tx::text(
        "SELECT l.org_id, l.lane, held.running, held.lapsed
         FROM unnest($1::uuid[], $2::text[]) AS l (org_id, lane)
         CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE q.lease_until > $3), count(*) FILTER (WHERE q.lease_until <= $3)
           FROM job_queue q WHERE q.org_id = l.org_id AND q.lane = l.lane AND q.lease IS NOT NULL)
           AS held (running, lapsed)",
    ))
    .bind(orgs)
    .bind(names)
    .bind(now)
    .fetch_all(connection);
    let counted = crate::postgres::answered(within, counting).await;
    let rows = tx.note(counted)?;
    Ok(rows.into_iter().map(|(org, name, running, lapsed)| ((org, name), Counted { running, lapsed })).collect())
}

/// Puts back among what waits whatever is held under leases that have ended. What somebody is settling at this moment stays.
async fn let_go_of_lapsed(tx: &mut Tx, lanes: &[&LaneRow], now: i64) -> Result<(), StorageError> {
    let Tx::Postgres(tx) = tx else { return Ok(()) };
    let orgs: Vec<Uuid> = lanes.iter().map(|lane| lane.0).collect();
    let names: Vec<&str> = lanes.iter().map(|lane| lane.1.as_str()).collect();
    let within = tx.patience();
    let connection = tx.connection().await?;
    let freeing = sqlx::query(crate::tx::text(
        "WITH lapsed AS (
           SELECT q.org_id, q.job_id FROM unnest($1::uuid[], $2::text[]) AS l (org_id, lane)
           JOIN job_queue q ON q.org_id = l.org_id AND q.lane = l.lane
           WHERE q.lease IS NOT NULL AND q.lease_until <= $3 FOR UPDATE OF q SKIP LOCKED),
         freed AS (
           UPDATE job_queue SET lease = NULL, lease_until = 0 FROM lapsed
           WHERE job_queue.org_id = lapsed.org_id AND job_queue.job_id = lapsed.job_id)
         UPDATE job_lane SET from_0 = 0, from_1 = 0, from_2 = 0 FROM unnest($1::uuid[], $2::text[]) AS l (org_id, lane)
         WHERE job_lane.org_id = l.org_id AND job_lane.lane = l.lane",
    ))
    .bind(orgs)
    .bind(names)
    .bind(now)
    .execute(connection);
    let freed = crate::postgres::answered(within, freeing).await;
    tx.note(freed).map(drop)
}
