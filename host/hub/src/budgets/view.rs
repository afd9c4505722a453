//! Budgets as people see them.

use patchbay_model::{
    Code, Failure, Permission,
    budget::{Budget, BudgetSubject, BudgetUnit},
    period::Period,
};
use patchbay_storage::{BudgetState, OrgTx};

use super::of_key::kept_under;
use crate::{
    auth::Caller,
    hub::{Hub, Inner},
    plans::standing::Standing,
};

/// A budget and how it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetView {
    /// What is capped.
    pub budget: Budget,
    /// The present billing period.
    pub period: Period,
    /// What is spent in it and what calls that run may still spend, in millionths.
    pub state: BudgetState,
    /// For a budget in money: three letters (ISO 4217).
    pub currency: Option<String>,
}

impl Hub {
    /// The org's budgets, in the order in which they were made. Needs the permission `read_settings`.
    pub async fn budgets(&self, caller: &Caller) -> Result<Vec<BudgetView>, Failure> {
        caller.require(Permission::ReadSettings)?;
        let standing = self.0.standing(caller.org).await?;
        let mut tx = self.0.database.read().await?;
        let mut ours = tx.org(caller.org);
        let now = self.0.clock.now();
        let period = standing.period(now);
        let states = ours.budgets().states(period.starts_at, now).await?;
        let view = |budget: Budget| {
            let state = states.get(&budget.id).copied().unwrap_or_default();
            self.0.view_of(budget, period, state)
        };
        Ok(ours.budgets().list().await?.into_iter().map(view).collect())
    }

    /// One of them; `not_found` if there is none. Needs the permission `read_settings`.
    pub async fn budget(
        &self,
        caller: &Caller,
        subject: &BudgetSubject,
        unit: BudgetUnit,
    ) -> Result<BudgetView, Failure> {
        caller.require(Permission::ReadSettings)?;
        let standing = self.0.standing(caller.org).await?;
        let mut tx = self.0.database.read().await?;
        let mut ours = tx.org(caller.org);
        let subject = kept_under(&mut ours, subject).await?;
        let budget = ours.budgets().get(&subject, unit).await?.ok_or_else(no_such_budget)?;
        self.0.budget_view(&mut ours, &standing, budget).await
    }
}

impl Inner {
    pub(super) async fn budget_view(
        &self,
        tx: &mut OrgTx<'_>,
        standing: &Standing,
        budget: Budget,
    ) -> Result<BudgetView, Failure> {
        let now = self.clock.now();
        let period = standing.period(now);
        let state = tx.budgets().state(budget.id, period.starts_at, now).await?;
        Ok(self.view_of(budget, period, state))
    }

    fn view_of(&self, budget: Budget, period: Period, state: BudgetState) -> BudgetView {
        let currency = (budget.unit == BudgetUnit::Money).then(|| self.config.plans.currency().to_owned());
        BudgetView { budget, period, state, currency }
    }
}

pub(super) fn no_such_budget() -> Failure {
    Failure::new(Code::NotFound, "there is no such budget")
}
