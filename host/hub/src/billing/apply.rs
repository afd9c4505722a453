//! How a subscription stands becomes what the org may.
//!
//! The vendor's webhooks come twice and in any order. So the plugin takes a number here before it asks the vendor, and what it
//! says under an older number than the last is dropped: whoever asked later knows better. What is said again changes nothing.

use patchbay_model::{
    Code, Failure, JobId, OrgId, Timestamp,
    billing::{Account, Subscription, SubscriptionStatus},
    period::{Period, full_hour},
};
use patchbay_storage::Tx;
use serde_json::json;

use super::GraceJob;
use crate::{
    audit::Actor,
    events::own::{Fact, Own},
    hub::Inner,
};

impl Inner {
    pub(super) async fn begin_entitlement(&self, org: OrgId) -> Result<u64, Failure> {
        let mut tx = self.database.begin().await?;
        if tx.org(org).plans().current().await?.is_none() {
            return Err(Failure::new(Code::NotFound, "there is no such organization"));
        }
        let ticket = tx.org(org).billing().next_ticket(self.clock.now()).await?;
        tx.commit().await?;
        Ok(ticket)
    }

    pub(super) async fn apply_entitlement(
        &self,
        org: OrgId,
        number: u64,
        subscription: Subscription,
    ) -> Result<bool, Failure> {
        let plans = &self.config.plans;
        if subscription.plan.as_deref().is_some_and(|name| plans.get(name).is_none()) {
            let names: Vec<_> = plans.iter().map(|plan| plan.name.as_str()).collect();
            return Err(Failure::violation("/subscription/plan", format!("a plan: {}", names.join(", "))));
        }
        let now = self.clock.now();
        let mut tx = self.database.begin().await?;
        tx.org(org).lock().await?;
        let account = tx.org(org).billing().account().await?;
        let Some(account) = account.filter(|account| (1..=account.ticket).contains(&number)) else {
            return Err(Failure::violation("/number", "a number that `begin` gave for this organization"));
        };
        if number < account.applied {
            return Ok(false);
        }
        // what was used so far is read by the plan and the period so far
        self.read_usage(&mut tx, org, &account).await?;
        let account = turned(account, number, subscription);
        tx.org(org).billing().put_account(&account, now).await?;
        let due = self.plan_grace(&mut tx, org, &account).await?;
        let changed = self.follow_subscription(&mut tx, org, &account).await?;
        tx.commit().await?;
        if changed {
            self.standings.invalidate(&org).await;
        }
        if let Some(due) = due {
            self.jobs.due_at(due);
        }
        Ok(true)
    }

    /// Has somebody look when a grace ends.
    async fn plan_grace(&self, tx: &mut Tx, org: OrgId, account: &Account) -> Result<Option<Timestamp>, Failure> {
        let Some(subscription) = &account.subscription else { return Ok(None) };
        let ends = subscription.grace_ends_at.filter(|_| subscription.status == SubscriptionStatus::PastDue);
        let Some(ends) = ends else { return Ok(None) };
        let now = self.clock.now();
        let job = GraceJob::at(JobId::new(&*self.clock, &*self.random), ends, now);
        tx.org(org).jobs().enqueue(&[job]).await?;
        Ok(Some(ends))
    }

    /// Gives a locked org the plan and the cycle of its subscription, last in a transaction; true if it had another one.
    pub(super) async fn follow_subscription(
        &self,
        tx: &mut Tx,
        org: OrgId,
        account: &Account,
    ) -> Result<bool, Failure> {
        let Some(subscription) = &account.subscription else { return Ok(false) };
        let plans = &self.config.plans;
        let now = self.clock.now();
        let no_org = || Failure::new(Code::NotFound, "there is no such organization");
        let has = tx.org(org).plans().current().await?.ok_or_else(no_org)?;
        let old = self.plan_named(org, has.plan.as_deref());
        let gives = subscription.gives(now);
        let new = gives.and_then(|name| plans.get(name)).unwrap_or_else(|| plans.default_plan());
        let start = full_hour(subscription.period_starts_at);
        let is_the_same_cycle = Period::containing(has.anchor, start).starts_at == start;
        // an org that pays for nothing keeps the cycle that it had
        let anchor = (gives.is_some() && !is_the_same_cycle).then_some(start);
        if old.name == new.name && anchor.is_none() {
            return Ok(false);
        }
        if old.name != new.name {
            let data = json!({
                "old": old.name,
                "new": new.name,
                "status": subscription.status,
                "period": { "starts_at": subscription.period_starts_at, "ends_at": subscription.period_ends_at },
            });
            let fact = Fact { org, subject: new.name.clone(), data, dedupe: None, at: now };
            let event = Own::BillingPlanChanged.event(fact, &*self.clock, &*self.random);
            tx.org(org).events().append(&event).await?;
        }
        self.write_plan(tx, org, Actor::Hub, new, anchor).await?;
        Ok(true)
    }
}

/// The account with what was said now. Usage is counted anew from the hour on in which a later period began.
fn turned(account: Account, number: u64, subscription: Subscription) -> Account {
    let start = full_hour(subscription.period_starts_at);
    let (counted_from, counted_before) = match account.counted_from {
        Some(from) if start > from => (start, Some(from)),
        Some(from) => (from, account.counted_before),
        None => (start, None),
    };
    Account {
        applied: number,
        subscription: Some(subscription),
        counted_from: Some(counted_from),
        counted_before,
        ..account
    }
}
