//! What a call holds of its budgets, from before it begins until its run is committed.
//!
//! The books have two numbers of a call: what it was *told* to have spent, which is spent for good, and what it *holds* beside
//! that. Together they cover what it has used and what it may still use without asking. Only when that is not enough
//! does a call go to the database: it says what it has spent, and holds a chunk more, or is refused and ends.
//!
//! Of an answer that flows, what is not covered is not passed on ([`Spending::may_flow`]); so a stream is cut within
//! what it holds, whatever the others do. What a plugin meters by itself is spent in any case; what is refused then is the
//! next request to the vendor.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use patchbay_model::{
    BudgetId, Clock, Code, Failure, RunId, Timestamp,
    budget::Budget,
    period::Period,
    plan::{Counts, Metric},
};
use patchbay_package::{Manifest, manifest::StreamEstimate};
use patchbay_runtime::{Flowed, MayGoOn, Spending};
use patchbay_storage::{Ask, Database, Reservation, Reserved, StorageError};

use super::value::{applies, worth};
use crate::{
    hub::{Inner, lock},
    plans::{
        gate::{Admitted, Operation, meters},
        refusal,
        standing::Standing,
    },
};

/// How much longer than its call a reservation holds: for waiting for a place, and for the commit.
const LEASE_MARGIN: Duration = Duration::from_secs(120);

/// What a call meters of one meter.
#[derive(Debug)]
struct Bound {
    meter: String,
    counts: Counts,
    /// At most so much, as its manifest says.
    most: u64,
    stream: Option<StreamEstimate>,
}

/// What a call is about to do.
#[derive(Debug)]
pub(crate) struct Intent {
    bounds: Vec<Bound>,
    timeout: Duration,
}

impl Intent {
    /// Of a request of so many bytes; `input` of an action, and its own timeout or its plugin's.
    pub(crate) fn new(
        manifest: &Manifest,
        operation: Operation<'_>,
        bytes: u64,
        input: Option<&serde_json::Value>,
        timeout: Duration,
    ) -> Self {
        let may_be: BTreeMap<&str, _> = meters(manifest, operation).map(|(meter, _, found)| (meter, found)).collect();
        let bounds = manifest.meters.iter().filter_map(|meter| {
            let counts = meter.counts()?;
            let most = match may_be.get(meter.name.as_str()) {
                Some(Some(estimate)) => estimate.of(bytes, input),
                Some(None) => default_chunk(counts.metric).saturating_mul(counts.per.into()),
                None => 0,
            };
            let stream = may_be.get(meter.name.as_str()).and_then(|found| found.as_ref()?.stream.clone());
            Some(Bound { meter: meter.name.clone(), counts, most, stream })
        });
        Self { bounds: bounds.collect(), timeout }
    }
}

/// What a call holds of a metric whose manifest says nothing.
const fn default_chunk(metric: Metric) -> u64 {
    match metric {
        Metric::AiTokens | Metric::Characters => 4_096,
        Metric::ExportRows => 1_000,
        Metric::AiCost => 5,
        Metric::Calls
        | Metric::Minutes
        | Metric::Transcriptions
        | Metric::Translations
        | Metric::Endpoints
        | Metric::InboundNumbers
        | Metric::Messages => 1,
    }
}

/// The budgets of one call.
#[derive(Clone)]
pub(crate) struct Hold(Arc<Held>);

struct Held {
    database: Database,
    clock: Arc<dyn Clock>,
    standing: Arc<Standing>,
    run: RunId,
    period: Period,
    lease_until: Timestamp,
    bounds: Vec<Bound>,
    budgets: Vec<Budget>,
    /// By budget. Locked while the database is asked: two looks of one call must not ask for the same thing twice.
    accounts: tokio::sync::Mutex<Vec<Account>>,
    seen: Mutex<Seen>,
}

/// In millionths.
#[derive(Debug, Clone, Copy, Default)]
struct Account {
    /// Spent, as the books were told.
    told: u64,
    /// May be spent beside that.
    held: u64,
    /// What was allowed so far.
    allowed: u64,
}

#[derive(Debug, Clone, Default)]
struct Seen {
    metered: BTreeMap<String, u64>,
    flowed: Flowed,
    /// By meter, what the plugin says that no manifest can.
    rates: BTreeMap<String, Rate>,
}

/// What a meter comes to while an answer flows.
#[derive(Debug, Clone)]
struct Rate {
    begun: u64,
    each: u64,
    /// Of the meter by which it grows.
    stream: StreamEstimate,
}

impl Rate {
    fn of(&self, flowed: Flowed) -> u64 {
        let units = self.stream.of(flowed.events, flowed.characters);
        self.begun.saturating_add(self.each.saturating_mul(units))
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hold").field("run", &self.0.run).field("budgets", &self.0.budgets).finish_non_exhaustive()
    }
}

impl Seen {
    /// What of a meter is used: what was metered, or what has flowed as long as that is not.
    fn used(&self, bound: &Bound) -> u64 {
        let metered = self.metered.get(&bound.meter).copied().unwrap_or(0);
        let flowed = match self.rates.get(&bound.meter) {
            Some(rate) => rate.of(self.flowed),
            None => bound.stream.as_ref().map_or(0, |read| read.of(self.flowed.events, self.flowed.characters)),
        };
        metered.max(flowed)
    }

    /// What of a meter has to be covered: where nothing shows how far a call is, all that it may use.
    fn needed(&self, bound: &Bound) -> u64 {
        let is_shown = bound.stream.is_some() || self.rates.contains_key(&bound.meter);
        if is_shown { self.used(bound) } else { self.used(bound).max(bound.most) }
    }

    /// How much more of a meter is held at a time; none of one that is not seen to flow.
    fn chunk(&self, bound: &Bound) -> u64 {
        match self.rates.get(&bound.meter) {
            Some(rate) => rate.each.saturating_mul(rate.stream.chunk),
            None => bound.stream.as_ref().map_or(0, |stream| stream.chunk),
        }
    }
}

impl Held {
    /// What is worth how much to a budget, the call itself included.
    fn sum(&self, budget: &Budget, quantity: impl Fn(&Bound) -> u64) -> u64 {
        let plan = &self.standing.plan;
        let call = worth(budget.unit, plan, Counts::one(Metric::Calls), 1);
        let all = self.bounds.iter().map(|bound| worth(budget.unit, plan, bound.counts, quantity(bound)));
        all.fold(call, u64::saturating_add)
    }

    fn chunk(&self, budget: &Budget, seen: &Seen) -> u64 {
        let plan = &self.standing.plan;
        let chunks = self.bounds.iter().map(|bound| worth(budget.unit, plan, bound.counts, seen.chunk(bound)));
        chunks.fold(0, u64::saturating_add)
    }

    async fn ask(&self, asks: Vec<Ask>) -> Result<Vec<u64>, Failure> {
        let (run, period, lease_until) = (self.run, self.period.starts_at, self.lease_until);
        let reservation = Reservation { run, period, now: self.clock.now(), lease_until, asks };
        let reserving = async {
            let mut tx = self.database.begin().await?;
            let reserved = tx.org(self.standing.org).budgets().reserve(&reservation).await?;
            if matches!(reserved, Reserved::All(_)) {
                tx.commit().await?;
            }
            Ok::<_, StorageError>(reserved)
        };
        match reserving.await.map_err(cannot_look)? {
            Reserved::All(granted) => Ok(granted),
            Reserved::Refused { budget, cap, taken } => {
                let of = |other: &&Budget| other.id == budget;
                let budget = self.budgets.iter().find(of).ok_or_else(|| Failure::internal("a budget of nobody"))?;
                Err(refusal::budget_exhausted(budget, &self.standing.plan, self.period, cap, taken))
            }
        }
    }

    /// Sees to it that what is used and needed is covered. `spent_already`: what is used counts even if it is not.
    async fn cover(&self, seen: &Seen, spent_already: bool) -> Result<(), Failure> {
        let mut accounts = self.accounts.lock().await;
        let mut asks = Vec::new();
        for (budget, account) in self.budgets.iter().zip(&*accounts) {
            let used = self.sum(budget, |bound| seen.used(bound));
            let needed = self.sum(budget, |bound| seen.needed(bound));
            if account.told.saturating_add(account.held) >= needed {
                continue;
            }
            // a plugin that goes on beyond what it said may use as much again
            let again = if spent_already { self.sum(budget, |bound| bound.most) } else { 0 };
            let spent = if spent_already { used } else { account.allowed };
            let at_least = needed.saturating_sub(spent).max(again).max(1);
            let wanted = at_least.saturating_add(self.chunk(budget, seen));
            let told = i64::try_from(spent).unwrap_or(i64::MAX) - i64::try_from(account.told).unwrap_or(i64::MAX);
            asks.push((budget.id, spent, Ask { budget: budget.id, spent: told, wanted, at_least }));
        }
        if !asks.is_empty() {
            let granted = self.ask(asks.iter().map(|(.., ask)| *ask).collect()).await?;
            for ((id, spent, _), held) in asks.iter().zip(granted) {
                let of_this = self.budgets.iter().zip(&mut *accounts).find(|(budget, _)| budget.id == *id);
                if let Some((_, account)) = of_this {
                    (account.told, account.held) = (*spent, held);
                }
            }
        }
        for (budget, account) in self.budgets.iter().zip(&mut *accounts) {
            account.allowed = account.allowed.max(self.sum(budget, |bound| seen.used(bound)));
        }
        Ok(())
    }
}

/// A budget is hard: who cannot look at it does not spend of it.
fn cannot_look(error: StorageError) -> Failure {
    Failure::new(Code::Unavailable, "the budgets cannot be looked at, and are not passed")
        .retry_after(Duration::from_secs(1))
        .with_internal(error)
}

impl Hold {
    /// Reserves what the call may use, of each budget that it spends of; none if there is none. `budget_exhausted` if one
    /// has not enough left, `unavailable` if they cannot be looked at.
    pub(crate) async fn reserve(
        hub: &Inner,
        admitted: &Admitted,
        run: RunId,
        manifest: &Manifest,
        intent: Intent,
    ) -> Result<Option<Self>, Failure> {
        let standing = &admitted.standing;
        if standing.budgets.is_empty() {
            return Ok(None);
        }
        let Intent { bounds, timeout } = intent;
        let now = hub.clock.now();
        let lease = chrono::Duration::from_std(timeout + LEASE_MARGIN).unwrap_or(chrono::Duration::hours(1));
        let mut held = Held {
            database: hub.database.clone(),
            clock: Arc::clone(&hub.clock),
            standing: Arc::clone(standing),
            run,
            period: standing.period(now),
            lease_until: now + lease,
            bounds,
            budgets: Vec::new(),
            accounts: tokio::sync::Mutex::default(),
            seen: Mutex::default(),
        };
        let (mut budgets, mut asks) = (Vec::new(), Vec::new());
        for budget in &standing.budgets {
            // asked first: an org may have budgets of many keys, and a call is of one
            if !applies(budget, &manifest.id, admitted.key) {
                continue;
            }
            let most = held.sum(budget, |bound| bound.most);
            if most > 0 {
                asks.push(Ask { budget: budget.id, spent: 0, wanted: most, at_least: most });
                budgets.push(budget.clone());
            }
        }
        if budgets.is_empty() {
            return Ok(None);
        }
        held.budgets = budgets;
        let granted = held.ask(asks).await?;
        held.accounts =
            granted.into_iter().map(|held| Account { held, ..Account::default() }).collect::<Vec<_>>().into();
        Ok(Some(Self(Arc::new(held))))
    }

    /// What the books were told to be spent, by budget, and in which period. Waits for a look that is under way.
    pub(super) async fn told(&self) -> (Period, Vec<(Budget, u64)>) {
        let accounts = self.0.accounts.lock().await;
        let told = self.0.budgets.iter().cloned().zip(accounts.iter().map(|account| account.told));
        (self.0.period, told.collect())
    }

    /// Gives back what a call holds that was not begun.
    pub(crate) async fn release(&self) {
        let held = &self.0;
        let budgets: Vec<BudgetId> = held.budgets.iter().map(|budget| budget.id).collect();
        let releasing = async {
            let mut tx = held.database.begin().await?;
            tx.org(held.standing.org).budgets().release(held.run, &budgets, held.period.starts_at).await?;
            tx.commit().await
        };
        if let Err(error) = releasing.await {
            tracing::warn!(%error, "what a call held of its budgets was not given back: it ends by its time");
        }
    }

    /// In a task of its own: what the books were told must be remembered, also of a call that is broken off meanwhile.
    fn look(&self, seen: Seen, spent_already: bool) -> MayGoOn<'_> {
        let held = Arc::clone(&self.0);
        Box::pin(async move {
            let looking = tokio::spawn(async move { held.cover(&seen, spent_already).await });
            looking.await.map_err(Failure::internal)?
        })
    }

    /// True if what is seen is covered, without waiting for anybody.
    fn covers(&self, seen: &Seen) -> bool {
        let held = &self.0;
        let Ok(mut accounts) = held.accounts.try_lock() else { return false };
        let mut pairs = held.budgets.iter().zip(accounts.iter_mut());
        pairs.all(|(budget, account)| {
            let covered = account.told.saturating_add(account.held) >= held.sum(budget, |bound| seen.needed(bound));
            if covered {
                account.allowed = account.allowed.max(held.sum(budget, |bound| seen.used(bound)));
            }
            covered
        })
    }
}

impl Spending for Hold {
    fn metered(&self, meter: &str, quantity: u64) {
        let mut seen = lock(&self.0.seen);
        let sum = seen.metered.entry(meter.to_owned()).or_default();
        *sum = sum.saturating_add(quantity);
    }

    fn grows(&self, meter: &str, by: &str, begun: u64, each: u64) {
        let read = self.0.bounds.iter().find(|bound| bound.meter == by).and_then(|bound| bound.stream.clone());
        if let Some(stream) = read {
            lock(&self.0.seen).rates.insert(meter.to_owned(), Rate { begun, each, stream });
        }
    }

    fn may_go_on(&self) -> MayGoOn<'_> {
        let seen = lock(&self.0.seen).clone();
        if self.covers(&seen) { Box::pin(std::future::ready(Ok(()))) } else { self.look(seen, true) }
    }

    fn may_flow(&self, flowed: Flowed) -> MayGoOn<'_> {
        let seen = Seen { flowed, ..lock(&self.0.seen).clone() };
        if self.covers(&seen) {
            lock(&self.0.seen).flowed = flowed;
            return Box::pin(std::future::ready(Ok(())));
        }
        Box::pin(async move {
            self.look(seen, false).await?;
            lock(&self.0.seen).flowed = flowed;
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests;
