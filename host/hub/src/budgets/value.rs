//! What a metered quantity is worth to a budget.

use patchbay_model::{
    ApiKeyId, PluginId,
    budget::{Budget, BudgetSubject, BudgetUnit},
    plan::Counts,
};

use crate::plans::catalogue::Plan;

/// In millionths of the budget's unit. Money counts every unit at the plan's price for more than it includes, whether it
/// is included or not: so it adds up, whoever used what first. What the plan has no price for is worth no money.
pub(crate) fn worth(unit: BudgetUnit, plan: &Plan, counts: Counts, quantity: u64) -> u64 {
    match unit {
        BudgetUnit::Metric(metric) if metric == counts.metric => counts.millionths(quantity),
        BudgetUnit::Metric(_) => 0,
        BudgetUnit::Money => plan.overage(counts.metric).map_or(0, |price| price.millionths(counts, quantity)),
    }
}

/// True if calls of this plugin with this key spend of the budget; no key for what vendors begin.
pub(super) fn applies(budget: &Budget, plugin: &PluginId, key: Option<ApiKeyId>) -> bool {
    match &budget.subject {
        BudgetSubject::Org => true,
        BudgetSubject::Plugin(own) => own == plugin,
        BudgetSubject::ApiKey(own) => Some(*own) == key,
    }
}

#[cfg(test)]
mod tests {
    use patchbay_model::plan::{MILLION, Metric};

    use super::*;
    use crate::plans::catalogue::Plans;

    #[test]
    fn a_metric_counts_units_and_money_counts_what_has_a_price() {
        let plans = Plans::default();
        let (pro, free) = (plans.get("pro").unwrap(), plans.get("free").unwrap());
        let (tokens, seconds) = (Counts::one(Metric::AiTokens), Counts { metric: Metric::Minutes, per: 60 });
        let of = BudgetUnit::Metric(Metric::AiTokens);
        assert_eq!(worth(of, free, tokens, 7), 7 * MILLION);
        assert_eq!(worth(of, free, seconds, 60), 0);
        // 40 cents for 100,000 tokens, 1.3 cents a minute
        assert_eq!(worth(BudgetUnit::Money, pro, tokens, 50_000), 20 * MILLION);
        assert_eq!(worth(BudgetUnit::Money, pro, seconds, 90), 1_950_000);
        assert_eq!(worth(BudgetUnit::Money, free, tokens, 50_000), 0);
    }
}
