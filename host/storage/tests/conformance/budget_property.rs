//! Whatever calls do and however they interleave, a cap holds.
//!
//! Each case is some calls at once, on two hubs where the database is shared, each with a script: what it wants at first, what it
//! uses piece by piece, and how it ends. The database's transactions interleave as they like. A call uses only what it
//! holds, and of a piece that it may not use nothing: that is the host's part, tested with it.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use patchbay_model::{BudgetId, OrgId, RunId, Timestamp, budget::Budget, plan::MILLION};
use patchbay_storage::{Ask, BudgetState, Database, Journal, Reservation, Reserved, RunCommit, Spent};
use proptest::{
    prelude::*,
    test_runner::{Config, TestCaseError, TestRunner},
};
use tokio::runtime::Handle;

use crate::{Store, budgets::budget, store::Home};

/// How many cases; each is a handful of transactions per call.
const CASES: u32 = 24;

#[derive(Debug, Clone)]
struct Script {
    /// Reserved before, in whole units.
    estimate: u64,
    /// What it asks for more at a time.
    chunk: u64,
    /// What it uses, piece by piece.
    pieces: Vec<u64>,
    end: End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Commits its run with what it used.
    Settles,
    /// Its run could not be begun.
    Releases,
    /// Its hub dies.
    Dies,
}

fn script() -> impl Strategy<Value = Script> {
    let end = prop_oneof![6 => Just(End::Settles), 1 => Just(End::Releases), 1 => Just(End::Dies)];
    let pieces = prop::collection::vec(1..40_u64, 0..8);
    (1..60_u64, 1..30_u64, pieces, end).prop_map(|(estimate, chunk, pieces, end)| Script {
        estimate,
        chunk,
        pieces,
        end,
    })
}

/// One hub.
#[derive(Clone)]
struct Node {
    database: Database,
    journal: Journal,
}

/// A budget that is spent of.
struct Field {
    org: OrgId,
    budget: BudgetId,
    cap: u64,
    period: Timestamp,
    now: Timestamp,
    lease_until: Timestamp,
    /// What calls really used, and what of it the books lost with hubs that died.
    used: AtomicU64,
    lost: AtomicU64,
}

impl Field {
    async fn reserve(&self, node: &Node, run: RunId, ask: Ask) -> Option<u64> {
        let (period, now, lease_until) = (self.period, self.now, self.lease_until);
        let reservation = Reservation { run, period, now, lease_until, asks: vec![ask] };
        let mut tx = node.database.begin().await.unwrap();
        match tx.org(self.org).budgets().reserve(&reservation).await.unwrap() {
            Reserved::All(granted) => {
                tx.commit().await.unwrap();
                granted.first().copied()
            }
            Reserved::Refused { .. } => None,
        }
    }

    async fn call(&self, node: Node, commit: RunCommit, script: Script) {
        let run = commit.run.id;
        let ask = |spent: i64, wanted: u64, at_least: u64| Ask {
            budget: self.budget,
            spent,
            wanted: wanted * MILLION,
            at_least: at_least * MILLION,
        };
        let Some(mut held) = self.reserve(&node, run, ask(0, script.estimate, script.estimate)).await else { return };
        if script.end == End::Releases {
            let mut tx = node.database.begin().await.unwrap();
            tx.org(self.org).budgets().release(run, &[self.budget], self.period).await.unwrap();
            return tx.commit().await.unwrap();
        }
        // used since the books were told, and what they were told
        let (mut open, mut told) = (0, 0_i64);
        for piece in script.pieces {
            if (open + piece) * MILLION > held {
                let spent = i64::try_from(open * MILLION).unwrap();
                let Some(granted) = self.reserve(&node, run, ask(spent, piece.max(script.chunk), piece)).await else {
                    break;
                };
                (held, open, told) = (granted, 0, told + spent);
            }
            open += piece;
            self.used.fetch_add(piece, Ordering::SeqCst);
        }
        match script.end {
            End::Settles => {
                let amount = i64::try_from(open * MILLION).unwrap();
                let spent = vec![Spent { budget: self.budget, period: self.period, amount, perhaps: vec![] }];
                node.journal.commit(RunCommit { spent, ..commit }).await.unwrap();
            }
            End::Dies | End::Releases => {
                self.lost.fetch_add(open, Ordering::SeqCst);
            }
        }
    }

    async fn state(&self, node: &Node, now: Timestamp) -> BudgetState {
        let mut tx = node.database.read().await.unwrap();
        tx.org(self.org).budgets().state(self.budget, self.period, now).await.unwrap()
    }
}

async fn check(store: Arc<Store>, nodes: Vec<Node>, cap: u64, scripts: Vec<Script>) -> Result<(), TestCaseError> {
    let org = store.new_org("a case").await;
    let Budget { id, .. } = {
        let budget = budget(&store, org, cap);
        let mut tx = store.database.begin().await.unwrap();
        tx.org(org).budgets().put(&budget).await.unwrap();
        tx.commit().await.unwrap();
        budget
    };
    let field = Arc::new(Field {
        org,
        budget: id,
        cap,
        period: store.now(),
        now: store.now(),
        lease_until: store.later(3_600_000),
        used: AtomicU64::new(0),
        lost: AtomicU64::new(0),
    });
    let calls = scripts.into_iter().enumerate().map(|(number, script)| {
        let (field, node, commit) = (Arc::clone(&field), nodes[number % nodes.len()].clone(), store.commit(org));
        tokio::spawn(async move { field.call(node, commit, script).await })
    });
    for end in futures::future::join_all(calls.collect::<Vec<_>>()).await {
        end.unwrap();
    }
    let (used, lost) = (field.used.load(Ordering::SeqCst), field.lost.load(Ordering::SeqCst));
    let state = field.state(&nodes[0], field.now).await;
    prop_assert!(used <= field.cap, "{used} of {} were used", field.cap);
    prop_assert_eq!(state.spent, (used - lost) * MILLION, "the books say what was used");
    prop_assert!(state.spent + state.reserved <= cap * MILLION, "{:?} of {}", state, cap);
    // what is still held is of the dead, and ends
    let later = field.lease_until;
    prop_assert_eq!(field.state(&nodes[0], later).await.reserved, 0);
    Ok(())
}

pub async fn no_interleaving_of_calls_passes_a_cap(store: Store) {
    let shared = matches!(store.home, Home::Postgres(_));
    let node = |database: Database| Node { journal: Journal::start(database.clone()), database };
    let mut nodes = vec![node(store.database.clone())];
    if shared {
        nodes.push(node(Database::open(&store.url).await.unwrap()));
    }
    let store = Arc::new(store);
    let handle = Handle::current();
    let run = move || {
        let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
        let cases = (1..200_u64, prop::collection::vec(script(), 1..12));
        TestRunner::new(config)
            .run(&cases, |(cap, scripts)| handle.block_on(check(Arc::clone(&store), nodes.clone(), cap, scripts)))
    };
    tokio::task::spawn_blocking(run).await.unwrap().unwrap_or_else(|error| panic!("{error}"));
}
