//! What a run has spent of budgets, for the transaction that commits it.

use patchbay_model::{
    budget::Budget,
    period::Period,
    plan::{Counts, Metric},
    run::{RunKind, UsageRecord},
};
use patchbay_storage::Spent;

use super::value::{applies, worth};
use crate::{call::Call, hub::Inner, plans::catalogue::Plan};

impl Inner {
    /// What the run has spent, of budgets that it holds something of and of those that were made meanwhile. What a vendor
    /// begins holds nothing, and what it meters is spent all the same.
    pub(crate) async fn spent_by(&self, call: &Call, usage: &[UsageRecord]) -> Vec<Spent> {
        let org = call.serving.tenant.org;
        let is_call = matches!(call.kind, RunKind::Action | RunKind::Proxy);
        if !is_call && usage.is_empty() {
            return Vec::new();
        }
        // without an answer the commit will fail as well
        let standing = self.standing(org).await.ok();
        let held = match &call.hold {
            Some(hold) => Some(hold.told().await),
            None => None,
        };
        let Some(standing) = standing.or_else(|| call.admitted.as_ref().map(|admitted| admitted.standing.clone()))
        else {
            return Vec::new();
        };
        if standing.budgets.is_empty() && held.is_none() {
            return Vec::new();
        }
        let (period, held) = held.unwrap_or_else(|| (standing.period(self.clock.now()), Vec::new()));
        let plugin = &call.plugin().manifest().id;
        let key = call.admitted.as_ref().map(|admitted| admitted.key);
        let others = standing
            .budgets
            .iter()
            .filter(|budget| applies(budget, plugin, key) && !held.iter().any(|(held, _)| held.id == budget.id));
        let others: Vec<_> = others.map(|budget| (budget.clone(), 0)).collect();
        // prices are those that the call began under
        let plan = call.admitted.as_ref().map_or(&standing.plan, |admitted| &admitted.standing.plan);
        held.iter()
            .map(|one| (one, true))
            .chain(others.iter().map(|one| (one, false)))
            .map(|((budget, told), holds)| (spent(budget, plan, period, is_call, *told, usage), holds))
            .filter(|(spent, holds)| *holds || spent.amount != 0 || !spent.perhaps.is_empty())
            .map(|(spent, _)| spent)
            .collect()
    }
}

fn spent(budget: &Budget, plan: &Plan, period: Period, is_call: bool, told: u64, usage: &[UsageRecord]) -> Spent {
    let of = |record: &UsageRecord| record.counts.map_or(0, |counts| worth(budget.unit, plan, counts, record.quantity));
    let call = if is_call { worth(budget.unit, plan, Counts::one(Metric::Calls), 1) } else { 0 };
    // of a meter that is added to bit by bit, the sum is rounded and not each bit
    let sure = usage.iter().filter(|record| record.dedupe.is_none());
    let sure =
        crate::plans::summed(sure).into_iter().map(|(counts, quantity)| worth(budget.unit, plan, counts, quantity));
    let perhaps = usage.iter().filter(|record| record.dedupe.is_some()).map(|record| (record.id, signed(of(record))));
    Spent {
        budget: budget.id,
        period: period.starts_at,
        amount: signed(sure.fold(call, u64::saturating_add)) - signed(told),
        perhaps: perhaps.filter(|(_, amount)| *amount > 0).collect(),
    }
}

/// What is worth more than 2^60 is not: see [`worth`].
fn signed(millionths: u64) -> i64 {
    i64::try_from(millionths.min(1 << 62)).unwrap_or(i64::MAX)
}
