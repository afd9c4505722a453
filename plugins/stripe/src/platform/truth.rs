//! How an organization's subscription stands at Stripe now, and what that entitles it to.
//!
//! All subscriptions of the customer are asked for and not the one that an event is about: a late event about one that has ended
//! says nothing of the one that was bought since.

use patchbay_sdk::{
    Error, entitlements,
    entitlements::{Status, Subscription},
    log,
};
use serde::Deserialize;
use serde_json::json;

use super::{DAY, SECOND};
use crate::{api, config::Platform};

/// What Stripe lists.
#[derive(Debug, Deserialize)]
pub(crate) struct List<T> {
    pub(crate) data: Vec<T>,
    #[serde(default)]
    pub(crate) has_more: bool,
}

/// A subscription of Stripe's: what matters here.
#[derive(Debug, Deserialize)]
pub(crate) struct Stripes {
    pub(crate) id: String,
    pub(crate) status: String,
    created: u64,
    pub(crate) items: List<Item>,
    cancel_at: Option<u64>,
    #[serde(default)]
    cancel_at_period_end: bool,
    ended_at: Option<u64>,
    trial_end: Option<u64>,
    latest_invoice: Option<String>,
}

/// An item of it.
#[derive(Debug, Deserialize)]
pub(crate) struct Item {
    pub(crate) id: String,
    pub(crate) price: Price,
    current_period_start: u64,
    current_period_end: u64,
}

/// Its price.
#[derive(Debug, Deserialize)]
pub(crate) struct Price {
    pub(crate) id: String,
}

#[derive(Deserialize)]
struct Invoice {
    created: u64,
}

impl Stripes {
    /// Can something more become of it?
    pub(crate) fn is_live(&self) -> bool {
        matches!(self.status.as_str(), "trialing" | "active" | "past_due" | "unpaid" | "paused")
    }

    /// The item that is a plan of the hub.
    pub(crate) fn plan_item<'a>(&'a self, platform: &'a Platform) -> Option<(&'a Item, &'a str)> {
        self.items.data.iter().find_map(|item| Some((item, platform.plan_of(&item.price.id)?.0)))
    }
}

/// The subscription that counts: the newest live one, or else the newest that ever began. One whose first payment was never made
/// did not.
pub(crate) fn present(customer: &str) -> Result<Option<Stripes>, Error> {
    let parameters = json!({ "customer": customer, "status": "all", "limit": 100 });
    let found: List<Stripes> = api::get("/v1/subscriptions", &parameters)?.json()?;
    let begun = found.data.into_iter().filter(|one| !one.status.starts_with("incomplete"));
    Ok(begun
        .max_by(|one, other| (one.is_live(), one.created, &one.id).cmp(&(other.is_live(), other.created, &other.id))))
}

/// Asks how things stand and tells the hub. Gives what was told; none if there is nothing to tell, or no such organization any
/// more.
pub(crate) fn tell(platform: &Platform, org: &str, customer: &str) -> Result<Option<Subscription>, Error> {
    // before Stripe is asked: of two who ask, the one that asked later knows better
    let number = match entitlements::begin(org) {
        Err(Error::NotFound(_)) => {
            log::info("an organization that is gone has a customer at Stripe", &[("org", org), ("customer", customer)]);
            return Ok(None);
        }
        begun => begun?,
    };
    let Some(present) = present(customer)? else { return Ok(None) };
    let Some(subscription) = entitled(platform, customer, &present)? else { return Ok(None) };
    entitlements::apply(org, number, &subscription)?;
    Ok(Some(subscription))
}

fn entitled(platform: &Platform, customer: &str, stripes: &Stripes) -> Result<Option<Subscription>, Error> {
    let bought = stripes.plan_item(platform);
    if bought.is_none() {
        log::warn("a subscription has no price that the settings name", &[("subscription", &stripes.id)]);
    }
    let Some(item) = bought.map(|(item, _)| item).or(stripes.items.data.first()) else { return Ok(None) };
    let status = match stripes.status.as_str() {
        "trialing" => Status::Trialing,
        "active" => Status::Active,
        "past_due" | "unpaid" => Status::PastDue,
        // a paused one gives nothing until it is resumed
        _ => Status::Canceled,
    };
    let grace_ends = match (&status, &stripes.latest_invoice) {
        (Status::PastDue, Some(invoice)) => {
            let path = api::item("/v1/invoices", "/latest_invoice", invoice)?;
            let Invoice { created } = api::get(&path, &())?.json()?;
            Some(created.saturating_mul(SECOND).saturating_add(u64::from(platform.grace_days).saturating_mul(DAY)))
        }
        _ => None,
    };
    let at_end = stripes.cancel_at_period_end.then_some(item.current_period_end);
    let millis = |seconds: u64| seconds.saturating_mul(SECOND);
    Ok(Some(Subscription {
        customer: customer.to_owned(),
        plan: bought.map(|(_, plan)| plan.to_owned()),
        status,
        period_starts: millis(item.current_period_start),
        period_ends: millis(item.current_period_end),
        trial_ends: stripes.trial_end.filter(|_| status == Status::Trialing).map(millis),
        grace_ends,
        ends: stripes.ended_at.or(stripes.cancel_at).or(at_end).map(millis),
    }))
}
