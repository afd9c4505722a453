//! One hub's way to the queue of jobs, without the hub: claims, and the journal that settles what was claimed. The jobs do
//! nothing, so that the figures are the queue's own.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use patchbay_model::{Clock as _, JobId, OrgId, RunId, SystemClock, SystemRandom, job::NewJob};
use patchbay_storage::{ClaimJobs, ClaimedJob, Database, DatabaseUrl, JobEnd, JobOutcome, Journal, RunCommit};

use crate::{rows, stats::Samples};

pub(crate) const PLUGIN: &str = "bench";
/// Jobs that one claim takes.
pub(crate) const CLAIMED_AT_ONCE: u32 = 100;
/// Claims of one node that are settled side by side: while one is, the next is taken.
pub(crate) const WORKERS: usize = 2;
/// How long to wait when there is nothing to do.
const PAUSE: Duration = Duration::from_millis(5);

pub(crate) struct Node {
    pub(crate) database: Database,
    pub(crate) journal: Journal,
    turn: AtomicI64,
}

/// What all nodes see.
#[derive(Default)]
pub(crate) struct Tally {
    /// Jobs that were done, but for those of the quiet organization.
    pub(crate) done: AtomicU64,
    pub(crate) stop: AtomicBool,
    waited: Mutex<Samples>,
}

impl Tally {
    /// How long jobs of the quiet organization have waited since this was asked before.
    pub(crate) fn take_waited(&self) -> Samples {
        std::mem::take(&mut *self.waited.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Node {
    pub(crate) async fn open(url: &DatabaseUrl) -> anyhow::Result<Arc<Self>> {
        let database = Database::open(url).await?;
        database.migrate().await?;
        let journal = Journal::start(database.clone());
        Ok(Arc::new(Self { database, journal, turn: AtomicI64::new(0) }))
    }

    pub(crate) async fn close(&self) {
        self.journal.shutdown().await;
        self.database.close().await;
    }

    /// Greater than each before, and about the present time.
    fn next_turn(&self, now: i64) -> i64 {
        let next = |last: i64| Some(now.max(last.saturating_add(1)));
        let last = self.turn.fetch_update(Ordering::SeqCst, Ordering::SeqCst, next).unwrap_or_else(|last| last);
        now.max(last.saturating_add(1))
    }

    async fn claim(&self) -> anyhow::Result<(Vec<ClaimedJob>, uuid::Uuid)> {
        let now = SystemClock.now();
        let turn = self.next_turn(now.timestamp_micros());
        let lease = RunId::new(&SystemClock, &SystemRandom).0;
        let wish = ClaimJobs {
            now,
            until: now + Duration::from_secs(30),
            lease,
            limit: CLAIMED_AT_ONCE,
            lane_cap: CLAIMED_AT_ONCE * 4,
            served_before: turn,
            turn,
        };
        let mut tx = self.database.begin().await?;
        let claims = tx.hub().claim_jobs(&wish).await?;
        tx.commit().await?;
        Ok((claims.jobs, lease))
    }

    /// Does jobs until it is told to stop.
    pub(crate) async fn work(self: Arc<Self>, tally: Arc<Tally>, quiet: OrgId) -> anyhow::Result<()> {
        while !tally.stop.load(Ordering::SeqCst) {
            let (jobs, lease) = self.claim().await?;
            if jobs.is_empty() {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            for job in jobs.iter().filter(|job| job.org == quiet) {
                let waited = (SystemClock.now() - job.due_at).to_std().unwrap_or_default();
                tally.waited.lock().unwrap_or_else(PoisonError::into_inner).push(waited);
            }
            let mut settling = Vec::with_capacity(jobs.len());
            for job in &jobs {
                settling.push(self.journal.commit(done(job, lease)?));
            }
            futures::future::try_join_all(settling).await?;
            let counted = jobs.iter().filter(|job| job.org != quiet).count();
            tally.done.fetch_add(counted as u64, Ordering::SeqCst);
        }
        Ok(())
    }
}

/// A job of a plugin's, due now.
pub(crate) fn job(plugin: &str, kind: &str, payload: &str) -> anyhow::Result<NewJob> {
    let id = JobId::new(&SystemClock, &SystemRandom);
    Ok(NewJob::task(id, plugin.parse()?, kind.to_owned(), payload.to_owned(), SystemClock.now()))
}

fn done(job: &ClaimedJob, lease: uuid::Uuid) -> anyhow::Result<RunCommit> {
    let at = SystemClock.now();
    let end = JobEnd::Done(None);
    let outcome = JobOutcome { id: job.id, lease, attempts: 0, run: None, started_at: at, at, end };
    Ok(RunCommit { job: Some(outcome), ..rows::commit(job.org, PLUGIN)? })
}
