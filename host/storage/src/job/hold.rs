//! Holding on to jobs that were taken up, letting go of them, and what the queue as a whole looks like.

use patchbay_model::{JobId, OrgId, Timestamp};
use uuid::Uuid;

use super::lane::NEVER;
use crate::{
    StorageError, Tx,
    column::{time, unsigned},
};

/// A job that is being worked on, and what it is held with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// Whose it is.
    pub org: OrgId,
    /// Which.
    pub id: JobId,
    /// What it was taken with.
    pub lease: Uuid,
}

/// Prolongs what is held, and gives what somebody does not want any more.
pub(crate) async fn prolong(tx: &mut Tx, held: &[Held], until: Timestamp) -> Result<Vec<JobId>, StorageError> {
    let until = until.timestamp_micros();
    let mut unwanted = Vec::new();
    // in the order in which journals take them that settle many: else each could wait for the other
    let mut in_order: Vec<&Held> = held.iter().collect();
    in_order.sort_unstable_by_key(|held| (held.org, held.id));
    for held in in_order {
        let found = fetch_optional!(
            tx,
            (bool,),
            "UPDATE job_queue SET lease_until = $4 WHERE org_id = $1 AND job_id = $2 AND lease IS NOT DISTINCT FROM $3
             RETURNING unwanted",
            held.org.0,
            held.id.0,
            held.lease,
            until,
        )?;
        if found == Some((true,)) {
            unwanted.push(held.id);
        }
    }
    Ok(unwanted)
}

/// When the first lane is to be looked at.
pub(crate) async fn next_at(tx: &mut Tx) -> Result<Option<Timestamp>, StorageError> {
    let found = fetch_optional!(tx, (Option<i64>,), "SELECT min(wake_at) FROM job_lane WHERE wake_at < $1", NEVER)?;
    found.and_then(|(at,)| at).map(time).transpose()
}

/// Lets go of everything that is held, and gives how many jobs that were. Only for a hub that has its database to itself and
/// has just begun: nobody else can be at work on them.
pub(crate) async fn let_go(tx: &mut Tx, now: Timestamp) -> Result<u64, StorageError> {
    let freed = execute!(tx, "UPDATE job_queue SET lease = NULL, lease_until = 0 WHERE lease IS NOT NULL")?;
    if freed > 0 {
        execute!(
            tx,
            {
                sqlite: "UPDATE job_lane SET wake_at = $1 WHERE wake_at > $1",
                postgres: "UPDATE job_lane SET wake_at = least(wake_at, $1), from_0 = 0, from_1 = 0, from_2 = 0",
            },
            now.timestamp_micros(),
        )?;
    }
    Ok(freed)
}

/// How many jobs wait or run, over all orgs.
pub(crate) async fn backlog(tx: &mut Tx) -> Result<u64, StorageError> {
    let found = fetch_optional!(tx, (i64,), "SELECT count(*) FROM job_queue")?;
    Ok(found.map_or(0, |(count,)| unsigned(count)))
}
