//! The queue of durable work: taken by one at a time, in turns, and settled once.

mod schedules;
mod turns;

use std::collections::BTreeSet;

use chrono::Duration;
use patchbay_model::{
    JobId, OrgId, ScheduleId, Timestamp,
    identity::Actor,
    job::{Job, JobCaller, JobKind, JobStatus, NewJob, Tick},
};
use patchbay_storage::{
    Cancelled, ClaimJobs, ClaimedJob, Claims, Committed, Database, Held, JobEnd, JobFilter, JobOutcome,
};
use uuid::Uuid;

use crate::{Store, store::plugin};

pub use schedules::*;
pub use turns::*;

/// Long enough for every test.
const LEASE: Duration = Duration::seconds(30);

impl Store {
    pub fn task(&self, of: &str) -> NewJob {
        let id = JobId::new(&self.clock, &self.random);
        NewJob::task(id, plugin(of), "sync".to_owned(), r#"{"n":1}"#.to_owned(), self.now())
    }

    async fn enqueue(&self, org: OrgId, jobs: &[NewJob]) -> Vec<bool> {
        let mut tx = self.database.begin().await.unwrap();
        let made = tx.org(org).jobs().enqueue(jobs).await.unwrap();
        tx.commit().await.unwrap();
        made
    }

    async fn enqueue_tasks(&self, org: OrgId, of: &str, number: usize) -> Vec<JobId> {
        let jobs: Vec<_> = (0..number).map(|_| self.task(of)).collect();
        self.enqueue(org, &jobs).await;
        jobs.iter().map(|job| job.id).collect()
    }

    async fn claim(&self, limit: u32, served_before: i64, turn: i64) -> Claims {
        claim_on(&self.database, self.now(), limit, served_before, turn).await
    }

    /// All that can be taken now.
    async fn claim_all(&self) -> Vec<ClaimedJob> {
        let (mut all, mut turn) = (Vec::new(), self.now().timestamp_micros());
        loop {
            turn += 1;
            let claims = self.claim(100, turn, turn).await;
            if claims.jobs.is_empty() {
                return all;
            }
            all.extend(claims.jobs);
        }
    }

    async fn job(&self, org: OrgId, id: JobId) -> Job {
        let mut tx = self.database.read().await.unwrap();
        tx.org(org).jobs().get(id).await.unwrap().unwrap()
    }

    fn outcome(&self, id: JobId, turn: i64, end: JobEnd) -> JobOutcome {
        JobOutcome { id, lease: lease(turn), attempts: 1, run: None, started_at: self.now(), at: self.now(), end }
    }

    async fn settle(&self, org: OrgId, outcome: &JobOutcome) -> bool {
        let mut tx = self.database.begin().await.unwrap();
        let settled = tx.org(org).jobs().settle(outcome).await.unwrap();
        tx.commit().await.unwrap();
        settled
    }
}

/// What a claim of this turn holds its jobs with.
fn lease(turn: i64) -> Uuid {
    Uuid::from_u128(u128::try_from(turn).unwrap())
}

async fn claim_on(database: &Database, now: Timestamp, limit: u32, served_before: i64, turn: i64) -> Claims {
    let wish = ClaimJobs { now, until: now + LEASE, lease: lease(turn), limit, lane_cap: 1_000, served_before, turn };
    let mut tx = database.begin().await.unwrap();
    let claims = tx.hub().claim_jobs(&wish).await.unwrap();
    tx.commit().await.unwrap();
    claims
}

pub async fn a_job_is_read_back_as_it_was_made(store: Store) {
    let permissions = patchbay_model::Permissions::ALL;
    let caller = JobCaller { actor: Actor::Operator, permissions, spends_as: None };
    let tick = Tick { schedule: ScheduleId(Uuid::from_u128(5)), at: store.now() };
    let id = JobId::new(&store.clock, &store.random);
    let input = "{\"text\":\"a\u{1}b\\u0000é\",\"n\":1.50}".to_owned();
    let new = NewJob {
        timeout_ms: Some(5_000),
        key: Some("k\u{0}".to_owned()),
        schedule: Some(tick),
        hops: 3,
        ..NewJob::action(id, plugin("openai"), "run".to_owned(), input.clone(), caller, store.now())
    };
    assert_eq!(store.enqueue(store.ours, std::slice::from_ref(&new)).await, [true]);
    let job = store.job(store.ours, id).await;
    assert_eq!((job.kind, job.status, job.payload), (JobKind::Action, JobStatus::Queued, input));
    assert_eq!((job.caller, job.key, job.schedule, job.timeout_ms), (Some(caller), new.key, Some(tick), Some(5_000)));
    assert_eq!((job.due_at, job.created_at, job.attempts, job.hops), (Some(store.now()), store.now(), 0, 3));

    let job = store.job(store.ours, id).await;
    let ids = [id, JobId(Uuid::from_u128(1))];
    let mut tx = store.database.read().await.unwrap();
    assert_eq!(tx.org(store.ours).jobs().get_all(&ids).await.unwrap(), [job], "together with others");
    assert_eq!(tx.org(store.theirs).jobs().get_all(&ids).await.unwrap(), []);
}

pub async fn an_org_does_not_see_anothers_jobs(store: Store) {
    let ids = store.enqueue_tasks(store.ours, "openai", 2).await;
    let mut tx = store.database.begin().await.unwrap();
    let mut theirs = tx.org(store.theirs);
    assert_eq!(theirs.jobs().get(ids[0]).await.unwrap(), None);
    let filter = JobFilter { limit: 10, ..JobFilter::default() };
    assert_eq!(theirs.jobs().list(&filter).await.unwrap(), []);
    assert_eq!(theirs.jobs().cancel(ids[0], store.now()).await.unwrap(), None);
    assert!(!theirs.jobs().redrive(ids[0], store.now()).await.unwrap());
    assert!(!theirs.jobs().settle(&store.outcome(ids[0], 1, JobEnd::Done(None))).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(store.claim_all().await.len(), 2);
}

pub async fn each_job_is_taken_by_one(store: Store) {
    for org in [store.ours, store.theirs] {
        store.enqueue_tasks(org, "openai", 200).await;
    }
    let now = store.now();
    let mut hubs = tokio::task::JoinSet::new();
    for hub in 0..4_i64 {
        let database = store.database.clone();
        hubs.spawn(async move {
            let (mut taken, mut turn, mut idle) = (Vec::new(), now.timestamp_micros() + hub, 0);
            // a lane that another one is taking from at the moment is passed over
            while idle < 20 {
                turn += 10;
                let claims = claim_on(&database, now, 16, turn, turn).await;
                idle = if claims.jobs.is_empty() { idle + 1 } else { 0 };
                taken.extend(claims.jobs.into_iter().map(|job| job.id));
                tokio::task::yield_now().await;
            }
            taken
        });
    }
    let taken: Vec<JobId> = hubs.join_all().await.into_iter().flatten().collect();
    let distinct: BTreeSet<_> = taken.iter().collect();
    assert_eq!((taken.len(), distinct.len()), (400, 400));
}

pub async fn a_lease_that_ends_lets_another_one_in_and_the_first_one_out(store: Store) {
    let id = store.enqueue_tasks(store.ours, "openai", 1).await[0];
    let first = store.claim(10, 1, 1).await;
    assert_eq!(first.jobs[0].attempts, 1);
    assert_eq!(store.job(store.ours, id).await.status, JobStatus::Running);
    store.clock.advance(LEASE - Duration::seconds(1));
    assert_eq!(store.claim(10, 2, 2).await.jobs, []);
    let held = Held { org: store.ours, id, lease: lease(1) };
    let mut tx = store.database.begin().await.unwrap();
    assert_eq!(tx.hub().prolong_jobs(&[held], store.now() + LEASE).await.unwrap(), []);
    tx.commit().await.unwrap();
    store.clock.advance(Duration::seconds(10));
    assert_eq!(store.claim(10, 3, 3).await.jobs, [], "it was prolonged");
    store.clock.advance(LEASE);
    let second = store.claim(10, 4, 4).await;
    assert_eq!(second.jobs[0].attempts, 2, "a try that came to nothing counts");
    assert!(!store.settle(store.ours, &store.outcome(id, 1, JobEnd::Done(None))).await, "the first one is too late");
    assert!(store.settle(store.ours, &store.outcome(id, 4, JobEnd::Done(Some("7".to_owned())))).await);
    let job = store.job(store.ours, id).await;
    assert_eq!((job.status, job.result.as_deref()), (JobStatus::Done, Some("7")));
}

pub async fn a_step_is_committed_with_its_run_or_not_at_all(store: Store) {
    let id = store.enqueue_tasks(store.ours, "openai", 1).await[0];
    let journal = store.journal();
    store.claim(10, 1, 1).await;
    let again = JobEnd::Again { cursor: "{\"page\":2}".to_owned(), progress: Some(250) };
    let mut commit = store.commit(store.ours);
    commit.events = vec![store.event(store.ours, "openai.step", None)];
    commit.job = Some(JobOutcome { attempts: 0, run: Some(commit.run.id), ..store.outcome(id, 1, again) });
    commit.jobs = vec![store.task("openai")];
    let run = commit.run.id;
    assert_eq!(journal.commit(commit).await.unwrap(), Committed::All);
    let job = store.job(store.ours, id).await;
    assert_eq!((job.status, job.cursor.as_deref()), (JobStatus::Queued, Some("{\"page\":2}")));
    assert_eq!((job.progress, job.attempts, job.run), (Some(250), 0, Some(run)));

    // a stale worker: the run is stored and tells why, and nothing else of it
    let mut stale = store.commit(store.ours);
    stale.events = vec![store.event(store.ours, "openai.step", None)];
    stale.job = Some(store.outcome(id, 1, JobEnd::Done(None)));
    stale.jobs = vec![store.task("openai")];
    let stale_run = stale.run.id;
    assert_eq!(journal.commit(stale).await.unwrap(), Committed::JobLost);
    let mut tx = store.database.read().await.unwrap();
    let mut ours = tx.org(store.ours);
    assert_eq!(ours.runs().get(stale_run).await.unwrap().unwrap().error_code.as_deref(), Some("conflict"));
    assert_eq!(ours.events().list(0, &[], 10).await.unwrap().len(), 1);
    let filter = JobFilter { limit: 10, ..JobFilter::default() };
    assert_eq!(ours.jobs().list(&filter).await.unwrap().len(), 2, "the job, and the one that its step made");
}

pub async fn of_two_workers_with_one_lease_one_settles(store: Store) {
    let id = store.enqueue_tasks(store.ours, "openai", 1).await[0];
    store.claim(10, 1, 1).await;
    let journal = store.journal();
    let commit = || {
        let mut commit = store.commit(store.ours);
        commit.job = Some(store.outcome(id, 1, JobEnd::Done(None)));
        commit
    };
    let (one, other) = tokio::join!(journal.commit(commit()), journal.commit(commit()));
    let ends = [one.unwrap(), other.unwrap()];
    assert_eq!(ends.iter().filter(|end| **end == Committed::All).count(), 1, "{ends:?}");
    assert_eq!(ends.iter().filter(|end| **end == Committed::JobLost).count(), 1, "{ends:?}");
}

pub async fn many_steps_are_settled_in_one_batch(store: Store) {
    let ids = store.enqueue_tasks(store.ours, "openai", 60).await;
    assert_eq!(store.claim(100, 1, 1).await.jobs.len(), 60);
    let journal = store.journal();
    let commits = ids.iter().enumerate().map(|(index, id)| {
        let end = match index % 3 {
            0 => JobEnd::Done(Some("null".to_owned())),
            1 => JobEnd::Later { due_at: store.later(60_000), error: Some(("timeout".to_owned(), "slow".to_owned())) },
            _ => JobEnd::Failed("invalid_input".to_owned(), "no".to_owned()),
        };
        let mut commit = store.commit(store.ours);
        commit.job = Some(store.outcome(*id, 1, end));
        journal.commit(commit)
    });
    for end in futures::future::join_all(commits).await {
        assert_eq!(end.unwrap(), Committed::All);
    }
    let mut tx = store.database.read().await.unwrap();
    let mut ours = tx.org(store.ours);
    for status in [JobStatus::Done, JobStatus::Queued, JobStatus::Failed] {
        let filter = JobFilter { status: Some(status), limit: 100, ..JobFilter::default() };
        assert_eq!(ours.jobs().list(&filter).await.unwrap().len(), 20, "{status:?}");
    }
    assert_eq!(tx.hub().job_backlog().await.unwrap(), 20);
    assert!(tx.hub().next_job_at().await.unwrap().unwrap() <= store.now(), "the lane has room");
    drop(tx);
    assert_eq!(store.claim_all().await, []);
    let mut tx = store.database.read().await.unwrap();
    assert!(
        tx.hub().next_job_at().await.unwrap().unwrap() > store.later(50_000),
        "the lane sleeps until the first is due"
    );
}

pub async fn a_key_makes_one_job_while_one_with_it_waits_or_runs(store: Store) {
    let with_key = |key: &str| NewJob { key: Some(key.to_owned()), ..store.task("openai") };
    let (first, second) = (with_key("a"), with_key("a"));
    assert_eq!(store.enqueue(store.ours, &[first.clone(), second.clone(), with_key("b")]).await, [true, false, true]);
    assert_eq!(store.enqueue(store.theirs, &[with_key("a")]).await, [true], "another org's is another one");
    let mut tx = store.database.read().await.unwrap();
    assert_eq!(tx.org(store.ours).jobs().waiting(&second).await.unwrap(), Some(first.id));
    drop(tx);
    store.claim(10, 1, 1).await;
    let mut commit = store.commit(store.ours);
    commit.jobs = vec![with_key("a"), with_key("c")];
    assert_eq!(store.journal().commit(commit).await.unwrap(), Committed::All);
    let filter = JobFilter { limit: 10, ..JobFilter::default() };
    let mut tx = store.database.read().await.unwrap();
    assert_eq!(tx.org(store.ours).jobs().list(&filter).await.unwrap().len(), 3, "a runs still");
    drop(tx);
    assert!(store.settle(store.ours, &store.outcome(first.id, 1, JobEnd::Done(None))).await);
    assert_eq!(store.enqueue(store.ours, &[with_key("a")]).await, [true]);
}

pub async fn a_job_that_waits_is_cancelled_and_one_that_runs_ends_with_its_step(store: Store) {
    let ids = store.enqueue_tasks(store.ours, "openai", 2).await;
    let cancel = async |id| {
        let mut tx = store.database.begin().await.unwrap();
        let end = tx.org(store.ours).jobs().cancel(id, store.now()).await.unwrap();
        tx.commit().await.unwrap();
        end
    };
    assert_eq!(cancel(ids[0]).await, Some(Cancelled::Now));
    assert_eq!(cancel(ids[0]).await, Some(Cancelled::TooLate));
    assert_eq!(store.claim(10, 1, 1).await.jobs.len(), 1);
    assert_eq!(cancel(ids[1]).await, Some(Cancelled::AfterThisStep));
    let held = Held { org: store.ours, id: ids[1], lease: lease(1) };
    let mut tx = store.database.begin().await.unwrap();
    assert_eq!(
        tx.hub().prolong_jobs(&[held], store.later(60_000)).await.unwrap(),
        [ids[1]],
        "who does it learns of it"
    );
    tx.commit().await.unwrap();
    let mut commit = store.commit(store.ours);
    commit.job = Some(store.outcome(ids[1], 1, JobEnd::Again { cursor: "1".to_owned(), progress: None }));
    assert_eq!(store.journal().commit(commit).await.unwrap(), Committed::All);
    let job = store.job(store.ours, ids[1]).await;
    assert_eq!((job.status, job.finished_at), (JobStatus::Cancelled, Some(store.now())));
    assert_eq!(store.claim_all().await, []);
}

pub async fn a_failed_job_goes_on_where_it_was(store: Store) {
    let id = store.enqueue_tasks(store.ours, "openai", 1).await[0];
    store.claim(10, 1, 1).await;
    let again = JobEnd::Again { cursor: "5".to_owned(), progress: Some(500) };
    assert!(store.settle(store.ours, &store.outcome(id, 1, again)).await);
    store.claim(10, 2, 2).await;
    let failed = JobEnd::Failed("upstream_error".to_owned(), "gone".to_owned());
    assert!(store.settle(store.ours, &store.outcome(id, 2, failed)).await);
    let redrive = async || {
        let mut tx = store.database.begin().await.unwrap();
        let done = tx.org(store.ours).jobs().redrive(id, store.now()).await.unwrap();
        tx.commit().await.unwrap();
        done
    };
    assert!(redrive().await);
    assert!(!redrive().await, "it is not failed any more");
    let job = store.job(store.ours, id).await;
    assert_eq!((job.status, job.cursor.as_deref(), job.attempts), (JobStatus::Queued, Some("5"), 0));
    assert_eq!((job.redriven, job.finished_at), (1, None));
    assert_eq!(store.claim(10, 3, 3).await.jobs.len(), 1);
}

pub async fn a_failed_job_is_not_redriven_beside_another_one_with_its_key(store: Store) {
    let job = NewJob { key: Some("a".to_owned()), ..store.task("openai") };
    store.enqueue(store.ours, std::slice::from_ref(&job)).await;
    store.claim(10, 1, 1).await;
    let failed = JobEnd::Failed("x".to_owned(), String::new());
    assert!(store.settle(store.ours, &store.outcome(job.id, 1, failed)).await);
    let other = NewJob { key: Some("a".to_owned()), ..store.task("openai") };
    store.enqueue(store.ours, &[other]).await;
    let mut tx = store.database.begin().await.unwrap();
    assert!(!tx.org(store.ours).jobs().redrive(job.id, store.now()).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(store.job(store.ours, job.id).await.status, JobStatus::Failed);
}

pub async fn jobs_are_listed_by_what_they_are_and_how_far_they_have_come(store: Store) {
    let mut ids = store.enqueue_tasks(store.ours, "openai", 4).await;
    ids.extend(store.enqueue_tasks(store.ours, "stripe", 1).await);
    // made in one millisecond, they have no order of their own
    ids.sort_unstable();
    store.claim(2, 1, 1).await;
    let list = async |filter: JobFilter| {
        let mut tx = store.database.read().await.unwrap();
        let filter = JobFilter { limit: 10, ..filter };
        tx.org(store.ours).jobs().list(&filter).await.unwrap().len()
    };
    let status = |status| JobFilter { status: Some(status), ..JobFilter::default() };
    assert_eq!((list(status(JobStatus::Running)).await, list(status(JobStatus::Queued)).await), (2, 3));
    assert_eq!(list(JobFilter { plugin: Some(plugin("stripe")), ..JobFilter::default() }).await, 1);
    assert_eq!(list(JobFilter { kind: Some(JobKind::Host), ..JobFilter::default() }).await, 0);
    assert_eq!(list(JobFilter { name: Some("sync".to_owned()), ..JobFilter::default() }).await, 5);
    assert_eq!(list(JobFilter { name: Some("sync\u{0}".to_owned()), ..JobFilter::default() }).await, 0);
    assert_eq!(list(JobFilter { before: Some(ids[1]), ..JobFilter::default() }).await, 1);
}

pub async fn ended_jobs_go_when_they_are_old_and_open_ones_stay(store: Store) {
    store.enqueue_tasks(store.ours, "openai", 3).await;
    for job in store.claim(2, 1, 1).await.jobs {
        store.settle(store.ours, &store.outcome(job.id, 1, JobEnd::Done(None))).await;
    }
    store.clock.advance(Duration::days(31));
    let clear = async |at, limit| {
        let mut tx = store.database.begin().await.unwrap();
        let cleared = tx.org(store.ours).jobs().clear_before(at, limit).await.unwrap();
        tx.commit().await.unwrap();
        cleared
    };
    let at = store.now() - Duration::days(30);
    assert_eq!(clear(at - Duration::days(5), 10).await, 0);
    assert_eq!((clear(at, 1).await, clear(at, 10).await, clear(at, 10).await), (1, 1, 0));
    let mut tx = store.database.read().await.unwrap();
    let filter = JobFilter { limit: 10, ..JobFilter::default() };
    assert_eq!(tx.org(store.ours).jobs().list(&filter).await.unwrap().len(), 1);
}

pub async fn what_a_hub_that_is_alone_held_is_let_go_when_it_begins_again(store: Store) {
    store.enqueue_tasks(store.ours, "openai", 2).await;
    assert_eq!(store.claim(10, 1, 1).await.jobs.len(), 2);
    assert_eq!(store.claim_all().await, []);
    if !store.database.is_shared() {
        let mut tx = store.database.begin().await.unwrap();
        assert_eq!(tx.hub().let_go_of_jobs(store.now()).await.unwrap(), 2);
        tx.commit().await.unwrap();
        assert_eq!(store.claim_all().await.len(), 2);
    }
}
