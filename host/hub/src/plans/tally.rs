//! What an org has used in the present period, as far as this hub knows.
//!
//! The counters in the database are exact, but a call does not ask them: it looks at sums that were read a moment ago, to which
//! this hub adds what its own calls use. So a hub that has the database to itself is exact but for calls that run at the
//! same time, and these count too where calls are counted. Of several hubs each learns what the others used when it reads
//! anew: within a second once four fifths of a limit are used, within 15 before that. A limit is passed by what is used
//! in that time. Whoever needs an exact end sets a budget.
//!
//! If the counters cannot be read, calls go on: a limit is worth less than the service. That is counted in a metric, and told
//! in an event once they can be read again. Sums of the same period still hold as a lower bound meanwhile.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use arc_swap::ArcSwapOption;
use chrono::Duration;
use metrics::counter;
use patchbay_model::{
    Failure, Timestamp,
    period::Period,
    plan::{Counts, Metric},
    run::{RunKind, UsageRecord},
};
use serde_json::json;

use super::standing::Standing;
use crate::{
    call::Call,
    events::own::{Fact, Own},
    hub::{Hub, Inner, lock},
};

/// How often sums are read anew because calls ended meanwhile. A hub that is busier than that is off by a few calls until
/// they are read the next time.
const READS: u32 = 4;

/// Units by [`Metric::index`].
pub(crate) type Units = [u64; Metric::ALL.len()];

/// Live sums.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    counted: ArcSwapOption<Counted>,
    /// Somebody reads them anew while others go on with what there is.
    reading: AtomicBool,
    /// Whose turn it is to read them while others wait.
    turn: tokio::sync::Mutex<()>,
    /// How often something was added: sums that were read meanwhile may lack it.
    added: AtomicU64,
    /// Calls that run.
    in_flight: AtomicU64,
    unchecked: Mutex<Option<Unchecked>>,
}

#[derive(Debug)]
pub(crate) struct Counted {
    pub(crate) period: Period,
    /// Of which cycle the period is.
    anchor: Timestamp,
    read_at: Timestamp,
    units: [AtomicU64; Metric::ALL.len()],
}

impl Counted {
    fn is_of(&self, standing: &Standing, now: Timestamp) -> bool {
        self.anchor == standing.anchor && self.period.contains(now)
    }

    pub(crate) fn units(&self, metric: Metric) -> u64 {
        self.units.get(metric.index()).map_or(0, |units| units.load(Ordering::Relaxed))
    }
}

/// Calls that no limit was looked at for.
#[derive(Debug, Clone, Copy)]
struct Unchecked {
    since: Timestamp,
    calls: u64,
}

/// A call that runs; it counts until this is dropped.
#[derive(Debug)]
pub(crate) struct Running(Arc<Tally>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Tally {
    /// Counts a call as running, and gives how many run with it.
    pub(crate) fn begin(self: &Arc<Self>) -> (Running, u64) {
        let before = self.in_flight.fetch_add(1, Ordering::Relaxed);
        (Running(Arc::clone(self)), before + 1)
    }

    /// Adds what a run of this hub has used and committed.
    pub(crate) fn add_all(&self, counted: &[(Counts, u64, Timestamp)]) {
        for (counts, quantity, at) in counted {
            self.add(*counts, *quantity, *at);
        }
    }

    fn add(&self, counts: Counts, quantity: u64, at: Timestamp) {
        self.added.fetch_add(1, Ordering::SeqCst);
        if let Some(counted) = &*self.counted.load()
            && counted.period.contains(at)
            && let Some(units) = counted.units.get(counts.metric.index())
        {
            let more = counts.units(quantity);
            // the update always gives a value
            let _ = units.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |now| Some(now.saturating_add(more)));
        }
    }

    fn note_unchecked(&self, now: Timestamp) {
        counter!("patchbay_limit_checks_skipped_total").increment(1);
        let mut unchecked = lock(&self.unchecked);
        let noted = unchecked.get_or_insert(Unchecked { since: now, calls: 0 });
        noted.calls = noted.calls.saturating_add(1);
    }
}

/// How old sums may be: used as they are, used while they are read anew, and waited for above that.
fn ages(standing: &Standing, counted: &Counted, shared: bool) -> (Duration, Duration) {
    if !shared {
        // nobody else uses anything
        return (Duration::seconds(60), Duration::seconds(300));
    }
    let near = |metric: &Metric| {
        let stop = standing.plan.stops_at(*metric);
        stop.is_some_and(|stop| u128::from(counted.units(*metric)) * 5 >= u128::from(stop) * 4)
    };
    match Metric::ALL.iter().any(near) {
        true => (Duration::seconds(1), Duration::seconds(5)),
        false => (Duration::seconds(15), Duration::seconds(60)),
    }
}

impl Hub {
    /// What the org has used in the present period; none if nobody can say.
    pub(crate) async fn used(&self, standing: &Arc<Standing>) -> Option<Arc<Counted>> {
        let hub = &*self.0;
        let (now, tally) = (hub.clock.now(), &standing.tally);
        let known = tally.counted.load_full().filter(|counted| counted.is_of(standing, now));
        if let Some(counted) = &known {
            let age = now - counted.read_at;
            let (fresh, usable) = ages(standing, counted, hub.database.is_shared());
            if age <= fresh {
                return known;
            }
            if age <= usable {
                if !tally.reading.swap(true, Ordering::Relaxed) {
                    let (hub, standing) = (self.clone(), Arc::clone(standing));
                    self.0.work.spawn(async move {
                        if let Err(failure) = hub.0.read_counters(&standing).await {
                            tracing::warn!(error = %failure, "the counters of limits could not be read");
                        }
                        standing.tally.reading.store(false, Ordering::Relaxed);
                    });
                }
                return known;
            }
        }
        let _turn = tally.turn.lock().await;
        if let Some(counted) = tally.counted.load_full()
            && counted.is_of(standing, now)
            && counted.read_at >= now
        {
            // whoever had the turn before asked for us too
            return Some(counted);
        }
        match hub.read_counters(standing).await {
            Ok(counted) => Some(counted),
            Err(failure) => {
                tracing::warn!(error = %failure, "a call goes on without a look at limits: the counters could not be read");
                tally.note_unchecked(now);
                known
            }
        }
    }
}

impl Inner {
    /// What a run adds to live sums, with its times.
    pub(crate) fn counted(&self, call: &Call, usage: &[UsageRecord]) -> Vec<(Counts, u64, Timestamp)> {
        let of_call = matches!(call.kind, RunKind::Action | RunKind::Proxy);
        let calls = of_call.then(|| (Counts::one(Metric::Calls), 1, self.clock.now()));
        let metered = usage.iter().filter_map(|record| Some((record.counts?, record.quantity, record.at)));
        calls.into_iter().chain(metered).collect()
    }

    async fn read_counters(&self, standing: &Standing) -> Result<Arc<Counted>, Failure> {
        let now = self.clock.now();
        let period = standing.period(now);
        let mut tries = READS;
        let sums = loop {
            let before = standing.tally.added.load(Ordering::SeqCst);
            let mut tx = self.database.read().await?;
            let sums = tx.org(standing.org).counters().of(period).await?;
            tries -= 1;
            if tries == 0 || standing.tally.added.load(Ordering::SeqCst) == before {
                break sums;
            }
        };
        let units: Units = units_of(sums.iter().map(|counted| (counted.counts, counted.quantity)));
        let counted =
            Arc::new(Counted { period, anchor: standing.anchor, read_at: now, units: units.map(AtomicU64::new) });
        standing.tally.counted.store(Some(Arc::clone(&counted)));
        let unchecked = lock(&standing.tally.unchecked).take();
        if let Some(unchecked) = unchecked
            && let Err(failure) = self.tell_unchecked(standing, unchecked, now).await
        {
            tracing::warn!(error = %failure, "it was not told that limits were not looked at");
            *lock(&standing.tally.unchecked) = Some(unchecked);
        }
        Ok(counted)
    }

    async fn tell_unchecked(&self, standing: &Standing, unchecked: Unchecked, now: Timestamp) -> Result<(), Failure> {
        let fact = Fact {
            org: standing.org,
            subject: standing.plan.name.clone(),
            data: json!({ "from": unchecked.since, "to": now, "calls": unchecked.calls }),
            dedupe: None,
            at: now,
        };
        let event = Own::LimitsUnchecked.event(fact, &*self.clock, &*self.random);
        let mut tx = self.database.begin().await?;
        tx.org(standing.org).events().append(&event).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// Whole units of each metric: the sums of each meter, one that was begun counted as a whole.
pub(crate) fn units_of(sums: impl Iterator<Item = (Option<Counts>, u64)>) -> Units {
    let mut all = Units::default();
    for (counts, quantity) in sums {
        if let Some(counts) = counts
            && let Some(units) = all.get_mut(counts.metric.index())
        {
            *units = units.saturating_add(counts.units(quantity));
        }
    }
    all
}
