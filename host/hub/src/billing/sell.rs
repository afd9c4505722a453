//! What an owner buys and asks: done by the plugin that the hub is paid through, in the operator's org.
//!
//! An owner names no org and no customer: the hub adds who asks, as `reference`. The actions are the same whoever the vendor is,
//! and their names and shapes are part of `docs/guides/billing.md`.

use bytes::Bytes;
use chrono::serde::{ts_milliseconds, ts_milliseconds_option};
use patchbay_model::{
    Code, Failure, Permission, Timestamp,
    billing::{Account, SubscriptionStatus},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use super::SubscriptionView;
use crate::{auth::Caller, hub::Hub, invoke::Output, plans::catalogue::Seller};

/// Where somebody pays for a plan.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Checkout {
    /// A page of the vendor's.
    pub url: String,
    /// Until when.
    #[serde(default, with = "ts_milliseconds_option")]
    pub expires_at: Option<Timestamp>,
}

/// Where somebody sees bills and changes how they are paid.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PortalLink {
    /// A page of the vendor's, which opens once and soon.
    pub url: String,
}

/// Another plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanChange {
    /// Which.
    pub plan: String,
    /// As of when: that of a preview, so that what it showed is charged. Default: now.
    pub as_of: Option<Timestamp>,
}

/// A line of a bill.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct InvoiceLine {
    /// For people.
    #[serde(default)]
    pub description: Option<String>,
    /// In minor units; negative for what is given back.
    pub amount: i64,
    /// For a part of a period, because the plan changes within it.
    #[serde(default)]
    pub is_proration: bool,
}

/// What a change would cost.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Preview {
    /// What the next bill would be, in minor units.
    pub total: i64,
    /// What of that is because of the change, in minor units.
    pub proration: i64,
    /// Three letters (ISO 4217).
    pub currency: String,
    /// As of when. Give it with the change, and that is what it costs.
    #[serde(with = "ts_milliseconds")]
    pub as_of: Timestamp,
    /// What the bill would say.
    pub lines: Vec<InvoiceLine>,
}

/// A bill.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Invoice {
    /// The vendor's id of it; none of one that is not made yet.
    #[serde(default)]
    pub id: Option<String>,
    /// As the vendor says it: `draft`, `open`, `paid`, `void`, `uncollectible`.
    pub status: String,
    /// In minor units.
    pub total: i64,
    /// What is still to be paid, in minor units.
    pub amount_due: i64,
    /// Three letters (ISO 4217).
    pub currency: String,
    /// When it was made, or is going to be.
    #[serde(with = "ts_milliseconds")]
    pub at: Timestamp,
    /// Where the org sees it.
    #[serde(default)]
    pub url: Option<String>,
    /// What it is for.
    #[serde(default)]
    pub lines: Vec<InvoiceLine>,
}

/// Bills, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct InvoicePage {
    /// Them.
    pub invoices: Vec<Invoice>,
    /// Give it as `after` for those before; none on the last page.
    #[serde(default)]
    pub next: Option<String>,
}

/// Which bills.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InvoiceQuery {
    /// Those after one in the list: [`InvoicePage::next`].
    pub after: Option<String>,
    /// At most so many, 1 to 100. Default: 20.
    pub limit: Option<u32>,
}

/// Bills of a page that does not say.
const INVOICES: u32 = 20;
/// The most bills of a page.
const MOST_INVOICES: u32 = 100;

impl Hub {
    /// Begins to buy a plan. Needs the permission `manage_billing`, as all of this does. `not_found` where nothing is sold,
    /// `invalid_input` for a plan that is not configured, `conflict` if the org pays for one already.
    pub async fn billing_checkout(&self, caller: &Caller, plan: &str) -> Result<Checkout, Failure> {
        let seller = self.seller_for(caller)?;
        self.check_plan_name(plan)?;
        let account = self.0.billing_account(caller.org).await?;
        if account.as_ref().is_some_and(is_live) {
            let detail = "the organization pays for a plan already: change its subscription in place of buying another";
            return Err(Failure::new(Code::Conflict, detail));
        }
        let name = self.org(caller).await?.name;
        self.sold(caller, seller, "billing-checkout", json!({ "plan": plan, "name": name })).await
    }

    /// Where bills are seen and payment methods are changed. `conflict` if the org never bought anything.
    pub async fn billing_portal(&self, caller: &Caller) -> Result<PortalLink, Failure> {
        let seller = self.seller_for(caller)?;
        self.bought(caller).await?;
        self.sold(caller, seller, "billing-portal", json!({})).await
    }

    /// What another plan would cost. `conflict` without a subscription.
    pub async fn preview_plan(&self, caller: &Caller, change: &PlanChange) -> Result<Preview, Failure> {
        let seller = self.seller_for(caller)?;
        self.check_plan_name(&change.plan)?;
        self.live(caller).await?;
        self.sold(caller, seller, "billing-preview", changed(change)).await
    }

    /// Changes the plan of the subscription, at once and in proportion. `conflict` without one.
    pub async fn change_subscription(&self, caller: &Caller, change: &PlanChange) -> Result<SubscriptionView, Failure> {
        let seller = self.seller_for(caller)?;
        self.check_plan_name(&change.plan)?;
        self.live(caller).await?;
        self.done(caller, seller, "billing-change", changed(change)).await
    }

    /// Ends the subscription, with the period that is paid for or at once. `conflict` without one.
    pub async fn cancel_subscription(&self, caller: &Caller, at_once: bool) -> Result<SubscriptionView, Failure> {
        let seller = self.seller_for(caller)?;
        self.live(caller).await?;
        self.done(caller, seller, "billing-cancel", json!({ "at_once": at_once })).await
    }

    /// Goes on with a subscription that is to end. `conflict` without one: what has ended is bought anew.
    pub async fn resume_subscription(&self, caller: &Caller) -> Result<SubscriptionView, Failure> {
        let seller = self.seller_for(caller)?;
        self.live(caller).await?;
        self.done(caller, seller, "billing-resume", json!({})).await
    }

    /// The org's bills. `conflict` if it never bought anything, `invalid_request` for a limit that is not 1 to 100.
    pub async fn billing_invoices(&self, caller: &Caller, query: &InvoiceQuery) -> Result<InvoicePage, Failure> {
        let seller = self.seller_for(caller)?;
        let limit = query.limit.unwrap_or(INVOICES);
        if !(1..=MOST_INVOICES).contains(&limit) {
            return Err(Failure::new(Code::InvalidRequest, format!("`limit` is 1 to {MOST_INVOICES}")));
        }
        self.bought(caller).await?;
        let mut input = json!({ "limit": limit });
        if let (Some(after), Some(input)) = (&query.after, input.as_object_mut()) {
            input.insert("after".to_owned(), json!(after));
        }
        self.sold(caller, seller, "billing-invoices", input).await
    }

    /// The next bill, as far as it is known. `conflict` without a subscription.
    pub async fn upcoming_invoice(&self, caller: &Caller) -> Result<Invoice, Failure> {
        let seller = self.seller_for(caller)?;
        self.live(caller).await?;
        self.sold(caller, seller, "billing-upcoming", json!({})).await
    }

    /// Does something about the subscription; how it then stands the plugin has said.
    async fn done(
        &self,
        caller: &Caller,
        seller: &Seller,
        action: &str,
        input: Value,
    ) -> Result<SubscriptionView, Failure> {
        let _: Map<String, Value> = self.sold(caller, seller, action, input).await?;
        self.subscription(caller).await
    }

    async fn sold<T: DeserializeOwned>(
        &self,
        caller: &Caller,
        seller: &Seller,
        action: &str,
        mut input: Value,
    ) -> Result<T, Failure> {
        if let Some(input) = input.as_object_mut() {
            input.insert("reference".to_owned(), json!(caller.org));
        }
        let Seller { org, plugin } = seller;
        let reply = self.have_done(*org, plugin, action, Bytes::from(input.to_string())).await;
        let reply = reply.map_err(|refused| refused.failure)?;
        let invalid = |error: &dyn std::fmt::Display| {
            let detail = format!("the action `{action}` of `{plugin}` does not answer as billing needs it");
            Failure::new(Code::PluginOutputInvalid, detail).with_internal(error)
        };
        match reply.output {
            Output::Json(json) => serde_json::from_str(json.get()).map_err(|error| invalid(&error)),
            Output::Blob(_) | Output::Bytes(..) => Err(invalid(&"no JSON")),
        }
    }

    fn seller_for(&self, caller: &Caller) -> Result<&Seller, Failure> {
        caller.require(Permission::ManageBilling)?;
        self.0.config.plans.seller().ok_or_else(|| {
            let detail = "no plan is sold here: the operator gives plans, or sets `billing.org` and `billing.plugin`";
            Failure::new(Code::NotFound, detail)
        })
    }

    fn check_plan_name(&self, plan: &str) -> Result<(), Failure> {
        let plans = &self.0.config.plans;
        if plans.get(plan).is_some() {
            return Ok(());
        }
        let names: Vec<_> = plans.iter().map(|plan| plan.name.as_str()).collect();
        Err(Failure::violation("/plan", format!("a plan: {}", names.join(", "))))
    }

    /// Fails unless the org pays for something.
    async fn live(&self, caller: &Caller) -> Result<(), Failure> {
        let account = self.0.billing_account(caller.org).await?;
        if account.as_ref().is_some_and(is_live) {
            return Ok(());
        }
        let detail = "the organization has no subscription: buy a plan with `POST /v1/billing/checkout`";
        Err(Failure::new(Code::Conflict, detail))
    }

    /// Fails unless the org ever paid for something.
    async fn bought(&self, caller: &Caller) -> Result<(), Failure> {
        let account = self.0.billing_account(caller.org).await?;
        if account.is_some_and(|account| account.subscription.is_some()) {
            return Ok(());
        }
        let detail = "the organization never bought a plan: `POST /v1/billing/checkout` begins it";
        Err(Failure::new(Code::Conflict, detail))
    }
}

fn is_live(account: &Account) -> bool {
    account.subscription.as_ref().is_some_and(|subscription| subscription.status != SubscriptionStatus::Canceled)
}

fn changed(change: &PlanChange) -> Value {
    let as_of = change.as_of.map(|at| at.timestamp_millis());
    match as_of {
        Some(as_of) => json!({ "plan": change.plan, "as_of": as_of }),
        None => json!({ "plan": change.plan }),
    }
}
