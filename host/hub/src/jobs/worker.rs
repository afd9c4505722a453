//! The worker: takes up jobs whose time and turn has come.
//!
//! It is woken when a job becomes due here, and looks by itself for what other hubs left to it: each second on a database that
//! several share, for then nobody tells it. Rejected: `NOTIFY` for each job, which makes all commits of a server wait for each
//! other.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    sync::atomic::Ordering,
    time::Duration,
};

use patchbay_model::{Failure, JobId, OrgId, Timestamp, job::Job};
use patchbay_storage::{ClaimJobs, ClaimedJob, Claims, Held};
use tokio::sync::OwnedSemaphorePermit;
use uuid::Uuid;

use super::{LEASE, heartbeat};
use crate::{
    hub::{Hub, Inner},
    idempotency::node::new_uuid,
};

/// How often to look without being told, on a database that other hubs share.
const LOOK_AMONG_SEVERAL: Duration = Duration::from_secs(1);
/// The same of a hub that is alone.
const LOOK: Duration = Duration::from_secs(30);
/// How long to wait at least where something is due that cannot be taken up: another hub holds its lane at the moment, or has
/// served it by a clock that is ahead of ours.
const BREATH: Duration = Duration::from_millis(10);
/// How long to wait after the database failed.
const AFTER_FAILURE: Duration = Duration::from_secs(5);
/// Jobs that one statement takes up.
const BATCH: usize = 100;

/// Starts the worker. It ends with the hub.
pub(crate) fn start(hub: &Hub) {
    heartbeat::start(hub);
    let (weak, stop, wake) = (hub.downgrade(), hub.0.stop.clone(), Arc::clone(&hub.0.jobs.wake));
    tokio::spawn(async move {
        let mut has_begun = false;
        loop {
            let Some(hub) = weak.upgrade().map(Hub) else { return };
            // not broken off, for what it has claimed would be nobody's: it sees by itself that the hub stops
            let wait = match hub.look(&mut has_begun).await {
                Ok(()) => hub.0.until_next_job(),
                Err(_) if stop.is_cancelled() => return,
                Err(failure) => {
                    tracing::warn!(error = %failure, "due jobs were not taken up");
                    AFTER_FAILURE
                }
            };
            drop(hub);
            // either way it is time to look again
            let woken = stop.run_until_cancelled(tokio::time::timeout(wait, wake.notified())).await;
            if woken.is_none() {
                return;
            }
        }
    });
}

impl Hub {
    async fn look(&self, has_begun: &mut bool) -> Result<(), Failure> {
        if !*has_begun {
            self.0.let_go_of_jobs().await?;
            *has_begun = true;
        }
        self.start_due_jobs().await.map(drop)
    }

    /// Does what is due now and what that makes due, waits for it, and gives how many steps that were. The worker does the same
    /// by itself: this is for tests and operators who do not want to wait for it.
    pub async fn work_due_jobs(&self) -> Result<usize, Failure> {
        let mut steps = 0;
        let underway = &self.0.jobs.underway;
        loop {
            // what the worker has taken up may make something due after the look at it
            let ended = underway.ended();
            let started = self.start_due_jobs().await?;
            underway.idle().await;
            if started == 0 && underway.ended() == ended {
                return Ok(steps);
            }
            steps += started;
        }
    }

    /// Takes up jobs until there is none whose time has come, as fast as there is room for them.
    async fn start_due_jobs(&self) -> Result<usize, Failure> {
        let hub = &*self.0;
        hub.jobs.next_due.store(i64::MAX, Ordering::SeqCst);
        let mut started = 0;
        loop {
            // each lane is served once before any is served twice
            let round = hub.jobs.next_turn(hub.clock.now());
            let mut taken = 0;
            loop {
                let permit = Arc::clone(&hub.jobs.permits).acquire_owned();
                let Some(first) = hub.stop.run_until_cancelled(permit).await else { return Ok(started) };
                let first = first.map_err(Failure::internal)?;
                // A hub that stops waits until what is claimed here has begun, and then for its steps: nobody else could
                // take them up before their lease ends. In this order: once it has stopped, nothing is claimed.
                let _token = hub.work.token();
                // and whoever waits until nothing is underway waits for what was claimed and has not begun
                let _claiming = hub.jobs.underway.claim();
                hub.running()?;
                // A look costs no writer; and while it lasts more of what was settled together give their room back, so that a
                // claim under load is for many.
                if hub.next_job_at().await?.is_none_or(|next| next > hub.clock.now()) {
                    break;
                }
                let permits = hub.more_permits(first);
                let (claims, lease) = hub.claim(permits.len(), round).await?;
                if claims.lanes == 0 {
                    break;
                }
                taken += claims.jobs.len();
                let mut known = hub.read_claimed(&claims.jobs).await.unwrap_or_else(|failure| {
                    tracing::warn!(error = %failure, "jobs were not read together: each is read by itself");
                    HashMap::new()
                });
                for (job, permit) in claims.jobs.into_iter().zip(permits) {
                    let read = known.remove(&job.id);
                    self.start_step(job, read, lease, permit);
                }
                if !claims.more {
                    // to ask once more would be a transaction to be told so
                    break;
                }
            }
            if taken == 0 {
                if let Some(next) = hub.next_job_at().await? {
                    hub.jobs.next_due.fetch_min(next.timestamp_micros(), Ordering::SeqCst);
                }
                return Ok(started);
            }
            started += taken;
        }
    }

    fn start_step(&self, job: ClaimedJob, read: Option<Job>, lease: Uuid, permit: OwnedSemaphorePermit) {
        let working = self.0.jobs.underway.begin(Held { org: job.org, id: job.id, lease });
        let hub = self.clone();
        self.0.start_behind(async move {
            hub.do_step(&job, read, &working).await;
            drop(working);
            drop(permit);
            // its lane may have room for another one
            hub.0.jobs.due_at(hub.0.clock.now());
        });
    }
}

impl Inner {
    /// The room that there is now beside that for one job.
    fn more_permits(&self, first: OwnedSemaphorePermit) -> Vec<OwnedSemaphorePermit> {
        let mut taken = vec![first];
        while taken.len() < BATCH
            && let Ok(another) = Arc::clone(&self.jobs.permits).try_acquire_owned()
        {
            taken.push(another);
        }
        taken
    }

    async fn claim(&self, limit: usize, round: i64) -> Result<(Claims, Uuid), Failure> {
        let now = self.clock.now();
        let lease = new_uuid(&*self.clock, &*self.random);
        let wish = ClaimJobs {
            now,
            until: now + LEASE,
            lease,
            limit: u32::try_from(limit).unwrap_or(u32::MAX),
            lane_cap: self.jobs.lane_cap,
            served_before: round,
            turn: self.jobs.next_turn(now),
        };
        let mut tx = self.database.begin().await?;
        let claims = tx.hub().claim_jobs(&wish).await?;
        tx.commit().await?;
        Ok((claims, lease))
    }

    /// What was claimed, with one statement for each org: a transaction for each job would be more than what many steps write.
    async fn read_claimed(&self, claimed: &[ClaimedJob]) -> Result<HashMap<JobId, Job>, Failure> {
        let mut ids: BTreeMap<OrgId, Vec<JobId>> = BTreeMap::new();
        for job in claimed {
            ids.entry(job.org).or_default().push(job.id);
        }
        let mut known = HashMap::with_capacity(claimed.len());
        let mut tx = self.database.read().await?;
        for (org, ids) in ids {
            known.extend(tx.org(org).jobs().get_all(&ids).await?.into_iter().map(|job| (job.id, job)));
        }
        Ok(known)
    }

    async fn next_job_at(&self) -> Result<Option<Timestamp>, Failure> {
        let mut tx = self.database.read().await?;
        Ok(tx.hub().next_job_at().await?)
    }

    /// A hub that has its database to itself was the one who held what is held.
    async fn let_go_of_jobs(&self) -> Result<(), Failure> {
        if self.database.is_shared() {
            return Ok(());
        }
        let mut tx = self.database.begin().await?;
        let freed = tx.hub().let_go_of_jobs(self.clock.now()).await?;
        tx.commit().await?;
        if freed > 0 {
            tracing::info!(jobs = freed, "jobs are taken up again that ran when the hub ended");
        }
        Ok(())
    }

    fn until_next_job(&self) -> Duration {
        let due = self.jobs.next_due.load(Ordering::SeqCst);
        let micros = due.saturating_sub(self.clock.now().timestamp_micros());
        let look = if self.database.is_shared() { LOOK_AMONG_SEVERAL } else { LOOK };
        Duration::from_micros(u64::try_from(micros).unwrap_or(0)).clamp(BREATH, look)
    }
}
