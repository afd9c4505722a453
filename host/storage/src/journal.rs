//! The one writer of runs, usage, events and documents, and the one of inbound webhooks.
//!
//! An fsync costs between 40 µs and 4 ms, whatever it makes durable. So callers hand over what they want
//! committed and wait; one task takes all that is queued, writes it in one transaction with one statement per
//! table, and answers everybody after the commit. There is no artificial delay: what comes while a commit is under
//! way is the next batch, so batches grow with the load and a lone caller waits for nobody.
//!
//! Being alone is also what makes the order of events simple: a batch numbers its events, and on SQLite no other
//! batch is under way. On PostgreSQL other hubs' batches are. They wait for each other at the rows that they share,
//! documents and the last numbers of events, in one order for all; where they get in each other's way all the same,
//! the server ends one of them, which then begins anew.
//!
//! Webhooks are taken in by a task and in transactions of their own (`intake.rs`): a vendor waits for them, and they share
//! no row with runs. What is done behind everybody's back ([`Journal::commit_behind`]) is gathered for a moment while
//! many wait, so that it does not put a commit of its own between each two of theirs.
//!
//! Rejected: a transaction per call (one fsync each, and all callers queue for SQLite's one writer anyway), and a
//! batch by time for those who wait (adds its delay to each quiet call).

mod batch;
pub(crate) mod counters;
mod intake;
mod jobs;
mod objects;
mod parts;
pub(crate) mod postgres;
mod spending;
pub(crate) mod sqlite;
mod syncs;
mod weight;

use std::{collections::HashSet, sync::Arc, time::Duration};

pub(crate) use objects::State;
use patchbay_model::{
    OrgId,
    event::Event,
    job::NewJob,
    object::{ObjectChange, StandardObject},
    record::RecordChange,
    run::{Run, UsageRecord},
    webhook::Webhook,
};
pub use spending::Spent;
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout_at},
};
pub(crate) use weight::value as weight_of;

use crate::{Change, Database, IdempotencyAnswer, JobOutcome, StorageError, SyncCommit, Tx, WebhookOutcome};

/// The most that one transaction takes in: its statements stay short, and the first of a batch does not wait
/// long for the last.
const BATCH: usize = 256;

/// About as many bytes of rows go into one transaction, or one entry that has more.
const BATCH_BYTES: usize = 32 << 20;

/// What may wait in memory before callers wait for a place.
const QUEUE: usize = 4_096;

/// How long an entry that is committed for itself waits for what another transaction holds.
const ALONE: Duration = Duration::from_millis(500);

/// How long, if another one of its org has waited so long in vain.
const AGAIN: Duration = Duration::from_millis(10);

/// How often a batch begins anew that other hubs' batches got in the way of. Each time one of them was committed.
const TRIES: usize = 10;

/// How long, and up to how many, entries that nobody waits for are gathered while many vendors wait.
const GATHER: Duration = Duration::from_millis(20);
const GATHERED: usize = 64;

/// All that a run leaves behind, committed together.
#[derive(Debug, Clone)]
pub struct RunCommit {
    /// The run itself.
    pub run: Run,
    /// What it is billed for. A repeat by (org, plugin, meter, dedupe) is dropped. What is stored is added to the live
    /// counters, and so is the run itself if it is a call.
    pub usage: Vec<UsageRecord>,
    /// What it has spent of budgets.
    pub spent: Vec<Spent>,
    /// What it published itself. A repeat by (org, source, dedupe) is dropped.
    pub events: Vec<Event>,
    /// What it wrote to its documents: at most one change per document.
    pub plugin_changes: Vec<RecordChange>,
    /// What it wrote to standard objects: at most one change per record. What came of each is published.
    pub object_changes: Vec<ObjectChange>,
    /// What it changed of a sync.
    pub sync: Option<SyncCommit>,
    /// Of what its plugin's vendor has, what it says has changed: the object, and the vendor's id. Kept for the syncs that are
    /// switched on; each gets the job that drives it, if it has none.
    pub sync_hints: Vec<(StandardObject, String)>,
    /// How many events led to this run: its own events have as many.
    pub hops: u32,
    /// What became of the webhook that it worked on.
    pub webhook: Option<WebhookOutcome>,
    /// What became of the job whose step it was.
    pub job: Option<JobOutcome>,
    /// The jobs that it made, but for those with a key that one which waits or runs has.
    pub jobs: Vec<NewJob>,
    /// How the write ended that is done once.
    pub idempotency: Option<IdempotencyAnswer>,
    /// What other hubs are told of what it wrote, if that is stored.
    pub told: Vec<Change>,
}

impl RunCommit {
    /// True if the run and its usage are all that there is.
    fn is_plain(&self) -> bool {
        self.events.is_empty()
            && self.plugin_changes.is_empty()
            && self.object_changes.is_empty()
            && self.sync.is_none()
            && self.sync_hints.is_empty()
            && self.webhook.is_none()
            && self.job.is_none()
            && self.jobs.is_empty()
            && self.spent.is_empty()
            && self.idempotency.is_none()
            && self.told.is_empty()
    }
}

/// How a commit ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Committed {
    /// Everything is stored.
    All,
    /// Another run changed this document meanwhile, or this part of a sync. The run, now with the error code `conflict`, and its
    /// usage are stored; its documents, its events, its jobs, the outcome of the webhook or of the job and the answer of the write are
    /// not.
    Conflict {
        /// The document's collection; of a standard object's record the object, and of a sync `sync`.
        collection: String,
        /// The document; of a sync what was otherwise than expected.
        id: String,
    },
    /// Somebody else has taken up the webhook that the run worked on, because the run outlasted its lease. The run, now
    /// with the error code `conflict`, and its usage are stored; its documents, its events and the webhook's outcome
    /// are not.
    WebhookLost,
    /// The same of the job whose step it was: somebody else holds it, or nobody does.
    JobLost,
}

/// Hands work to the writers. Clones share them.
#[derive(Debug, Clone)]
pub struct Journal {
    queue: mpsc::Sender<Message>,
    intake: intake::Intake,
}

type Answer<T> = oneshot::Sender<Result<T, StorageError>>;

#[derive(Debug)]
enum Message {
    Run(Box<RunCommit>, Answer<Committed>),
    /// The same, and nobody waits for it.
    Behind(Box<RunCommit>, Answer<Committed>),
    Shutdown(oneshot::Sender<()>),
}

impl Message {
    fn weight(&self) -> usize {
        match self {
            Self::Run(commit, _) | Self::Behind(commit, _) => weight::of_run(commit),
            Self::Shutdown(_) => 0,
        }
    }
}

/// How each run ended, in the order of the batch, and the orgs that have new events.
type Written = (Vec<Committed>, Vec<OrgId>);

impl Journal {
    /// Starts the writers on the present tokio runtime. They end with [`Journal::shutdown`], or when the last clone is
    /// dropped; in both cases after what is queued.
    #[must_use]
    pub fn start(database: Database) -> Self {
        let (queue, messages) = mpsc::channel(QUEUE);
        let intake = intake::Intake::start(database.clone());
        tokio::spawn(write(database, messages, intake.load()));
        Self { queue, intake }
    }

    /// Commits what a run leaves behind. Once this is polled for the first time it is done even if the caller goes
    /// away, as far as there is room in the queue.
    ///
    /// # Errors
    /// `Missing` if there is no such org, `AlreadyExists` if an id is taken, `Closed` after a shutdown, or what the
    /// database says; nothing is stored then.
    pub async fn commit(&self, commit: RunCommit) -> Result<Committed, StorageError> {
        let (answer, answered) = oneshot::channel();
        self.hand_over(Message::Run(Box::new(commit), answer)).await?;
        answered.await.map_err(|_| StorageError::Closed)?
    }

    /// As [`Journal::commit`], of work that nobody waits for: while many vendors wait ([`Journal::is_crowded`]) it is committed
    /// up to 20 ms later, together with what else is done meanwhile.
    ///
    /// # Errors
    /// As with [`Journal::commit`].
    pub async fn commit_behind(&self, commit: RunCommit) -> Result<Committed, StorageError> {
        let (answer, answered) = oneshot::channel();
        self.hand_over(Message::Behind(Box::new(commit), answer)).await?;
        answered.await.map_err(|_| StorageError::Closed)?
    }

    /// Stores a webhook, unless its installation has one with the vendor's id: false then.
    ///
    /// # Errors
    /// As with [`Journal::commit`].
    pub async fn receive(&self, webhook: impl Into<Arc<Webhook>>) -> Result<bool, StorageError> {
        self.intake.receive(webhook.into()).await
    }

    /// True while more than two vendors wait for their webhooks to be stored: whoever has work that nobody waits for does
    /// well to hold back.
    #[must_use]
    pub fn is_crowded(&self) -> bool {
        self.intake.is_crowded()
    }

    /// False once a writer has ended: not all can be committed any more.
    #[must_use]
    pub fn is_running(&self) -> bool {
        !self.queue.is_closed() && self.intake.is_running()
    }

    /// Commits what was handed over before, then ends the writers. Who comes later is told `Closed`.
    pub async fn shutdown(&self) {
        self.intake.shutdown().await;
        let (answer, answered) = oneshot::channel();
        if self.queue.send(Message::Shutdown(answer)).await.is_ok() {
            // An error means that the writer has ended already, which is what was asked for.
            let _ = answered.await;
        }
    }

    async fn hand_over(&self, message: Message) -> Result<(), StorageError> {
        self.queue.send(message).await.map_err(|_| StorageError::Closed)
    }
}

async fn write(database: Database, mut messages: mpsc::Receiver<Message>, vendors: intake::Load) {
    let mut received = Vec::with_capacity(BATCH);
    let mut farewells = Vec::new();
    loop {
        let is_ending = !farewells.is_empty();
        take(&mut messages, is_ending, BATCH, &mut received).await;
        if !is_ending {
            gather(&mut messages, &vendors, &mut received).await;
        }
        if received.is_empty() {
            break;
        }
        let mut batch = Batch::default();
        for message in received.drain(..) {
            let bytes = message.weight();
            if batch.bytes + bytes > BATCH_BYTES {
                std::mem::take(&mut batch).commit(&database).await;
            }
            batch.bytes += bytes;
            match message {
                Message::Run(commit, answer) | Message::Behind(commit, answer) => batch.runs.push((commit, answer)),
                Message::Shutdown(answer) => {
                    messages.close();
                    farewells.push(answer);
                }
            }
        }
        batch.commit(&database).await;
    }
    for farewell in farewells {
        let _ = farewell.send(());
    }
}

/// Takes what is queued, once there is something, and at most `most` of it. Nothing is taken at the end of a queue.
async fn take<M>(messages: &mut mpsc::Receiver<M>, is_ending: bool, most: usize, received: &mut Vec<M>) {
    if !is_ending {
        messages.recv_many(received, most).await;
        return;
    }
    // Only what is in the queue. Waiting for the channel to end would be waiting for every caller that has a
    // place in it reserved, also for one whose task stands still.
    while received.len() < most
        && let Ok(message) = messages.try_recv()
    {
        received.push(message);
    }
}

/// Waits for more, if nobody waits for what was received and many vendors wait for theirs.
async fn gather(messages: &mut mpsc::Receiver<Message>, vendors: &intake::Load, received: &mut Vec<Message>) {
    let until = Instant::now() + GATHER;
    while (1..GATHERED).contains(&received.len())
        && received.iter().all(|message| matches!(message, Message::Behind(..)))
        && vendors.is_crowd()
    {
        let room = BATCH - received.len();
        match timeout_at(until, messages.recv_many(received, room)).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

/// What one transaction takes in, and who waits for it.
#[derive(Debug, Default)]
struct Batch {
    bytes: usize,
    runs: Vec<(Box<RunCommit>, Answer<Committed>)>,
}

impl Batch {
    async fn commit(self, database: &Database) {
        let (runs, answers): (Vec<_>, Vec<_>) = self.runs.into_iter().unzip();
        let size = runs.len();
        if size == 0 {
            return;
        }
        match transact(database, &runs, None).await {
            Ok(outcomes) => answer(answers, outcomes.into_iter().map(Ok)),
            // One row was refused, or is held by somebody else, and took its neighbours with it. So each for itself: the
            // error is its owner's alone. The database has many ways to refuse a row; only where it did not look at
            // rows are all alike.
            Err(error) if !error.is_about_the_database() && size > 1 => {
                let mut waits = Waits::default();
                for (run, waiting) in runs.into_iter().zip(answers) {
                    let org = run.run.org;
                    let outcome = transact(database, &[run], Some(waits.of(org))).await;
                    waits.note(org, &outcome);
                    answer([waiting], outcome.map_or_else(|error| vec![Err(error)], each));
                }
            }
            Err(error) => {
                tracing::error!(%error, size, "the journal could not commit a batch");
                answer(answers, std::iter::repeat_with(|| Err(error.clone())));
            }
        }
    }
}

/// How long entries that are committed one by one wait for what other transactions hold. All that come after them wait
/// as well, so it is not long; and whose row was held once is not waited for again.
#[derive(Debug, Default)]
struct Waits(HashSet<OrgId>);

impl Waits {
    fn of(&self, org: OrgId) -> Duration {
        if self.0.contains(&org) { AGAIN } else { ALONE }
    }

    fn note<T>(&mut self, org: OrgId, outcome: &Result<T, StorageError>) {
        if matches!(outcome, Err(StorageError::Locked)) {
            self.0.insert(org);
        }
    }
}

fn each<T>(outcomes: Vec<T>) -> Vec<Result<T, StorageError>> {
    outcomes.into_iter().map(Ok).collect()
}

/// Tells everybody; one who has gone away meanwhile is no error.
fn answer<T>(
    waiting: impl IntoIterator<Item = Answer<T>>,
    outcomes: impl IntoIterator<Item = Result<T, StorageError>>,
) {
    for (waiting, outcome) in waiting.into_iter().zip(outcomes) {
        let _ = waiting.send(outcome);
    }
}

async fn transact(
    database: &Database,
    runs: &[Box<RunCommit>],
    lock: Option<Duration>,
) -> Result<Vec<Committed>, StorageError> {
    let mut tries = TRIES;
    loop {
        match transact_once(database, runs, lock).await {
            // Nothing of it was kept, so doing it again does nothing twice.
            Err(StorageError::Contended) if tries > 0 => tries -= 1,
            end => return end,
        }
    }
}

async fn transact_once(
    database: &Database,
    runs: &[Box<RunCommit>],
    lock: Option<Duration>,
) -> Result<Vec<Committed>, StorageError> {
    if runs.iter().all(|commit| commit.is_plain())
        && let Some(writer) = database.sqlite_writer()
    {
        return sqlite::write_plain(writer, runs).await;
    }
    let mut tx = database.begin_batch(lock).await?;
    let (committed, published) = match &mut tx {
        Tx::Sqlite(tx) => sqlite::write(tx.connection(), runs).await?,
        Tx::Postgres(tx) => postgres::write(tx, runs).await?,
    };
    let stored = runs.iter().zip(&committed).filter(|(_, end)| **end == Committed::All);
    for change in stored.flat_map(|(commit, _)| &commit.told) {
        tx.hub().notify(change.clone()).await?;
    }
    for org in published {
        tx.published(org);
    }
    tx.commit().await?;
    Ok(committed)
}
