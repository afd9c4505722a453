//! What a batch has spent of budgets, added up by budget and period.

use std::collections::BTreeMap;

use patchbay_model::{BudgetId, OrgId, RunId, Timestamp, UsageId};

use super::RunCommit;

/// What a run has spent of a budget. What it still held of it is given back with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spent {
    /// Which budget.
    pub budget: BudgetId,
    /// When the billing period begins that the run counts to.
    pub period: Timestamp,
    /// In millionths of the budget's unit, without what was said to be spent before; less than nothing if that was too
    /// much.
    pub amount: i64,
    /// What records with an id of their own come to, which count only if they are no repeats.
    pub perhaps: Vec<(UsageId, i64)>,
}

/// The most that a batch adds at once: the sum with what was spent before stays within 64 bits.
const MOST: i64 = 1 << 61;

/// Which row of `budget_period`, in the order in which all hubs take them.
pub(super) type Key = (OrgId, BudgetId, i64);

/// `is_new` tells whether a record with an id of its own was stored.
pub(super) fn sums(runs: &[Box<RunCommit>], is_new: impl Fn(UsageId) -> bool) -> BTreeMap<Key, i64> {
    let mut sums = BTreeMap::new();
    for (org, _, spent) in each(runs) {
        let sum: &mut i64 = sums.entry((org, spent.budget, spent.period.timestamp_micros())).or_default();
        let perhaps = spent.perhaps.iter().filter(|(id, _)| is_new(*id)).map(|(_, amount)| *amount);
        for amount in std::iter::once(spent.amount).chain(perhaps) {
            *sum = sum.saturating_add(amount).clamp(-MOST, MOST);
        }
    }
    sums
}

pub(super) fn each(runs: &[Box<RunCommit>]) -> impl Iterator<Item = (OrgId, RunId, &Spent)> {
    runs.iter().flat_map(|commit| commit.spent.iter().map(|spent| (commit.run.org, commit.run.id, spent)))
}
