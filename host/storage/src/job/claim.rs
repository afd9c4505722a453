//! Taking up jobs: fairly, many at once, and each by one hub.
//!
//! Lanes take turns, the one that was served longest ago first; what they are given room for is shared among those that are
//! served together, and within a lane priorities go first, then what has been due longest. So an organization with a hundred
//! thousand jobs delays another one's by a turn.
//!
//! What a claim costs does not depend on how many jobs wait: it reads the first entries of an index, and of what runs as many as
//! may. Which index that takes is not left to the planner (`plans.rs` looks at the plans). On SQLite, which keeps no statistics
//! here, it is named; on PostgreSQL a plan may be as old as the last count of rows, so that the transaction forbids reading whole
//! tables. There a job that was taken or done also stays in the index until the vacuum, which an old snapshot keeps waiting: so a
//! lane remembers for each rank from where on something waits, and a claim begins there. What is held is in another index, and
//! what was held by a hub that is gone is put back first. (Counting what runs steps over what ran since the last vacuum. The server
//! drops most of those entries as their pages fill, but none that an old snapshot may still see.)
//!
//! On PostgreSQL lanes and jobs that another hub is taking are passed over (`SKIP LOCKED`): a claim waits for nobody. On SQLite
//! there is one writer.

#[cfg(test)]
mod plans;
mod room;
mod share;
mod turn;

use patchbay_model::{JobId, OrgId, Timestamp};
use uuid::Uuid;

use self::share::{Lane, shared_out};
use crate::{StorageError, Tx, column::time, postgres::Scope};

/// A wish for work.
#[derive(Debug, Clone, Copy)]
pub struct ClaimJobs {
    /// What is due by now.
    pub now: Timestamp,
    /// Until when it is held, unless that is prolonged.
    pub until: Timestamp,
    /// What it is held with: another one for each claim.
    pub lease: Uuid,
    /// At most so many jobs.
    pub limit: u32,
    /// At most so many of a lane run at once, and fewer if it says so itself.
    pub lane_cap: u32,
    /// Only lanes that were last served before this.
    pub served_before: i64,
    /// What a lane is marked with that is served now: greater than with any claim before, and not less than `served_before`.
    pub turn: i64,
}

/// What was claimed.
#[derive(Debug, Default)]
pub struct Claims {
    /// The jobs.
    pub jobs: Vec<ClaimedJob>,
    /// How many lanes were looked at. None: there is no lane left with something to do.
    pub lanes: usize,
    /// False if no other lane waits for its turn, as far as it is known: those that another hub is serving were passed over.
    pub more: bool,
}

/// A job that is ours until its lease ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedJob {
    /// Whose it is.
    pub org: OrgId,
    /// Which.
    pub id: JobId,
    /// Its lane.
    pub lane: String,
    /// Tries of its step, this one included.
    pub attempts: u32,
    /// Those of them of which nothing came to be known: whoever held the job is gone.
    pub lost: u32,
    /// Since when it was due.
    pub due_at: Timestamp,
}

type JobRow = (Uuid, Uuid, String, i64, i64, i64);

pub(crate) async fn claim(tx: &mut Tx, wish: &ClaimJobs) -> Result<Claims, StorageError> {
    if let Tx::Postgres(tx) = tx {
        tx.speak_for(Scope::HubBulk);
    }
    let rows = room::of_lanes(tx, wish).await?;
    let most = usize::try_from(room::LANES.min(wish.limit.saturating_add(1))).unwrap_or(usize::MAX);
    let more = rows.len() >= most;
    let mut lanes = shared_out(rows, i64::from(wish.limit));
    let found = match tx {
        Tx::Sqlite(_) => claim_lane_by_lane(tx, wish, &lanes).await?,
        Tx::Postgres(_) => claim_at_once(tx, wish, &lanes).await?,
    };
    let mut claims = Claims { jobs: Vec::with_capacity(found.len()), lanes: lanes.len(), more };
    for (org, id, lane, attempts, held, due_at) in found {
        if let Some(served) = lanes.iter_mut().find(|served| served.org == org && served.name == lane) {
            served.taken += 1;
        }
        let small = |number: i64| u32::try_from(number).map_err(|_| StorageError::corrupt("a number of job_queue"));
        let (attempts, lost) = (small(attempts)?, small(held - 1)?);
        claims.jobs.push(ClaimedJob { org: OrgId(org), id: JobId(id), lane, attempts, lost, due_at: time(due_at)? });
    }
    match tx {
        Tx::Sqlite(_) => {
            for lane in &lanes {
                turn::mark(tx, lane, wish.turn).await?;
            }
        }
        Tx::Postgres(_) => turn::mark_at_once(tx, &lanes, wish).await?,
    }
    Ok(claims)
}

macro_rules! first_of_rank {
    ($rank:literal, $lock:literal) => {
        concat!(
            "SELECT * FROM (SELECT q.job_id FROM job_queue q WHERE q.org_id = l.org_id AND q.lane = l.lane AND q.rank = ",
            $rank,
            " AND q.lease IS NULL AND q.due_at >= l.from_",
            $rank,
            " AND q.due_at <= $5 ORDER BY q.due_at, q.job_id LIMIT l.share",
            $lock,
            ") AS rank",
            $rank
        )
    };
}

/// Each rank by itself: of one order over all of them the first would be known only once all are read.
const AT_ONCE: &str = concat!(
    "WITH taken AS (
           SELECT l.org_id, first.job_id
           FROM unnest($1::uuid[], $2::text[], $3::bigint[], $7::bigint[], $8::bigint[], $9::bigint[])
             AS l (org_id, lane, share, from_0, from_1, from_2)
           CROSS JOIN LATERAL (SELECT * FROM (",
    first_of_rank!("0", " FOR UPDATE SKIP LOCKED"),
    " UNION ALL ",
    first_of_rank!("1", " FOR UPDATE SKIP LOCKED"),
    " UNION ALL ",
    first_of_rank!("2", " FOR UPDATE SKIP LOCKED"),
    ") AS ranks LIMIT l.share) AS first)
         UPDATE job_queue SET lease = $4, lease_until = $6, attempts = job_queue.attempts + 1,
           claims = job_queue.claims + 1
         FROM taken WHERE job_queue.org_id = taken.org_id AND job_queue.job_id = taken.job_id
         RETURNING job_queue.org_id, job_queue.job_id, job_queue.lane, job_queue.attempts, job_queue.claims,
           job_queue.due_at"
);

/// One statement for all lanes.
async fn claim_at_once(tx: &mut Tx, wish: &ClaimJobs, lanes: &[Lane]) -> Result<Vec<JobRow>, StorageError> {
    if lanes.is_empty() {
        return Ok(Vec::new());
    }
    let Tx::Postgres(tx) = tx else { return Ok(Vec::new()) };
    let orgs: Vec<Uuid> = lanes.iter().map(|lane| lane.org).collect();
    let names: Vec<&str> = lanes.iter().map(|lane| lane.name.as_str()).collect();
    let shares: Vec<i64> = lanes.iter().map(|lane| lane.share).collect();
    let [high, normal, low] = share::from_each(lanes);
    let within = tx.patience();
    let connection = tx.connection().await?;
    let claiming = sqlx::query_as(crate::tx::text(AT_ONCE))
        .bind(orgs)
        .bind(names)
        .bind(shares)
        .bind(wish.lease)
        .bind(wish.now.timestamp_micros())
        .bind(wish.until.timestamp_micros())
        .bind(high)
        .bind(normal)
        .bind(low)
        .fetch_all(connection);
    let claimed = crate::postgres::answered(within, claiming).await;
    tx.note(claimed)
}

/// What was held under a lease that has ended is in the same index: few run, and are passed over.
const OF_LANE: &str = "UPDATE job_queue SET lease = $4, lease_until = $6, attempts = attempts + 1, claims = claims + 1
     WHERE org_id = $1 AND job_id IN (SELECT job_id FROM (
       SELECT * FROM (SELECT job_id FROM job_queue WHERE org_id = $1 AND lane = $2 AND rank = 0 AND due_at <= $5
         AND lease_until <= $5 ORDER BY due_at, job_id LIMIT $3)
       UNION ALL
       SELECT * FROM (SELECT job_id FROM job_queue WHERE org_id = $1 AND lane = $2 AND rank = 1 AND due_at <= $5
         AND lease_until <= $5 ORDER BY due_at, job_id LIMIT $3)
       UNION ALL
       SELECT * FROM (SELECT job_id FROM job_queue WHERE org_id = $1 AND lane = $2 AND rank = 2 AND due_at <= $5
         AND lease_until <= $5 ORDER BY due_at, job_id LIMIT $3)
       LIMIT $3))
     RETURNING org_id, job_id, lane, attempts, claims, due_at";

/// A statement for each lane: there is no other writer, and no way to the network.
async fn claim_lane_by_lane(tx: &mut Tx, wish: &ClaimJobs, lanes: &[Lane]) -> Result<Vec<JobRow>, StorageError> {
    let mut claimed = Vec::new();
    for lane in lanes.iter().filter(|lane| lane.share > 0) {
        claimed.extend(fetch_all!(
            tx,
            JobRow,
            OF_LANE,
            lane.org,
            &lane.name,
            lane.share,
            wish.lease,
            wish.now.timestamp_micros(),
            wish.until.timestamp_micros(),
        )?);
    }
    Ok(claimed)
}
