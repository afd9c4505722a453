//! What the hub's database does for renewals, in memory: sealed texts under versions, a lease, and events.
//!
//! Several refreshers on one of these are several nodes; each can have faults of its own.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use patchbay_model::{Code, Failure};
use patchbay_oauth::{Acquired, Committed, Failing, FailingKind, Reauthorization, RefreshLease, Stored, Tokens};
use secrecy::SecretString;
use tokio::sync::watch;

/// One for all nodes, as one node reaches it; clones are the same node.
#[derive(Clone, Default)]
pub struct Database(Arc<Shared>, Arc<Faults>);

/// What goes wrong for one node.
#[derive(Default)]
struct Faults {
    /// Commits that will fail, and whether what they write is there all the same.
    failing: Mutex<(usize, bool)>,
}

#[derive(Default)]
struct Shared {
    rows: Mutex<HashMap<u32, Row>>,
    events: Mutex<Vec<Reauthorization>>,
    /// Reads and writes so far.
    uses: Mutex<usize>,
    /// Failures that may pass, as they were told.
    failures: Mutex<Vec<Failing>>,
    /// Leases that were made to last.
    extended: watch::Sender<usize>,
    /// Tokens that shall be given back later.
    orphans: Mutex<Vec<SecretString>>,
    /// While true, commits wait before they write.
    held: watch::Sender<bool>,
    /// The node of the next commit dies before it writes.
    dying: AtomicBool,
    /// Commits that have begun.
    begun: watch::Sender<usize>,
}

struct Row {
    sealed: SecretString,
    version: u64,
    needs_authorization: bool,
    failing: Option<FailingKind>,
    holder: Option<u64>,
    leases: u64,
}

impl Row {
    fn stored(&self) -> Stored {
        let tokens = Arc::new(Tokens::from_secret(&self.sealed).unwrap());
        Stored { tokens, version: self.version, needs_authorization: self.needs_authorization }
    }
}

pub const KEY: u32 = 7;

impl Database {
    /// With these tokens as the connection's.
    pub fn with(tokens: &Tokens) -> Self {
        let database = Self::default();
        database.authorize(tokens);
        database
    }

    /// Stores the tokens of a new authorization.
    pub fn authorize(&self, tokens: &Tokens) -> Stored {
        let mut rows = self.0.rows.lock().unwrap();
        let (version, leases) = rows.get(&KEY).map_or((0, 0), |row| (row.version, row.leases));
        let row = Row {
            sealed: tokens.to_secret(),
            version: version + 1,
            needs_authorization: false,
            failing: None,
            holder: rows.get(&KEY).and_then(|row| row.holder),
            leases,
        };
        let stored = row.stored();
        rows.insert(KEY, row);
        stored
    }

    pub fn stored(&self) -> Stored {
        self.0.rows.lock().unwrap()[&KEY].stored()
    }

    pub fn delete(&self) {
        self.0.rows.lock().unwrap().remove(&KEY);
    }

    /// Takes the lease from whoever has it, as time does.
    pub fn end_lease(&self) {
        self.0.rows.lock().unwrap().get_mut(&KEY).unwrap().holder = None;
    }

    /// A lease of a node that died.
    pub fn lend_to_the_dead(&self) {
        self.0.rows.lock().unwrap().get_mut(&KEY).unwrap().holder = Some(u64::MAX);
    }

    /// The same database as another node reaches it.
    pub fn of_another_node(&self) -> Self {
        Self(self.0.clone(), Arc::default())
    }

    /// So many commits of this node fail; with `written`, what they write is there and only the news is lost.
    pub fn fail_commits(&self, count: usize, written: bool) {
        *self.1.failing.lock().unwrap() = (count, written);
    }

    /// Waits until a lease was made to last so often.
    pub async fn wait_for_extensions(&self, count: usize) {
        let _ = self.0.extended.subscribe().wait_for(|extended| *extended >= count).await;
    }

    /// True if a node has the right to renew.
    pub fn is_lent(&self) -> bool {
        self.0.rows.lock().unwrap()[&KEY].holder.is_some()
    }

    /// Failures that may pass.
    pub fn failures(&self) -> Vec<Failing> {
        self.0.failures.lock().unwrap().clone()
    }

    /// Tokens that shall be given back later.
    pub fn orphans(&self) -> Vec<Tokens> {
        self.0.orphans.lock().unwrap().iter().map(|text| Tokens::from_secret(text).unwrap()).collect()
    }

    /// The next commit never comes to its end, as if its node had lost power.
    pub fn lose_the_next_node(&self) {
        self.0.dying.store(true, Ordering::SeqCst);
    }

    pub fn hold_commits(&self, held: bool) {
        self.0.held.send_replace(held);
    }

    pub async fn wait_for_commits(&self, count: usize) {
        let _ = self.0.begun.subscribe().wait_for(|begun| *begun >= count).await;
    }

    /// The events of connections that must be authorized again.
    pub fn events(&self) -> Vec<Reauthorization> {
        self.0.events.lock().unwrap().clone()
    }

    pub fn uses(&self) -> usize {
        *self.0.uses.lock().unwrap()
    }

    fn used(&self) {
        *self.0.uses.lock().unwrap() += 1;
    }

    /// Changes the row if it is still at this version; else tells what is there.
    fn change(&self, based_on: u64, change: impl FnOnce(&mut Row)) -> Committed {
        let mut rows = self.0.rows.lock().unwrap();
        match rows.get_mut(&KEY) {
            None => Committed::Gone,
            Some(row) if row.version != based_on => Committed::Newer(row.stored()),
            Some(row) => {
                change(row);
                Committed::Stored(row.stored())
            }
        }
    }
}

impl RefreshLease for Database {
    type Key = u32;
    type Lease = u64;

    async fn acquire(&self, key: &u32, for_at_most: Duration) -> Result<Acquired<u64>, Failure> {
        self.used();
        assert!(for_at_most > Duration::from_secs(20), "longer than a request takes");
        let mut rows = self.0.rows.lock().unwrap();
        let Some(row) = rows.get_mut(key) else { return Ok(Acquired::Gone) };
        if row.holder.is_some() {
            return Ok(Acquired::Theirs);
        }
        row.leases += 1;
        row.holder = Some(row.leases);
        Ok(Acquired::Mine(row.leases, row.stored()))
    }

    async fn read_newer(&self, key: &u32, than: u64) -> Result<Option<Stored>, Failure> {
        self.used();
        let rows = self.0.rows.lock().unwrap();
        Ok(rows.get(key).filter(|row| row.version > than).map(Row::stored))
    }

    async fn commit(&self, _: &u64, based_on: u64, tokens: &Tokens) -> Result<Committed, Failure> {
        self.used();
        self.0.begun.send_modify(|begun| *begun += 1);
        if self.0.dying.swap(false, Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        let _ = self.0.held.subscribe().wait_for(|held| !held).await;
        let (fails, written) = {
            let mut failing = self.1.failing.lock().unwrap();
            let fails = failing.0 > 0;
            failing.0 -= usize::from(fails);
            (fails, failing.1)
        };
        let write = |row: &mut Row| {
            (row.sealed, row.version, row.needs_authorization) = (tokens.to_secret(), based_on + 1, false);
            row.failing = None;
        };
        let committed = if fails && !written { None } else { Some(self.change(based_on, write)) };
        committed.filter(|_| !fails).ok_or_else(|| Failure::new(Code::Unavailable, "the disk is full"))
    }

    async fn require_authorization(&self, _: &u64, based_on: u64, why: &Reauthorization) -> Result<Committed, Failure> {
        self.used();
        Ok(self.change(based_on, |row| {
            if !std::mem::replace(&mut row.needs_authorization, true) {
                self.0.events.lock().unwrap().push(why.clone());
            }
        }))
    }

    async fn extend(&self, lease: &u64, for_at_most: Duration) -> Result<bool, Failure> {
        assert!(for_at_most > Duration::from_secs(20), "longer than a request takes");
        self.used();
        let rows = self.0.rows.lock().unwrap();
        let held = rows.get(&KEY).is_some_and(|row| row.holder == Some(*lease));
        drop(rows);
        self.0.extended.send_modify(|extended| *extended += 1);
        Ok(held)
    }

    async fn note_failing(&self, _: &u64, based_on: u64, failing: &Failing) -> Result<(), Failure> {
        self.used();
        self.change(based_on, |row| {
            if row.failing.replace(failing.kind) != Some(failing.kind) {
                self.0.failures.lock().unwrap().push(failing.clone());
            }
        });
        Ok(())
    }

    async fn revoke_later(&self, _: &u32, tokens: &Tokens) -> Result<(), Failure> {
        self.used();
        self.0.orphans.lock().unwrap().push(tokens.to_secret());
        Ok(())
    }

    async fn release(&self, lease: &u64) {
        let mut rows = self.0.rows.lock().unwrap();
        if let Some(row) = rows.get_mut(&KEY).filter(|row| row.holder == Some(*lease)) {
            row.holder = None;
        }
    }
}
