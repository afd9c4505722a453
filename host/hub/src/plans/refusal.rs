//! What a caller is told whose plan ends here.
//!
//! `plan_required` is 403: waiting does not help, another plan does. `plan_limit_reached` and `budget_exhausted` are 402:
//! 429 would be tried again by every SDK, for weeks. All say what would help, and when the period ends.

use std::sync::Arc;

use patchbay_model::{
    Code, Entitlement, Failure, Timestamp,
    budget::Budget,
    period::Period,
    plan::{MILLION, Metric},
};

use super::{
    catalogue::{Plan, Plans},
    standing::Standing,
};

/// Fails with `plan_required` if the org's plan is below this one. `feature` is what it lacks then.
pub(crate) fn unless_has(
    standing: &Standing,
    lowest: &Arc<Plan>,
    now: Timestamp,
    feature: impl FnOnce() -> String,
) -> Result<(), Failure> {
    if standing.plan.rank >= lowest.rank {
        return Ok(());
    }
    let (feature, plan) = (feature(), &standing.plan.name);
    let detail =
        format!("the plan `{plan}` does not have `{feature}`; the lowest one that has it is `{}`", lowest.name);
    Err(Failure::new(Code::PlanRequired, detail).with_entitlement(Entitlement {
        feature: Some(feature),
        plan: plan.clone(),
        lowest_plan: Some(lowest.name.clone()),
        period_ends_at: Some(standing.period(now).ends_at),
        ..Entitlement::default()
    }))
}

/// What the plan includes of a metric is used up.
pub(crate) fn limit_reached(
    plans: &Plans,
    standing: &Standing,
    period: Period,
    (metric, allowed, used): (Metric, u64, u64),
) -> Failure {
    let plan = &standing.plan;
    let beyond = plans.lowest_beyond(plan, metric).map(|plan| plan.name.clone());
    let more = beyond.as_ref().map_or_else(|| "no plan has more".to_owned(), |plan| format!("`{plan}` has more"));
    let until = period.ends_at.format("%FT%TZ");
    let detail = match metric.is_standing() {
        true => format!("the plan `{}` includes {allowed} {metric} at once; {more}", plan.name),
        false => {
            format!("the plan `{}` includes {allowed} {metric} until {until}, and they are used up; {more}", plan.name)
        }
    };
    Failure::new(Code::PlanLimitReached, detail).with_entitlement(Entitlement {
        limit: Some(metric),
        allowed: Some(allowed),
        used: Some(used),
        plan: plan.name.clone(),
        lowest_plan: beyond,
        period_ends_at: Some(period.ends_at),
        ..Entitlement::default()
    })
}

/// A budget has not enough left. `taken`: spent, and held by calls that run, in millionths.
pub(crate) fn budget_exhausted(budget: &Budget, plan: &Plan, period: Period, cap: u64, taken: u64) -> Failure {
    let (until, used) = (period.ends_at.format("%FT%TZ"), taken.div_ceil(MILLION));
    let detail = format!(
        "{} has not enough left: {used} of {cap} are spent or held by calls that run, until {until}",
        budget.in_words()
    );
    Failure::new(Code::BudgetExhausted, detail).with_entitlement(Entitlement {
        budget: Some(budget.id),
        allowed: Some(cap),
        used: Some(used),
        plan: plan.name.clone(),
        period_ends_at: Some(period.ends_at),
        ..Entitlement::default()
    })
}
