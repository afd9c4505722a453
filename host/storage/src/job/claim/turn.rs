//! That a lane has had its turn, and when it is to be looked at again.

use uuid::Uuid;

use super::{
    ClaimJobs,
    share::{self, After, Lane},
};
use crate::{StorageError, Tx};

/// When a lane wakes that has nothing which is due: with the first that will be, or with the first lease that ends.
macro_rules! first_due {
    () => {
        concat!(
            "min(coalesce(",
            first_lease!(),
            ", 9223372036854775807), ",
            first_of!("0"),
            ", ",
            first_of!("1"),
            ", ",
            first_of!("2"),
            ")"
        )
    };
}

macro_rules! first_of {
    ($rank:literal) => {
        concat!(
            "coalesce((SELECT q.due_at FROM job_queue q WHERE q.org_id = $1 AND q.lane = $2 AND q.rank = ",
            $rank,
            " AND q.lease IS NULL ORDER BY q.due_at LIMIT 1), 9223372036854775807)"
        )
    };
}

/// A hub that is gone settles nothing, but its leases end.
macro_rules! first_lease {
    () => {
        "(SELECT min(q.lease_until) FROM job_queue q INDEXED BY job_queue_running
          WHERE q.org_id = $1 AND q.lane = $2 AND q.lease IS NOT NULL)"
    };
}

/// Marks a lane as served, and says when to look at it again: on SQLite.
pub(super) async fn mark(tx: &mut Tx, lane: &Lane, turn: i64) -> Result<(), StorageError> {
    let Tx::Sqlite(tx) = tx else { return Ok(()) };
    let sql = match lane.after() {
        After::MoreToDo => "UPDATE job_lane SET served = $3 WHERE org_id = $1 AND lane = $2",
        After::Full => concat!(
            "UPDATE job_lane SET served = $3, wake_at = coalesce(",
            first_lease!(),
            ", wake_at) WHERE org_id = $1 AND lane = $2"
        ),
        After::Drained => {
            concat!("UPDATE job_lane SET served = $3, wake_at = ", first_due!(), " WHERE org_id = $1 AND lane = $2")
        }
    };
    sqlx::query(crate::tx::text(sql)).bind(lane.org).bind(&lane.name).bind(turn).execute(tx.connection()).await?;
    Ok(())
}

/// The first of a rank that waits, from where a search for it has to begin.
macro_rules! first_from {
    ($rank:literal) => {
        concat!(
            "coalesce((SELECT q.due_at FROM job_queue q WHERE q.org_id = s.org_id AND q.lane = s.lane AND q.rank = ",
            $rank,
            " AND q.lease IS NULL AND q.due_at >= s.from_",
            $rank,
            " ORDER BY q.due_at LIMIT 1), 9223372036854775807) AS first_",
            $rank
        )
    };
}

pub(super) const AT_ONCE: &str = concat!(
    "WITH served AS MATERIALIZED (
           SELECT s.org_id, s.lane, s.after, ",
    first_from!("0"),
    ", ",
    first_from!("1"),
    ", ",
    first_from!("2"),
    ", CASE WHEN s.after > 0 THEN (SELECT min(q.lease_until) FROM job_queue q
             WHERE q.org_id = s.org_id AND q.lane = s.lane AND q.lease IS NOT NULL) END AS first_lease
           FROM unnest($1::uuid[], $2::text[], $3::bigint[], $6::bigint[], $7::bigint[], $8::bigint[])
             AS s (org_id, lane, after, from_0, from_1, from_2))
         UPDATE job_lane l SET served = $4, from_0 = least(first_0, $5), from_1 = least(first_1, $5),
           from_2 = least(first_2, $5), wake_at = CASE served.after WHEN 0 THEN l.wake_at
             WHEN 1 THEN least(coalesce(first_lease, 9223372036854775807), first_0, first_1, first_2)
             ELSE coalesce(first_lease, l.wake_at) END
         FROM served WHERE l.org_id = served.org_id AND l.lane = served.lane"
);

/// The same of all lanes on PostgreSQL, and from where on the next claim looks in them. A statement of its own after the claim:
/// what somebody made due who held a lane before us is seen by it, and who comes after us finds what we wrote. It locks no job,
/// so that one which somebody else holds at the moment (to cancel it, perhaps in vain) is not passed over for good.
pub(super) async fn mark_at_once(tx: &mut Tx, lanes: &[Lane], wish: &ClaimJobs) -> Result<(), StorageError> {
    if lanes.is_empty() {
        return Ok(());
    }
    let Tx::Postgres(tx) = tx else { return Ok(()) };
    let orgs: Vec<Uuid> = lanes.iter().map(|lane| lane.org).collect();
    let names: Vec<&str> = lanes.iter().map(|lane| lane.name.as_str()).collect();
    let afters: Vec<i64> = lanes.iter().map(|lane| lane.after() as i64).collect();
    let [high, normal, low] = share::from_each(lanes);
    let within = tx.patience();
    let connection = tx.connection().await?;
    let marking = sqlx::query(crate::tx::text(AT_ONCE))
        .bind(orgs)
        .bind(names)
        .bind(afters)
        .bind(wish.turn)
        .bind(wish.now.timestamp_micros())
        .bind(high)
        .bind(normal)
        .bind(low)
        .execute(connection);
    let marked = crate::postgres::answered(within, marking).await;
    tx.note(marked).map(drop)
}
