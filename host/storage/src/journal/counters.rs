//! What a batch adds to the live counters: its calls, and its usage records.
//!
//! Added up before it is written, so that a batch of 256 calls of one plugin changes a handful of rows. A record that
//! names an id of its own may be a repeat of one that was billed before; it counts if it was stored.

use std::collections::BTreeMap;

use patchbay_model::{
    OrgId,
    period::full_hour,
    plan::{Counts, Metric},
    run::{Run, RunKind, UsageRecord},
};

use super::RunCommit;
use crate::counter::CALLS;

/// Which counter. Their order is the one in which all hubs take them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key<'a> {
    pub(super) org: OrgId,
    /// Microseconds since the epoch.
    pub(super) hour: i64,
    pub(super) plugin: &'a str,
    pub(super) meter: &'a str,
    /// Empty for what plans do not know.
    pub(super) metric: &'static str,
    pub(super) per: u32,
}

impl<'a> Key<'a> {
    fn of_calls(run: &'a Run) -> Self {
        let hour = full_hour(run.started_at).timestamp_micros();
        let metric = Metric::Calls.as_str();
        Self { org: run.org, hour, plugin: run.plugin.as_str(), meter: CALLS, metric, per: 1 }
    }

    pub(super) fn of_usage(run: &Run, usage: &'a UsageRecord) -> Self {
        let (metric, per) = match usage.counts {
            Some(Counts { metric, per }) => (metric.as_str(), per.max(1)),
            None => ("", 1),
        };
        let hour = full_hour(usage.at).timestamp_micros();
        Self { org: run.org, hour, plugin: usage.plugin.as_str(), meter: &usage.meter, metric, per }
    }
}

/// True for what a plan's limit on calls is about: not for what vendors or the hub itself begin.
const fn is_a_call(kind: RunKind) -> bool {
    matches!(kind, RunKind::Action | RunKind::Proxy)
}

/// All that is added, by counter. `counts` tells whether a record does.
pub(super) fn sums<'a>(runs: &'a [Box<RunCommit>], counts: impl Fn(&UsageRecord) -> bool) -> BTreeMap<Key<'a>, u64> {
    let mut sums = BTreeMap::new();
    let mut add = |key, quantity| {
        let sum: &mut u64 = sums.entry(key).or_default();
        *sum = sum.saturating_add(quantity);
    };
    for commit in runs {
        if is_a_call(commit.run.kind) {
            add(Key::of_calls(&commit.run), 1);
        }
        for usage in commit.usage.iter().filter(|usage| counts(usage)) {
            add(Key::of_usage(&commit.run, usage), usage.quantity);
        }
    }
    sums
}

/// Records that may be repeats.
pub(super) fn with_own_ids(runs: &[Box<RunCommit>]) -> impl Iterator<Item = (&Run, &UsageRecord)> {
    let all = runs.iter().flat_map(|commit| commit.usage.iter().map(|usage| (&commit.run, usage)));
    all.filter(|(_, usage)| usage.dedupe.is_some())
}

/// The new quantity of a counter, which stops where the database's integers end: one quantity that a plugin reports must
/// not hide the org's whole bill.
macro_rules! added {
    () => {
        "CASE WHEN usage_counter.quantity > 9223372036854775807 - excluded.quantity THEN 9223372036854775807
           ELSE usage_counter.quantity + excluded.quantity END"
    };
}
pub(crate) use added;
