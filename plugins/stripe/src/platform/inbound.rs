//! What Stripe's events mean to organizations.

use std::collections::{BTreeMap, BTreeSet};

use patchbay_sdk::{
    Error, entitlements,
    entitlements::{Entry, Notice, NoticeKind},
    installation, log, webhook,
};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;

use super::{SECOND, currency, customer, customer::ORG, is_org, offer, page, rejected, truth};
use crate::config::{Config, Platform};

#[derive(Deserialize)]
struct Event {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    created: u64,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    object: About,
    #[serde(default, deserialize_with = "or_none")]
    previous_attributes: Option<BTreeMap<String, Value>>,
}

/// A session, a subscription or an invoice: what matters here.
#[derive(Deserialize)]
struct About {
    /// The invoice of `invoice.upcoming` has none.
    #[serde(default, deserialize_with = "or_none")]
    id: Option<String>,
    #[serde(default, deserialize_with = "or_none")]
    customer: Option<String>,
    #[serde(default, deserialize_with = "or_none")]
    metadata: Option<BTreeMap<String, String>>,
    #[serde(default, deserialize_with = "or_none")]
    parent: Option<Parent>,
    #[serde(default, deserialize_with = "or_none")]
    subscription: Option<String>,
    #[serde(default, deserialize_with = "or_none")]
    currency: Option<String>,
    #[serde(default, deserialize_with = "or_none")]
    amount_total: Option<i64>,
    #[serde(default, deserialize_with = "or_none")]
    amount_paid: Option<i64>,
    #[serde(default, deserialize_with = "or_none")]
    amount_due: Option<i64>,
    #[serde(default, deserialize_with = "or_none")]
    attempt_count: Option<u64>,
    #[serde(default, deserialize_with = "or_none")]
    next_payment_attempt: Option<u64>,
    #[serde(default, deserialize_with = "or_none")]
    period_end: Option<u64>,
    #[serde(default, deserialize_with = "or_none")]
    trial_end: Option<u64>,
    #[serde(default, deserialize_with = "or_none")]
    hosted_invoice_url: Option<String>,
    /// Of a subscription.
    #[serde(default)]
    items: Option<Value>,
}

#[derive(Deserialize)]
struct Parent {
    #[serde(default, deserialize_with = "or_none")]
    subscription_details: Option<SubscriptionDetails>,
}

#[derive(Deserialize)]
struct SubscriptionDetails {
    #[serde(default, deserialize_with = "or_none")]
    subscription: Option<String>,
    #[serde(default, deserialize_with = "or_none")]
    metadata: Option<BTreeMap<String, String>>,
}

/// What has another shape than in the version of the API that this is written for counts as not said: all but a few figures is asked of
/// Stripe, and an event that cannot be read would come again until Stripe gives it up.
fn or_none<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Option<T>, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(deserializer)?).ok())
}

impl About {
    /// The organization that its metadata names. Metadata is written by whoever has the key; `client_reference_id` is not looked at,
    /// because on a payment link anybody can put it into the address.
    fn named(&self) -> Option<&String> {
        let details = self.parent.as_ref().and_then(|parent| parent.subscription_details.as_ref());
        let metadata = [self.metadata.as_ref(), details.and_then(|details| details.metadata.as_ref())];
        let named = metadata.into_iter().flatten().find_map(|metadata| metadata.get(ORG));
        named.filter(|org| is_org(org))
    }

    fn of_subscription(&self) -> Option<&str> {
        let details = self.parent.as_ref().and_then(|parent| parent.subscription_details.as_ref());
        details.and_then(|details| details.subscription.as_deref()).or(self.subscription.as_deref())
    }
}

/// Does what an event of Stripe means to an organization; nothing if it is about none, or nothing is sold here.
///
/// # Errors
/// What kept it; it is done again then.
pub(crate) fn take(request: &webhook::Request) -> Result<(), Error> {
    let Config { platform: Some(platform) } = installation::config()? else { return Ok(()) };
    // a thin notification has no object, and all but those of meters are about none of this
    let Ok(event) = serde_json::from_slice::<Event>(&request.body) else {
        return match serde_json::from_slice(&request.body) {
            Ok(notification) => rejected::take(&platform, &notification),
            Err(_) => Ok(()),
        };
    };
    let concerns = matches!(
        event.kind.as_str(),
        "checkout.session.completed" | "invoice.payment_succeeded" | "invoice.payment_failed" | "invoice.upcoming"
    );
    if !concerns && !event.kind.starts_with("customer.subscription.") {
        return Ok(());
    }
    let Some(customer) = event.data.object.customer.as_deref() else { return Ok(()) };
    let org = match event.data.object.named() {
        Some(org) => {
            customer::remember(org, customer)?;
            Some(org.clone())
        }
        None => customer::org_of(customer)?,
    };
    let Some(org) = org else {
        log::debug("the customer is no organization's", &[("customer", customer)]);
        return Ok(());
    };
    let told = truth::tell(&platform, &org, customer)?;
    let (entries, notices) = facts(&event, told.as_ref(), &platform);
    if !entries.is_empty() || !notices.is_empty() {
        match entitlements::note(&org, entries, notices) {
            // gone since
            Err(Error::NotFound(_)) => return Ok(()),
            noted => noted?,
        }
    }
    if told.is_some() { offer::begin_jobs() } else { Ok(()) }
}

/// What the event tells of a moment. Ids are those of what happened and not of the event: Stripe makes two events of one change at
/// times.
fn facts(event: &Event, told: Option<&entitlements::Subscription>, platform: &Platform) -> (Vec<Entry>, Vec<Notice>) {
    let Event { id: event_id, kind, created, data: Data { object, previous_attributes } } = event;
    let items_before = previous_attributes.as_ref().and_then(|before| before.get("items"));
    let at = created.saturating_mul(SECOND);
    let id = object.id.as_deref().unwrap_or_default();
    let unit = object.currency.as_deref().and_then(currency);
    let url = page(object.hosted_invoice_url.clone());
    let entry = |id: String, kind: &str, amount: Option<i64>, reference: Option<&str>| Entry {
        id,
        kind: kind.to_owned(),
        at,
        amount,
        currency: amount.and(unit.clone()),
        reference: reference.map(str::to_owned),
        url: url.clone(),
    };
    let notice =
        |id: String, kind: NoticeKind, amount: Option<i64>, reference: Option<&str>, until: Option<u64>| Notice {
            id,
            kind,
            at,
            amount,
            currency: amount.and(unit.clone()),
            reference: reference.map(str::to_owned),
            until,
            url: url.clone(),
        };
    let subscription = object.of_subscription();
    match kind.as_str() {
        "checkout.session.completed" => {
            (vec![entry(format!("{id}:completed"), "checkout.completed", object.amount_total, subscription)], vec![])
        }
        "customer.subscription.created" => {
            (vec![entry(format!("{id}:created"), "subscription.created", None, Some(id))], vec![])
        }
        "customer.subscription.updated" if has_other_prices(items_before, object.items.as_ref()) => {
            (vec![entry(event_id.clone(), "subscription.changed", None, Some(id))], vec![])
        }
        "customer.subscription.deleted" => {
            (vec![entry(format!("{id}:deleted"), "subscription.ended", None, Some(id))], vec![])
        }
        "customer.subscription.trial_will_end" => {
            // it is sent as well when a trial ends at once
            let on_trial = told.filter(|told| told.status == entitlements::Status::Trialing);
            let ends = on_trial.and_then(|told| told.trial_ends);
            let said = |ends: u64| {
                let key = format!("{id}:trial:{}", object.trial_end.unwrap_or_default());
                notice(key, NoticeKind::TrialEnding, None, Some(id), Some(ends))
            };
            (vec![], ends.map(said).into_iter().collect())
        }
        "invoice.payment_succeeded" => {
            (vec![entry(format!("{id}:paid"), "invoice.paid", object.amount_paid, Some(id))], vec![])
        }
        "invoice.payment_failed" => {
            let key = format!("{id}:failed:{}", object.attempt_count.unwrap_or_default());
            let grace = at.saturating_add(u64::from(platform.grace_days).saturating_mul(super::DAY));
            let until = told.map_or(Some(grace), |told| told.grace_ends);
            (
                vec![entry(key.clone(), "invoice.payment_failed", object.amount_due, Some(id))],
                vec![notice(key, NoticeKind::PaymentFailed, object.amount_due, Some(id), until)],
            )
        }
        "invoice.upcoming" => {
            let due = object.next_payment_attempt.or(object.period_end);
            // it has no id of its own
            let key = format!("upcoming:{}:{}", subscription.unwrap_or_default(), due.unwrap_or_default());
            let until = due.map(|due| due.saturating_mul(SECOND));
            (vec![], vec![notice(key, NoticeKind::InvoiceUpcoming, object.amount_due, subscription, until)])
        }
        _ => (vec![], vec![]),
    }
}

/// Items are other ones with each period, too.
fn has_other_prices(before: Option<&Value>, after: Option<&Value>) -> bool {
    let (Some(before), Some(after)) = (before, after) else { return false };
    prices(before) != prices(after)
}

fn prices(items: &Value) -> BTreeSet<&str> {
    let items = items.get("data").and_then(Value::as_array).into_iter().flatten();
    items.filter_map(|item| item.pointer("/price/id")?.as_str()).collect()
}
