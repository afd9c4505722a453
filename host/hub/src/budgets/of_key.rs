//! Spend limits of API keys: budgets that begin with their key.
//!
//! A key and those that are made in its place spend of the same budgets, so nobody has them twice while both work. And no
//! key gets around its own: it neither raises them nor makes or replaces a key that has none.

use std::collections::BTreeMap;

use chrono::Duration;
use patchbay_model::{
    ApiKeyId, BudgetId, Code, Failure,
    budget::{Budget, BudgetSubject, BudgetUnit, MOST_CAP},
    identity::Actor,
    org::ApiKey,
};
use patchbay_storage::OrgTx;
use serde_json::json;

use super::put::check_unit;
use crate::{audit::Entries, auth::Caller, hub::Inner, plans::catalogue::Feature, queries::not_found};

/// How long the budgets of a key stay after it has ended. A call that has begun may still settle, and a hub that was not
/// told yet takes the key for good for up to a minute: who revokes their own key must not get around its limits by that.
const STILL_SPENDS: Duration = Duration::hours(1);

/// Caps per billing period, by unit: in whole minor units or units of the metric.
pub type SpendLimits = BTreeMap<BudgetUnit, u64>;

impl Inner {
    /// Fails unless a key of the org may be made with these limits: `plan_required`, `invalid_input`, or as
    /// [`crate::Hub::put_budget`].
    pub(crate) async fn check_key_limits(&self, caller: &Caller, limits: &SpendLimits) -> Result<(), Failure> {
        if limits.is_empty() {
            return Ok(());
        }
        self.require_feature(caller.org, Feature::Budgets).await?;
        let standing = self.standing(caller.org).await?;
        for (unit, cap) in limits {
            check_unit(*unit, &standing.plan)?;
            if *cap > MOST_CAP {
                return Err(Failure::violation(format!("/spend_limits/{unit}"), format!("at most {MOST_CAP}")));
            }
        }
        Ok(())
    }

    /// Gives a key that is just being made its limits.
    pub(crate) async fn put_key_limits(
        &self,
        tx: &mut OrgTx<'_>,
        key: &ApiKey,
        limits: &SpendLimits,
    ) -> Result<(), Failure> {
        for (unit, cap) in limits {
            let budget = Budget {
                id: BudgetId::new(&*self.clock, &*self.random),
                org: key.org,
                subject: BudgetSubject::ApiKey(key.id),
                unit: *unit,
                cap: *cap,
                created_at: key.created_at,
                updated_at: key.created_at,
            };
            tx.budgets().put(&budget).await?;
        }
        Ok(())
    }

    /// Deletes the budgets of keys that do not work any more, and neither does any that was made in their place: nobody can
    /// spend of them, and each call would look at them. Gives what to say of it in the audit log, at the end of the
    /// transaction. Whoever gets something tells of [`patchbay_storage::Change::Plan`].
    pub(crate) async fn delete_ended_key_limits(&self, tx: &mut OrgTx<'_>) -> Result<Entries, Failure> {
        let of_keys = tx.budgets().list().await?.into_iter().filter_map(|budget| match budget.subject {
            BudgetSubject::ApiKey(spender) => Some((spender, budget)),
            BudgetSubject::Org | BudgetSubject::Plugin(_) => None,
        });
        let of_keys: Vec<_> = of_keys.collect();
        if of_keys.is_empty() {
            return Ok(Entries::default());
        }
        let spenders = tx.api_keys().spenders(self.clock.now() - STILL_SPENDS).await?;
        let mut told = Entries::default();
        for (_, budget) in of_keys.into_iter().filter(|(spender, _)| !spenders.contains(spender)) {
            tx.budgets().delete(budget.id).await?;
            let detail =
                json!({ "old": budget.cap, "unit": budget.unit, "because": "none of its keys works any more" });
            told.push(self.audit(budget.org, Actor::Hub, "budget.delete", &budget.subject, detail));
        }
        Ok(told)
    }
}

/// Of which budgets a key that this caller makes has to spend: of the caller's own, if it has any.
pub(crate) async fn shared_by(tx: &mut OrgTx<'_>, caller: &Caller) -> Result<Option<ApiKeyId>, Failure> {
    let Some(spender) = caller.spends_as else { return Ok(None) };
    let budgets = tx.budgets().list().await?;
    Ok((!limits_of(&budgets, spender).is_empty()).then_some(spender))
}

/// What of an org's budgets are limits of this key.
pub(crate) fn limits_of(budgets: &[Budget], spender: ApiKeyId) -> SpendLimits {
    let of_key = budgets.iter().filter(|budget| budget.subject == BudgetSubject::ApiKey(spender));
    of_key.map(|budget| (budget.unit, budget.cap)).collect()
}

/// The subject under which a budget is kept: of a key, the one whose budgets it spends of. `not_found` for a key that is
/// not there.
pub(super) async fn kept_under(tx: &mut OrgTx<'_>, subject: &BudgetSubject) -> Result<BudgetSubject, Failure> {
    match subject {
        BudgetSubject::ApiKey(key) => {
            let key = tx.api_keys().get(*key).await?.ok_or_else(|| not_found("API key"))?;
            Ok(BudgetSubject::ApiKey(key.spender()))
        }
        other => Ok(other.clone()),
    }
}

/// Fails for a key that would take away or raise what caps itself.
pub(super) fn check_not_own(caller: &Caller, before: &Budget, cap: Option<u64>) -> Result<(), Failure> {
    let is_own = caller.spends_as.is_some_and(|spender| before.subject == BudgetSubject::ApiKey(spender));
    if is_own && cap.is_none_or(|cap| cap > before.cap) {
        let detail = "a key neither raises nor deletes a budget of its own: take another key, or sign in";
        return Err(Failure::new(Code::Forbidden, detail));
    }
    Ok(())
}
