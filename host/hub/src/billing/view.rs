//! What an org pays for and paid, as its owners see it: from the hub's own rows, whether the vendor answers or not.

use chrono::DateTime;
use patchbay_model::{
    Code, Failure, OrgId, Permission, Timestamp,
    billing::{Account, DayCheck, Entry, Subscription},
};

use crate::{
    auth::Caller,
    hub::{Hub, Inner},
    queries::{Page, Size},
};

/// What an org has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionView {
    /// The plan that it has now.
    pub plan: String,
    /// What it has subscribed to; none if nothing was ever bought.
    pub subscription: Option<Subscription>,
}

impl Hub {
    /// How the org's subscription stands. Needs the permission `manage_billing`, as all of this does.
    pub async fn subscription(&self, caller: &Caller) -> Result<SubscriptionView, Failure> {
        caller.require(Permission::ManageBilling)?;
        let account = self.0.billing_account(caller.org).await?;
        let plan = self.plan_of(caller.org).await?.plan.name.clone();
        Ok(SubscriptionView { plan, subscription: account.and_then(|account| account.subscription) })
    }

    /// What happened, before a place in the history if one is named, the newest first. `invalid_request` for a place that no page
    /// named.
    pub async fn billing_history(
        &self,
        caller: &Caller,
        before: Option<&str>,
        limit: Option<u32>,
    ) -> Result<Page<Entry>, Failure> {
        caller.require(Permission::ManageBilling)?;
        let size = Size::new(limit)?;
        let unknown = || Failure::new(Code::InvalidRequest, "`before` is what a page's `next` was");
        let before = before.map(|text| place(text).ok_or_else(unknown)).transpose()?;
        let mut tx = self.0.database.read().await?;
        let entries = tx.org(caller.org).billing().entries(before, size.and_one()).await?;
        Ok(size.page(entries, |entry| format!("{} {}", entry.at.timestamp_micros(), entry.id)))
    }

    /// What the vendor had of the org's last days when they were compared, the newest first; with `only_gaps` those alone on which it
    /// had something else than it was told.
    pub async fn billing_checks(
        &self,
        caller: &Caller,
        only_gaps: bool,
        limit: Option<u32>,
    ) -> Result<Vec<DayCheck>, Failure> {
        caller.require(Permission::ManageBilling)?;
        let size = Size::new(limit)?;
        let mut tx = self.0.database.read().await?;
        let checks = tx.org(caller.org).billing().checks(None, only_gaps, size.and_one()).await?;
        Ok(size.page(checks, |_| String::new()).items)
    }
}

/// A place in the history, as a page names it.
fn place(text: &str) -> Option<(Timestamp, &str)> {
    let (micros, id) = text.split_once(' ')?;
    Some((DateTime::from_timestamp_micros(micros.parse().ok()?)?, id))
}

impl Inner {
    pub(super) async fn billing_account(&self, org: OrgId) -> Result<Option<Account>, Failure> {
        let mut tx = self.database.read().await?;
        let mut ours = tx.org(org);
        if ours.plans().current().await?.is_none() {
            return Err(Failure::new(Code::NotFound, "there is no such organization"));
        }
        Ok(ours.billing().account().await?)
    }
}
