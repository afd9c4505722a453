//! What an owner buys, changes and ends. The hub calls these actions in the name of the organization that `reference` names.

use patchbay_sdk::{Call, Error, clock, entitlements, jobs};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    SECOND, customer,
    customer::ORG,
    invoices::{Lines, Made},
    platform,
    truth::{self, Stripes},
};
use crate::{
    api,
    config::{Platform, Prices},
};

/// What is billed at once, and not with the next period.
const PRORATION: &str = "always_invoice";

/// What is bought.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckoutInput {
    /// The organization.
    #[schemars(length(min = 1, max = 200))]
    reference: String,
    /// Its name, for its customer at Stripe.
    #[serde(default)]
    name: Option<String>,
    /// A plan of the settings.
    plan: String,
}

/// A page of Stripe's.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Link {
    /// Where it is.
    url: String,
    /// Until when, in milliseconds since the Unix epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<u64>,
}

/// Whose it is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reference {
    /// The organization.
    #[schemars(length(min = 1, max = 200))]
    pub(crate) reference: String,
}

/// Another plan.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeInput {
    /// The organization.
    #[schemars(length(min = 1, max = 200))]
    reference: String,
    /// A plan of the settings.
    plan: String,
    /// As of when, in milliseconds since the Unix epoch. Default: now.
    #[serde(default)]
    as_of: Option<u64>,
}

/// How it ends.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CancelInput {
    /// The organization.
    #[schemars(length(min = 1, max = 200))]
    reference: String,
    /// Now, and not with the period.
    #[serde(default)]
    at_once: bool,
}

/// What was done.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Done {
    /// The subscription, by Stripe's id.
    subscription: String,
}

/// What a change would cost.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Preview {
    /// What is billed at once, in minor units.
    total: i64,
    /// What of that is because of the change, in minor units.
    proration: i64,
    /// Three capital letters.
    currency: String,
    /// As of when, in milliseconds since the Unix epoch.
    as_of: u64,
    /// What the bill would say.
    lines: Vec<Lines>,
}

#[derive(Deserialize)]
struct Session {
    url: String,
    #[serde(default)]
    expires_at: Option<u64>,
}

pub(crate) fn checkout(call: Call<CheckoutInput>) -> Result<Link, Error> {
    let CheckoutInput { reference, name, plan } = call.input;
    let platform = platform()?;
    let prices = prices(&platform, &plan)?;
    // denied where the hub is not paid, before anything is made at Stripe
    entitlements::begin(&reference)?;
    let customer = customer::of_or_new(&reference, name.as_deref())?;
    if truth::present(&customer)?.is_some_and(|present| present.is_live()) {
        return Err(Error::Conflict(
            "there is a subscription already: change it in place of buying another".to_owned(),
        ));
    }
    let mut items = vec![json!({ "price": prices.price, "quantity": 1 })];
    items.extend(prices.metered.iter().map(|price| json!({ "price": price })));
    let trial = (platform.trial_days > 0).then_some(platform.trial_days);
    let parameters = json!({
        "mode": "subscription",
        "customer": customer,
        "client_reference_id": reference,
        "line_items": items,
        "success_url": platform.success_url,
        "cancel_url": platform.cancel_url,
        "metadata": { ORG: reference },
        "subscription_data": { "metadata": { ORG: reference }, "trial_period_days": trial },
    });
    let Session { url, expires_at } = api::post("/v1/checkout/sessions", &parameters, None)?.json()?;
    begin_jobs()?;
    Ok(Link { url, expires_at: expires_at.map(|seconds| seconds.saturating_mul(SECOND)) })
}

pub(crate) fn portal(call: Call<Reference>) -> Result<Link, Error> {
    let platform = platform()?;
    let customer = known(&call.input.reference)?;
    let parameters = json!({ "customer": customer, "return_url": platform.return_url });
    let Session { url, .. } = api::post("/v1/billing_portal/sessions", &parameters, None)?.json()?;
    Ok(Link { url, expires_at: None })
}

pub(crate) fn preview(call: Call<ChangeInput>) -> Result<Preview, Error> {
    let ChangeInput { reference, plan, as_of } = call.input;
    let platform = platform()?;
    let (customer, present) = live(&reference)?;
    let as_of = as_of.unwrap_or_else(clock::now) / SECOND;
    let parameters = json!({
        "customer": customer,
        "subscription": present.id,
        "subscription_details": {
            "items": swapped(&platform, &present, &plan)?,
            "proration_behavior": PRORATION,
            "proration_date": as_of,
        },
    });
    let bill: Made = api::post("/v1/invoices/create_preview", &parameters, None)?.json()?;
    let (currency, total) = (bill.currency(), bill.total);
    let lines = bill.lines();
    let proration = lines.iter().filter(|line| line.is_proration).map(|line| line.amount).sum();
    Ok(Preview { total, proration, currency, as_of: as_of.saturating_mul(SECOND), lines })
}

pub(crate) fn change(call: Call<ChangeInput>) -> Result<Done, Error> {
    let ChangeInput { reference, plan, as_of } = call.input;
    let platform = platform()?;
    let (customer, present) = live(&reference)?;
    let parameters = json!({
        "items": swapped(&platform, &present, &plan)?,
        "proration_behavior": PRORATION,
        "proration_date": as_of.map(|as_of| as_of / SECOND),
    });
    api::post(&api::item("/v1/subscriptions", "/subscription", &present.id)?, &parameters, None)?;
    done(&platform, &reference, &customer, present)
}

pub(crate) fn cancel(call: Call<CancelInput>) -> Result<Done, Error> {
    let CancelInput { reference, at_once } = call.input;
    let platform = platform()?;
    let (customer, present) = live(&reference)?;
    let path = api::item("/v1/subscriptions", "/subscription", &present.id)?;
    if at_once {
        // what was used above the plan is billed
        api::delete(&path, &json!({ "invoice_now": true }))?;
    } else {
        api::post(&path, &json!({ "cancel_at_period_end": true }), None)?;
    }
    done(&platform, &reference, &customer, present)
}

pub(crate) fn resume(call: Call<Reference>) -> Result<Done, Error> {
    let reference = call.input.reference;
    let platform = platform()?;
    let (customer, present) = live(&reference)?;
    let path = api::item("/v1/subscriptions", "/subscription", &present.id)?;
    if present.status == "paused" {
        api::post(&format!("{path}/resume"), &json!({}), None)?;
    } else {
        api::post(&path, &json!({ "cancel_at_period_end": false }), None)?;
    }
    done(&platform, &reference, &customer, present)
}

/// Tells the hub how things stand after a change, without waiting for Stripe's webhook.
fn done(platform: &Platform, org: &str, customer: &str, present: Stripes) -> Result<Done, Error> {
    truth::tell(platform, org, customer)?;
    begin_jobs()?;
    Ok(Done { subscription: present.id })
}

/// Usage is told, and compared, from the first organization on that buys something.
pub(crate) fn begin_jobs() -> Result<(), Error> {
    for kind in [super::meter::KIND, super::reconcile::KIND] {
        jobs::Plan::new().key("one").enqueue(kind, &())?;
    }
    Ok(())
}

/// The organization's customer.
pub(crate) fn known(org: &str) -> Result<String, Error> {
    customer::of(org)?.ok_or_else(|| Error::Conflict("nothing was ever bought".to_owned()))
}

/// The organization's customer and its subscription that has not ended.
pub(crate) fn live(org: &str) -> Result<(String, Stripes), Error> {
    let customer = known(org)?;
    let present = truth::present(&customer)?.filter(Stripes::is_live);
    let present = present.ok_or_else(|| Error::Conflict("there is no subscription: buy a plan".to_owned()))?;
    Ok((customer, present))
}

fn prices<'a>(platform: &'a Platform, plan: &str) -> Result<&'a Prices, Error> {
    platform.plans.get(plan).ok_or_else(|| {
        let names: Vec<_> = platform.plans.keys().map(String::as_str).collect();
        Error::invalid("/plan", format!("a plan that is sold: {}", names.join(", ")))
    })
}

/// What becomes of the items when another plan is bought. Without an item's id Stripe would add one and bill both.
fn swapped(platform: &Platform, present: &Stripes, plan: &str) -> Result<Vec<Value>, Error> {
    let new = prices(platform, plan)?;
    let Some((item, old)) = present.plan_item(platform) else {
        return Err(Error::Conflict("the subscription has no price that the settings name".to_owned()));
    };
    if old == plan {
        return Err(Error::invalid("/plan", "another plan than the present one"));
    }
    let old = prices(platform, old)?;
    let mut items = vec![json!({ "id": item.id, "price": new.price })];
    for item in &present.items.data {
        if old.metered.contains(&item.price.id) && !new.metered.contains(&item.price.id) {
            items.push(json!({ "id": item.id, "deleted": true }));
        }
    }
    let has = |price: &&String| present.items.data.iter().any(|item| item.price.id == **price);
    items.extend(new.metered.iter().filter(|price| !has(price)).map(|price| json!({ "price": price })));
    Ok(items)
}
