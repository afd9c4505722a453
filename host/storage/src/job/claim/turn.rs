//! That a lane has had its turn, and when it is to be looked at again.

use uuid::Uuid;

use super::share::{After, Lane};
use crate::{StorageError, Tx};

/// When a lane wakes that has nothing which is due: with the first that will be, or with the first lease that ends.
macro_rules! first_due {
    ($least:literal, $org:literal, $lane:literal) => {
        concat!(
            $least,
            "(coalesce(",
            first_lease!($org, $lane),
            ", 9223372036854775807), ",
            first_of!("0", $org, $lane),
            ", ",
            first_of!("1", $org, $lane),
            ", ",
            first_of!("2", $org, $lane),
            ")"
        )
    };
}

macro_rules! first_of {
    ($rank:literal, $org:literal, $lane:literal) => {
        concat!(
            "coalesce((SELECT q.due_at FROM job_queue q WHERE q.org_id = ",
            $org,
            " AND q.lane = ",
            $lane,
            " AND q.rank = ",
            $rank,
            " AND q.lease IS NULL ORDER BY q.due_at LIMIT 1), 9223372036854775807)"
        )
    };
}

/// A hub that is gone settles nothing, but its leases end.
macro_rules! first_lease {
    ($org:literal, $lane:literal) => {
        concat!(
            "(SELECT min(q.lease_until) FROM job_queue q WHERE q.org_id = ",
            $org,
            " AND q.lane = ",
            $lane,
            " AND q.lease IS NOT NULL)"
        )
    };
}

/// Marks a lane as served, and says when to look at it again.
pub(super) async fn mark(tx: &mut Tx, lane: &Lane, turn: i64) -> Result<(), StorageError> {
    match lane.after() {
        After::MoreToDo => {
            execute!(tx, "UPDATE job_lane SET served = $3 WHERE org_id = $1 AND lane = $2", lane.org, &lane.name, turn,)?
        }
        After::Full => execute!(
            tx,
            concat!(
                "UPDATE job_lane SET served = $3, wake_at = coalesce(",
                first_lease!("$1", "$2"),
                ", wake_at) WHERE org_id = $1 AND lane = $2"
            ),
            lane.org,
            &lane.name,
            turn,
        )?,
        After::Drained => execute!(
            tx,
            concat!(
                "UPDATE job_lane SET served = $3, wake_at = ",
                first_due!("min", "$1", "$2"),
                " WHERE org_id = $1 AND lane = $2"
            ),
            lane.org,
            &lane.name,
            turn,
        )?,
    };
    Ok(())
}

/// The same of all lanes. A statement of its own after the claim: what somebody made due who held a lane before us is seen by
/// it, and who comes after us finds what we wrote.
pub(super) async fn mark_at_once(tx: &mut Tx, lanes: &[Lane], turn: i64) -> Result<(), StorageError> {
    if lanes.is_empty() {
        return Ok(());
    }
    let Tx::Postgres(tx) = tx else { return Ok(()) };
    let orgs: Vec<Uuid> = lanes.iter().map(|lane| lane.org).collect();
    let names: Vec<&str> = lanes.iter().map(|lane| lane.name.as_str()).collect();
    let afters: Vec<i64> = lanes.iter().map(|lane| lane.after() as i64).collect();
    let within = tx.patience();
    let connection = tx.connection().await?;
    let marking = sqlx::query(crate::tx::text(concat!(
        "UPDATE job_lane l SET served = $4, wake_at = CASE served.after WHEN 0 THEN l.wake_at
           WHEN 1 THEN ",
        first_due!("least", "l.org_id", "l.lane"),
        " ELSE coalesce(",
        first_lease!("l.org_id", "l.lane"),
        ", l.wake_at) END
         FROM unnest($1::uuid[], $2::text[], $3::bigint[]) AS served (org_id, lane, after)
         WHERE l.org_id = served.org_id AND l.lane = served.lane"
    )))
    .bind(orgs)
    .bind(names)
    .bind(afters)
    .bind(turn)
    .execute(connection);
    let marked = crate::postgres::answered(within, marking).await;
    tx.note(marked).map(drop)
}
