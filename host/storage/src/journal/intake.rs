//! Taking in webhooks: many of many orgs in one statement, in a transaction of its own.
//!
//! A webhook shares no row with a run, so it does not wait for one: neither for the statements of a batch of runs, nor for a row
//! that some run of it waits for. Nothing is waited for to fill a batch: what comes while one is committed is the next.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use patchbay_model::webhook::Webhook;
use tokio::sync::{mpsc, oneshot};

use super::{Answer, QUEUE, TRIES, Waits, answer, each, postgres, sqlite, take, weight};
use crate::{Database, StorageError, Tx};

/// The most webhooks of a transaction: the first of them does not wait long for the last.
const MOST: usize = 100;

/// About as many bytes go into one statement, or one webhook that has more: they are copied into its parameters.
const BYTES: usize = 4 << 20;

/// Up to so many vendors that wait are no crowd.
const FEW: usize = 2;

/// Hands webhooks to their writer. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Intake {
    queue: mpsc::Sender<Message>,
    load: Load,
}

#[derive(Debug)]
enum Message {
    Webhook(Arc<Webhook>, Answer<bool>),
    Shutdown(oneshot::Sender<()>),
}

/// How many webhooks are on their way in.
#[derive(Debug, Clone, Default)]
pub(super) struct Load(Arc<AtomicUsize>);

impl Load {
    /// True if many vendors wait.
    pub(super) fn is_crowd(&self) -> bool {
        self.0.load(Ordering::Relaxed) > FEW
    }

    fn enter(&self) -> OnItsWay<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        OnItsWay(self)
    }
}

/// Counted until it is dropped.
struct OnItsWay<'a>(&'a Load);

impl Drop for OnItsWay<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Intake {
    /// Starts the writer.
    pub(super) fn start(database: Database) -> Self {
        let (queue, messages) = mpsc::channel(QUEUE);
        tokio::spawn(write(database, messages));
        Self { queue, load: Load::default() }
    }

    pub(super) fn load(&self) -> Load {
        self.load.clone()
    }

    /// See [`super::Journal::receive`].
    pub(super) async fn receive(&self, webhook: Arc<Webhook>) -> Result<bool, StorageError> {
        let _on_its_way = self.load.enter();
        let (answer, answered) = oneshot::channel();
        self.queue.send(Message::Webhook(webhook, answer)).await.map_err(|_| StorageError::Closed)?;
        answered.await.map_err(|_| StorageError::Closed)?
    }

    /// See [`super::Journal::is_crowded`].
    pub(super) fn is_crowded(&self) -> bool {
        self.load.is_crowd()
    }

    pub(super) fn is_running(&self) -> bool {
        !self.queue.is_closed()
    }

    /// Stores what was handed over before, then ends the writer.
    pub(super) async fn shutdown(&self) {
        let (answer, answered) = oneshot::channel();
        if self.queue.send(Message::Shutdown(answer)).await.is_ok() {
            // An error means that the writer has ended already, which is what was asked for.
            let _ = answered.await;
        }
    }
}

async fn write(database: Database, mut messages: mpsc::Receiver<Message>) {
    let mut received = Vec::with_capacity(MOST);
    let mut farewells = Vec::new();
    loop {
        take(&mut messages, !farewells.is_empty(), MOST, &mut received).await;
        if received.is_empty() {
            break;
        }
        let mut batch = Batch::default();
        for message in received.drain(..) {
            match message {
                Message::Webhook(webhook, answer) => {
                    let bytes = weight::of_webhook(&webhook);
                    if batch.bytes + bytes > BYTES {
                        std::mem::take(&mut batch).commit(&database).await;
                    }
                    batch.bytes += bytes;
                    batch.webhooks.push(webhook);
                    batch.answers.push(answer);
                }
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

/// What one transaction takes in, and who waits for it.
#[derive(Debug, Default)]
struct Batch {
    bytes: usize,
    webhooks: Vec<Arc<Webhook>>,
    answers: Vec<Answer<bool>>,
}

impl Batch {
    async fn commit(self, database: &Database) {
        let Self { webhooks, answers, .. } = self;
        let size = webhooks.len();
        if size == 0 {
            return;
        }
        match transact(database, &webhooks, None).await {
            Ok(stored) => answer(answers, stored.into_iter().map(Ok)),
            // As with runs: one was refused and took its neighbours with it, so each for itself.
            Err(error) if !error.is_about_the_database() && size > 1 => {
                let mut waits = Waits::default();
                for (webhook, waiting) in webhooks.into_iter().zip(answers) {
                    let org = webhook.org;
                    let stored = transact(database, &[webhook], Some(waits.of(org))).await;
                    waits.note(org, &stored);
                    answer([waiting], stored.map_or_else(|error| vec![Err(error)], each));
                }
            }
            Err(error) => {
                tracing::error!(%error, size, "webhooks could not be stored");
                answer(answers, std::iter::repeat_with(|| Err(error.clone())));
            }
        }
    }
}

/// True for each that was new.
async fn transact(
    database: &Database,
    webhooks: &[Arc<Webhook>],
    lock: Option<Duration>,
) -> Result<Vec<bool>, StorageError> {
    let mut tries = TRIES;
    loop {
        match transact_once(database, webhooks, lock).await {
            // Nothing of it was kept, so doing it again does nothing twice.
            Err(StorageError::Contended) if tries > 0 => tries -= 1,
            end => return end,
        }
    }
}

async fn transact_once(
    database: &Database,
    webhooks: &[Arc<Webhook>],
    lock: Option<Duration>,
) -> Result<Vec<bool>, StorageError> {
    if let Some(writer) = database.sqlite_writer() {
        return sqlite::take_in(writer, webhooks).await;
    }
    let mut tx = database.begin_batch(lock).await?;
    let stored = match &mut tx {
        Tx::Postgres(tx) => postgres::take_in(tx, webhooks).await?,
        // its writer was asked above
        Tx::Sqlite(_) => return Err(StorageError::OnlyPostgres("a batch of webhooks in several statements")),
    };
    tx.commit().await?;
    Ok(stored)
}
