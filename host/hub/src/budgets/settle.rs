//! What a run has spent of budgets, for the transaction that commits it.

use std::sync::Arc;

use patchbay_model::{
    budget::Budget,
    period::Period,
    plan::{Counts, Metric},
    run::{RunKind, UsageRecord},
};
use patchbay_storage::Spent;

use super::value::{applies, worth};
use crate::{
    call::Call,
    hub::Inner,
    plans::{catalogue::Plan, standing::Standing},
};

impl Inner {
    /// How the org stands when a run ends: budgets may have been made meanwhile. None for a run that uses nothing.
    pub(crate) async fn standing_at_the_end(&self, call: &Call, usage: &[UsageRecord]) -> Option<Arc<Standing>> {
        if call.admitted.is_none() && usage.is_empty() {
            return None;
        }
        let now = self.standing(call.serving.tenant.org).await.ok();
        // without an answer the commit will fail as well
        now.or_else(|| call.admitted.as_ref().map(|admitted| Arc::clone(&admitted.standing)))
    }

    /// What the run has spent, of budgets that it holds something of and of those that were made meanwhile. What a vendor
    /// begins holds nothing, and what it meters is spent all the same.
    pub(crate) async fn spent_by(&self, call: &Call, standing: Option<&Standing>, usage: &[UsageRecord]) -> Vec<Spent> {
        let Some(standing) = standing else { return Vec::new() };
        let is_call = matches!(call.kind, RunKind::Action | RunKind::Proxy);
        let held = match &call.hold {
            Some(hold) => Some(hold.told().await),
            None => None,
        };
        if standing.budgets.is_empty() && held.is_none() {
            return Vec::new();
        }
        let (period, held) = held.unwrap_or_else(|| (standing.period(self.clock.now()), Vec::new()));
        let plugin = &call.plugin().manifest().id;
        let key = call.admitted.as_ref().and_then(|admitted| admitted.key);
        // prices are those that the call began under
        let plan = call.admitted.as_ref().map_or(&standing.plan, |admitted| &admitted.standing.plan);
        let mut all: Vec<Spent> =
            held.iter().map(|(budget, told)| spent(budget, plan, period, is_call, *told, usage)).collect();
        let others = standing.budgets.iter().filter(|budget| held.iter().all(|(held, _)| held.id != budget.id));
        for budget in others.filter(|budget| applies(budget, plugin, key)) {
            let spent = spent(budget, plan, period, is_call, 0, usage);
            if spent.amount != 0 || !spent.perhaps.is_empty() {
                all.push(spent);
            }
        }
        all
    }
}

pub(super) fn spent(
    budget: &Budget,
    plan: &Plan,
    period: Period,
    is_call: bool,
    told: u64,
    usage: &[UsageRecord],
) -> Spent {
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
