//! Giving an org a plan: the operator's to do, and its owners' where the operator lets them. Audited, and known to all hubs
//! within a second.

use std::sync::Arc;

use patchbay_model::{
    Code, Failure, OrgId, Permission, Timestamp,
    budget::BudgetSubject,
    period::{Period, full_hour},
};
use patchbay_storage::{Change, OrgTx, Tx};
use serde_json::json;

use super::{catalogue::Plan, standing::Standing, view::PlanView};
use crate::{
    audit::Actor,
    auth::Caller,
    budgets::used_before,
    hub::{Hub, Inner},
};

impl Hub {
    /// Gives the org a plan, at once and for the whole of the present billing period. `anchor` begins another cycle, at
    /// the full hour that it is in; without it the cycle stays. `invalid_input` for a plan that is not configured,
    /// `not_found` for an org that is not there.
    pub async fn set_plan(&self, org: OrgId, plan: &str, anchor: Option<Timestamp>) -> Result<PlanView, Failure> {
        self.give_plan(org, Actor::Operator, plan, anchor).await
    }

    /// Chooses the org's plan, at once and for the whole of the present billing period; the cycle stays. Needs the
    /// permission `manage_billing`, which owners have. `forbidden` unless the operator lets owners choose
    /// ([`super::settings::Billing::owners_choose`]), `invalid_input` for a plan that is not configured.
    pub async fn choose_plan(&self, caller: &Caller, plan: &str) -> Result<PlanView, Failure> {
        caller.require(Permission::ManageBilling)?;
        if !self.0.config.plans.owners_choose && caller.require(Permission::OperateHub).is_err() {
            return Err(Failure::new(Code::Forbidden, "the operator of this hub gives plans: ask for another one"));
        }
        self.give_plan(caller.org, caller.actor, plan, None).await
    }

    async fn give_plan(
        &self,
        org: OrgId,
        actor: Actor,
        plan: &str,
        anchor: Option<Timestamp>,
    ) -> Result<PlanView, Failure> {
        let hub = &*self.0;
        let plans = &hub.config.plans;
        let Some(new) = plans.get(plan) else {
            let names: Vec<_> = plans.iter().map(|plan| plan.name.as_str()).collect();
            return Err(Failure::violation("/plan", format!("a plan: {}", names.join(", "))));
        };
        let mut tx = hub.database.begin().await?;
        tx.org(org).lock().await?;
        hub.write_plan(&mut tx, org, actor, new, anchor).await?;
        tx.commit().await?;
        hub.standings.invalidate(&org).await;
        self.plan_of(org).await
    }
}

impl Inner {
    /// Gives a locked org a plan, in a transaction that does nothing more after it: the audit log comes last. Its standing has to be
    /// forgotten once that is committed.
    pub(crate) async fn write_plan(
        &self,
        tx: &mut Tx,
        org: OrgId,
        actor: Actor,
        new: &Arc<Plan>,
        anchor: Option<Timestamp>,
    ) -> Result<(), Failure> {
        let now = self.clock.now();
        let mut ours = tx.org(org);
        let no_org = || Failure::new(Code::NotFound, "there is no such organization");
        let before = ours.plans().current().await?.ok_or_else(no_org)?;
        let anchor = full_hour(anchor.unwrap_or(before.anchor));
        ours.plans().put(now, &new.name, anchor).await?;
        let (old_period, period) = (Period::containing(before.anchor, now), Period::containing(anchor, now));
        if old_period != period {
            let budgets = ours.budgets().list().await?;
            let standing = Standing { org, plan: Arc::clone(new), anchor, budgets, tally: Arc::default() };
            move_budgets(&mut ours, &standing, old_period, now).await?;
        }
        let old = json!({ "plan": before.plan, "anchor": before.anchor });
        let detail = json!({ "old": old, "new": { "plan": new.name, "anchor": anchor } });
        let entry = self.audit(org, actor, "org.plan", &new.name, detail);
        ours.audit().append(&entry).await?;
        tx.hub().notify(Change::Plan { org }).await?;
        Ok(())
    }
}

/// Says what was spent in the period of another cycle. What a key spent is known for its old period only, and goes along.
async fn move_budgets(tx: &mut OrgTx<'_>, standing: &Standing, old: Period, now: Timestamp) -> Result<(), Failure> {
    let period = standing.period(now);
    let used = tx.counters().of(period).await?;
    for budget in &standing.budgets {
        let spent = match budget.subject {
            BudgetSubject::ApiKey(_) => tx.budgets().state(budget.id, old.starts_at, now).await?.spent,
            BudgetSubject::Org | BudgetSubject::Plugin(_) => used_before(budget, &standing.plan, &used),
        };
        tx.budgets().set_spent(budget.id, period.starts_at, spent).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use patchbay_model::{
        budget::BudgetUnit,
        plan::{Counts, MILLION, Metric},
        run::{Basis, UsageRecord},
    };
    use patchbay_storage::AuditFilter;
    use serde_json::Value;

    use super::*;
    use crate::{PutBudget, testing::TestHub};

    /// Stores tokens that are metered now.
    async fn meter(test: &TestHub, org: &patchbay_model::org::Org, quantity: u64) {
        let hub = &*test.hub.0;
        let mut commit = test.commit(org, "openai", None);
        commit.usage = vec![UsageRecord {
            id: patchbay_model::UsageId::of(commit.run.id, "tokens", 0),
            org: org.id,
            plugin: commit.run.plugin.clone(),
            run: commit.run.id,
            meter: "tokens".to_owned(),
            quantity,
            basis: Basis::Reported,
            dedupe: None,
            at: hub.clock.now(),
            counts: Some(Counts::one(Metric::AiTokens)),
        }];
        hub.journal.commit(commit).await.unwrap();
    }

    #[tokio::test]
    async fn a_plan_that_is_not_configured_cannot_be_given() {
        let test = TestHub::open().await;
        let org = test.org().await;
        let failure = test.hub.set_plan(org.id, "gold", None).await.unwrap_err();
        assert_eq!(failure.violations[0].pointer, "/plan");
        assert!(failure.violations[0].expected.contains("free, starter, pro"), "{failure}");
        let nobody = OrgId::new(&*test.hub.0.clock, &*test.hub.0.random);
        assert_eq!(test.hub.set_plan(nobody, "pro", None).await.unwrap_err().code, Code::NotFound);
    }

    #[tokio::test]
    async fn a_plan_holds_at_once_and_its_cycle_stays_unless_it_is_said() {
        let test = TestHub::open().await;
        let org = test.org().await;
        let before = test.hub.plan_of(org.id).await.unwrap();
        assert_eq!((before.plan.name.as_str(), before.anchor), ("enterprise", org.created_at));
        test.clock.advance(chrono::Duration::days(3));
        let after = test.hub.set_plan(org.id, "pro", None).await.unwrap();
        assert_eq!((after.plan.name.as_str(), after.period), ("pro", before.period));
        let anchor: Timestamp = "2026-12-31T09:30:00Z".parse().unwrap();
        let moved = test.hub.set_plan(org.id, "pro", Some(anchor)).await.unwrap();
        assert_eq!(moved.anchor, full_hour(anchor));
        assert_eq!(moved.period, Period::containing(anchor, test.hub.0.clock.now()));
    }

    #[tokio::test]
    async fn what_a_period_cost_is_by_the_plan_that_it_ended_with() {
        let test = TestHub::open().await;
        let org = test.org().await;
        test.hub.set_plan(org.id, "starter", None).await.unwrap();
        meter(&test, &org, 7).await;
        test.clock.advance(chrono::Duration::days(32));
        test.hub.set_plan(org.id, "pro", None).await.unwrap();
        meter(&test, &org, 5).await;
        let summary = async |which| test.hub.usage_summary_of(org.id, which).await.unwrap();
        let used = |summary: &crate::UsageSummary| {
            summary.metrics.iter().find(|one| one.metric == Metric::AiTokens).unwrap().used
        };
        let (now, before) = (summary(crate::WhichPeriod::Current).await, summary(crate::WhichPeriod::Previous).await);
        assert_eq!((now.plan.name.as_str(), used(&now), now.total), ("pro", 5, 4_900));
        assert_eq!((before.plan.name.as_str(), used(&before), before.total), ("starter", 7, 1_900));
        assert_eq!(before.period.ends_at, now.period.starts_at);
    }

    #[tokio::test]
    async fn a_budget_goes_along_into_another_cycle() {
        let test = TestHub::open().await;
        let org = test.org().await;
        let caller = test.caller(&org).await;
        let tokens = BudgetUnit::Metric(Metric::AiTokens);
        let put = async |subject| test.hub.put_budget(&caller, subject, tokens, PutBudget { cap: 100 }).await.unwrap();
        meter(&test, &org, 30).await;
        assert_eq!(put(BudgetSubject::Org).await.state.spent, 30 * MILLION, "what was used before counts");
        let of_key = put(BudgetSubject::ApiKey(caller.key().unwrap())).await;
        assert_eq!(of_key.state.spent, 0);
        let mut tx = test.hub.0.database.begin().await.unwrap();
        let (id, period) = (of_key.budget.id, of_key.period.starts_at);
        tx.org(org.id).budgets().set_spent(id, period, 4 * MILLION).await.unwrap();
        tx.commit().await.unwrap();
        test.clock.advance(chrono::Duration::hours(5));
        meter(&test, &org, 12).await;
        // the new cycle begins after the first tokens and before the last
        let anchor = test.hub.0.clock.now() - chrono::Duration::hours(2);
        test.hub.set_plan(org.id, "pro", Some(anchor)).await.unwrap();
        let spent = async |subject| test.hub.budget(&caller, &subject, tokens).await.unwrap().state.spent;
        assert_eq!(spent(BudgetSubject::Org).await, 12 * MILLION);
        assert_eq!(spent(BudgetSubject::ApiKey(caller.key().unwrap())).await, 4 * MILLION);
    }

    #[tokio::test]
    async fn changes_are_audited_with_old_and_new() {
        let test = TestHub::open().await;
        let org = test.org().await;
        let caller = test.caller(&org).await;
        let calls = BudgetUnit::Metric(Metric::Calls);
        for cap in [1, 7] {
            test.hub.put_budget(&caller, BudgetSubject::Org, calls, PutBudget { cap }).await.unwrap();
        }
        test.hub.delete_budget(&caller, &BudgetSubject::Org, calls).await.unwrap();
        test.hub.set_plan(org.id, "pro", None).await.unwrap();
        let mut tx = test.hub.0.database.read().await.unwrap();
        let entries = tx.org(org.id).audit().list(&AuditFilter { limit: 4, ..AuditFilter::default() }).await.unwrap();
        let entry = |place: usize| {
            let entry = &entries[place].entry;
            (
                entry.action.as_str(),
                entry.actor.starts_with("key_"),
                entry.detail["old"].clone(),
                entry.detail["new"].clone(),
            )
        };
        assert_eq!(entry(0).0, "org.plan");
        assert_eq!((&entry(0).2["plan"], &entry(0).3["plan"]), (&Value::Null, &json!("pro")));
        assert_eq!(entry(1), ("budget.delete", true, json!(7), Value::Null));
        assert_eq!(entry(2), ("budget.put", true, json!(1), json!(7)));
        assert_eq!(entry(3), ("budget.put", true, Value::Null, json!(1)));
    }

    #[tokio::test]
    async fn a_hub_does_not_start_with_plans_that_it_does_not_know() {
        let test = TestHub::open().await;
        let org = test.org().await;
        test.hub.check_plans_in_use().await.unwrap();
        let mut tx = test.hub.0.database.begin().await.unwrap();
        tx.org(org.id).plans().put(test.hub.0.clock.now(), "gold", org.created_at).await.unwrap();
        tx.commit().await.unwrap();
        let error = test.hub.check_plans_in_use().await.unwrap_err().to_string();
        assert!(error.contains("1 organizations have the plan `gold`") && error.contains("[plans.gold]"), "{error}");
        // a hub that runs meanwhile goes on, as if the org had never been given one
        assert_eq!(test.hub.plan_of(org.id).await.unwrap().plan.name, "enterprise");
    }
}
