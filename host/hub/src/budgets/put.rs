//! Setting budgets and taking them away.

use patchbay_model::{
    BudgetId, Code, Failure, Permission, PluginId, Timestamp,
    budget::{Budget, BudgetSubject, BudgetUnit, MOST_CAP},
};
use patchbay_storage::{Change, Counted, OrgTx};
use serde_json::json;

use super::{
    BudgetView,
    of_key::{check_not_own, kept_under},
    value::worth,
    view::no_such_budget,
};
use crate::{
    auth::Caller,
    hub::Hub,
    plans::{
        catalogue::{Feature, Plan},
        standing::Standing,
    },
};

/// What a budget shall be.
#[derive(Debug, Clone, Copy)]
pub struct PutBudget {
    /// The most per billing period, in whole minor units or units of the metric; at most 10^12.
    pub cap: u64,
}

impl Hub {
    /// Sets a budget. Needs the permission `manage_installations`. For the org and for a plugin, what was used in the present period before
    /// counts too; for a key it begins with nothing, because nobody kept what keys used. Calls that run go on without
    /// it, and count when they end. A key and those made in its place have it together. `forbidden` for a key that would
    /// raise its own. `plan_required` if the plan has no budgets, `not_found` for a plugin or key that
    /// is not there, `conflict` for money where the plan has no prices.
    pub async fn put_budget(
        &self,
        caller: &Caller,
        subject: BudgetSubject,
        unit: BudgetUnit,
        put: PutBudget,
    ) -> Result<BudgetView, Failure> {
        caller.require(Permission::ManageInstallations)?;
        let hub = &*self.0;
        hub.running()?;
        hub.require_feature(caller.org, Feature::Budgets).await?;
        if put.cap > MOST_CAP {
            return Err(Failure::violation("/cap", format!("at most {MOST_CAP}")));
        }
        let standing = hub.standing(caller.org).await?;
        check_unit(unit, &standing.plan)?;
        if let BudgetSubject::Plugin(plugin) = &subject {
            self.check_plugin(caller, plugin).await?;
        }
        let now = hub.clock.now();
        let mut tx = hub.database.begin().await?;
        let mut ours = tx.org(caller.org);
        ours.lock().await?;
        let subject = kept_under(&mut ours, &subject).await?;
        let before = ours.budgets().get(&subject, unit).await?;
        if let Some(before) = &before {
            check_not_own(caller, before, Some(put.cap))?;
        }
        let id = before.as_ref().map_or_else(|| BudgetId::new(&*hub.clock, &*hub.random), |before| before.id);
        let created_at = before.as_ref().map_or(now, |before| before.created_at);
        let budget = Budget { id, org: caller.org, subject, unit, cap: put.cap, created_at, updated_at: now };
        ours.budgets().put(&budget).await?;
        if before.is_none() {
            begin(&mut ours, &standing, &budget, now).await?;
        }
        let detail = json!({ "old": before.map(|before| before.cap), "new": budget.cap, "unit": unit });
        let entry = hub.audit(caller.org, caller.actor, "budget.put", &budget.subject, detail);
        let view = hub.budget_view(&mut ours, &standing, budget).await?;
        ours.audit().append(&entry).await?;
        tx.hub().notify(Change::Plan { org: caller.org }).await?;
        tx.commit().await?;
        hub.standings.invalidate(&caller.org).await;
        Ok(view)
    }

    /// Takes a budget away; calls that it would have stopped go on from now on. Needs the permission `manage_installations`; `not_found` if
    /// there is none, `forbidden` for a key's own.
    pub async fn delete_budget(
        &self,
        caller: &Caller,
        subject: &BudgetSubject,
        unit: BudgetUnit,
    ) -> Result<(), Failure> {
        caller.require(Permission::ManageInstallations)?;
        let hub = &*self.0;
        let mut tx = hub.database.begin().await?;
        let mut ours = tx.org(caller.org);
        let subject = kept_under(&mut ours, subject).await?;
        let before = ours.budgets().get(&subject, unit).await?.ok_or_else(no_such_budget)?;
        check_not_own(caller, &before, None)?;
        ours.budgets().delete(before.id).await?;
        let detail = json!({ "old": before.cap, "unit": unit });
        let entry = hub.audit(caller.org, caller.actor, "budget.delete", &subject, detail);
        ours.audit().append(&entry).await?;
        tx.hub().notify(Change::Plan { org: caller.org }).await?;
        tx.commit().await?;
        hub.standings.invalidate(&caller.org).await;
        Ok(())
    }

    async fn check_plugin(&self, caller: &Caller, plugin: &PluginId) -> Result<(), Failure> {
        let known = self.0.registry.catalogue().best(plugin).is_some();
        if known || self.0.installed(caller.org, plugin).await?.is_some() {
            return Ok(());
        }
        Err(Failure::new(Code::NotFound, format!("there is no plugin `{plugin}`")))
    }
}

/// A cap that could never be reached would be a promise that nobody keeps.
pub(super) fn check_unit(unit: BudgetUnit, plan: &Plan) -> Result<(), Failure> {
    match unit {
        BudgetUnit::Metric(metric) if metric.is_standing() => Err(Failure::new(
            Code::InvalidRequest,
            format!("{metric} are there or not, and are not spent: the plan's limit is their cap"),
        )),
        BudgetUnit::Money if plan.overage.iter().all(Option::is_none) => Err(Failure::new(
            Code::Conflict,
            format!("the plan `{}` has no prices, so no money is ever spent: set a budget in a metric", plan.name),
        )),
        _ => Ok(()),
    }
}

/// Lets a budget begin in the present period with what was used in it before.
async fn begin(tx: &mut OrgTx<'_>, standing: &Standing, budget: &Budget, now: Timestamp) -> Result<(), Failure> {
    let period = standing.period(now);
    let used = tx.counters().of(period).await?;
    let spent = used_before(budget, &standing.plan, &used);
    tx.budgets().set_spent(budget.id, period.starts_at, spent).await?;
    Ok(())
}

/// In millionths; nothing for a key.
pub(crate) fn used_before(budget: &Budget, plan: &Plan, used: &[Counted]) -> u64 {
    let counts = |counted: &&Counted| match &budget.subject {
        BudgetSubject::Org => true,
        BudgetSubject::Plugin(plugin) => counted.plugin == *plugin,
        BudgetSubject::ApiKey(_) => false,
    };
    let each = used.iter().filter(counts).filter_map(|counted| Some((counted.counts?, counted.quantity)));
    each.map(|(counts, quantity)| worth(budget.unit, plan, counts, quantity)).fold(0, u64::saturating_add)
}
