//! Subscriptions.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::Times;

/// A price that is to be paid again and again.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct NewItem {
    /// Its id (`price_…`).
    #[schemars(regex(pattern = r"^[A-Za-z0-9_]{1,255}$"))]
    pub price: String,
    /// How many; nothing for a metered price.
    pub quantity: Option<u64>,
    /// Up to 50 pairs.
    pub metadata: Option<BTreeMap<String, String>>,
}

/// What becomes of an item. Without `id` a new item is added, beside those that are there.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct ItemChange {
    /// The item (`si_…`).
    #[schemars(regex(pattern = r"^[A-Za-z0-9_]{1,255}$"))]
    pub id: Option<String>,
    /// Its price from now on (`price_…`).
    #[schemars(regex(pattern = r"^[A-Za-z0-9_]{1,255}$"))]
    pub price: Option<String>,
    /// How many from now on.
    pub quantity: Option<u64>,
    /// Takes the item away.
    pub deleted: Option<bool>,
    /// Up to 50 pairs.
    pub metadata: Option<BTreeMap<String, String>>,
}

/// What happens when a trial ends.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct TrialEnd {
    /// Where nothing can be charged: `cancel`, `create_invoice` or `pause`.
    #[schemars(regex(pattern = r"^(cancel|create_invoice|pause)$"))]
    pub missing_payment_method: String,
}

/// How a trial ends.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct TrialSettings {
    /// What happens then.
    pub end_behavior: TrialEnd,
}

/// When periods begin.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct BillingCycleAnchor {
    /// `now`: a new period begins. `unchanged`: as they are.
    #[serde(rename = "type")]
    #[schemars(regex(pattern = r"^(now|unchanged)$"))]
    pub kind: String,
}

/// Why it ends.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct CancellationDetails {
    /// In words.
    pub comment: Option<String>,
    /// In one of Stripe's words, as in `too_expensive`.
    #[schemars(regex(
        pattern = r"^(customer_service|low_quality|missing_features|other|switched_service|too_complex|too_expensive|unused)$"
    ))]
    pub feedback: Option<String>,
}

/// A new subscription. Members of Stripe that are not listed pass through.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct CreateSubscription {
    /// Who pays (`cus_…`).
    #[schemars(regex(pattern = r"^[A-Za-z0-9_]{1,255}$"))]
    pub customer: String,
    /// What is paid for.
    #[schemars(length(min = 1, max = 20))]
    pub items: Vec<NewItem>,
    /// What happens if the payment fails: `allow_incomplete` (the default), `default_incomplete`, `error_if_incomplete`
    /// or `pending_if_incomplete`.
    #[schemars(regex(pattern = r"^(allow_incomplete|default_incomplete|error_if_incomplete|pending_if_incomplete)$"))]
    pub payment_behavior: Option<String>,
    /// Days before the first payment.
    #[schemars(range(min = 1, max = 730))]
    pub trial_period_days: Option<u32>,
    /// When the first payment is due, in seconds since the Unix epoch; not beside `trial_period_days`.
    pub trial_end: Option<u64>,
    /// How the trial ends.
    pub trial_settings: Option<TrialSettings>,
    /// Ends with its first period.
    pub cancel_at_period_end: Option<bool>,
    /// When it ends, in seconds since the Unix epoch.
    pub cancel_at: Option<u64>,
    /// `charge_automatically` (the default) or `send_invoice`.
    #[schemars(regex(pattern = r"^(charge_automatically|send_invoice)$"))]
    pub collection_method: Option<String>,
    /// Days to pay an invoice that is sent.
    #[schemars(range(min = 1, max = 365))]
    pub days_until_due: Option<u32>,
    /// The id of a payment method of the customer.
    #[schemars(regex(pattern = r"^[A-Za-z0-9_]{1,255}$"))]
    pub default_payment_method: Option<String>,
    /// Text that the customer sees.
    pub description: Option<String>,
    /// The customer is not there to confirm a payment.
    pub off_session: Option<bool>,
    /// Up to 50 pairs to find it by; an empty text takes one away.
    pub metadata: Option<BTreeMap<String, String>>,
    /// Whose whole to give in the place of an id, as in `customer`.
    pub expand: Option<Vec<String>>,
}

/// A subscription.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct GetSubscription {
    /// Its id (`sub_…`).
    #[schemars(regex(pattern = r"^[A-Za-z0-9_]{1,255}$"))]
    pub subscription: String,
    /// Whose whole to give in the place of an id, as in `customer`.
    pub expand: Option<Vec<String>>,
}

/// What is another about a subscription.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct UpdateSubscription {
    /// Its id (`sub_…`).
    #[schemars(regex(pattern = r"^[A-Za-z0-9_]{1,255}$"))]
    pub subscription: String,
    /// What becomes of its items.
    #[schemars(length(min = 1, max = 20))]
    pub items: Option<Vec<ItemChange>>,
    /// What is too much or too little for the running period goes on the next invoice (`create_prorations`, the
    /// default), on one now (`always_invoice`), or nowhere (`none`).
    #[schemars(regex(pattern = r"^(create_prorations|always_invoice|none)$"))]
    pub proration_behavior: Option<String>,
    /// As of when it is prorated, in seconds since the Unix epoch; the same as in a preview gives the same amount.
    pub proration_date: Option<u64>,
    /// What happens if the payment fails: `allow_incomplete` (the default), `default_incomplete`, `error_if_incomplete`
    /// or `pending_if_incomplete`.
    #[schemars(regex(pattern = r"^(allow_incomplete|default_incomplete|error_if_incomplete|pending_if_incomplete)$"))]
    pub payment_behavior: Option<String>,
    /// When periods begin.
    pub billing_cycle_anchor: Option<BillingCycleAnchor>,
    /// True: it ends with its period. False: it does not any more.
    pub cancel_at_period_end: Option<bool>,
    /// Why it ends.
    pub cancellation_details: Option<CancellationDetails>,
    /// When the trial ends: `now`, or seconds since the Unix epoch.
    pub trial_end: Option<Value>,
    /// The id of a payment method of the customer.
    pub default_payment_method: Option<String>,
    /// Text that the customer sees.
    pub description: Option<String>,
    /// Up to 50 pairs to find it by; an empty text takes one away.
    pub metadata: Option<BTreeMap<String, String>>,
    /// Whose whole to give in the place of an id, as in `customer`.
    pub expand: Option<Vec<String>>,
}

/// A subscription to end now. To end it with its period, update it with `cancel_at_period_end`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct CancelSubscription {
    /// Its id (`sub_…`).
    #[schemars(regex(pattern = r"^[A-Za-z0-9_]{1,255}$"))]
    pub subscription: String,
    /// What was used and not yet billed is billed now.
    pub invoice_now: Option<bool>,
    /// What was paid for the rest of the period is credited.
    pub prorate: Option<bool>,
    /// Why it ends.
    pub cancellation_details: Option<CancellationDetails>,
    /// Whose whole to give in the place of an id, as in `customer`.
    pub expand: Option<Vec<String>>,
}

/// A paused subscription to go on with.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct ResumeSubscription {
    /// Its id (`sub_…`).
    #[schemars(regex(pattern = r"^[A-Za-z0-9_]{1,255}$"))]
    pub subscription: String,
    /// When periods begin. Default: now.
    pub billing_cycle_anchor: Option<BillingCycleAnchor>,
    /// What is too much or too little for the running period goes on the next invoice (`create_prorations`, the
    /// default), on one now (`always_invoice`), or nowhere (`none`).
    #[schemars(regex(pattern = r"^(create_prorations|always_invoice|none)$"))]
    pub proration_behavior: Option<String>,
    /// Whose whole to give in the place of an id, as in `customer`.
    pub expand: Option<Vec<String>>,
}

/// Which subscriptions; the newest come first.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct ListSubscriptions {
    /// Of this customer (`cus_…`).
    #[schemars(regex(pattern = r"^[A-Za-z0-9_]{1,255}$"))]
    pub customer: Option<String>,
    /// With this price (`price_…`).
    #[schemars(regex(pattern = r"^[A-Za-z0-9_]{1,255}$"))]
    pub price: Option<String>,
    /// In this state. Default: all that are not canceled.
    #[schemars(regex(
        pattern = r"^(active|all|canceled|ended|incomplete|incomplete_expired|past_due|paused|trialing|unpaid)$"
    ))]
    pub status: Option<String>,
    /// When it was made.
    pub created: Option<Times>,
    /// At most so many. Default: 10.
    #[schemars(range(min = 1, max = 100))]
    pub limit: Option<u32>,
    /// The id of the last of the page before.
    #[schemars(regex(pattern = r"^[A-Za-z0-9_]{1,255}$"))]
    pub starting_after: Option<String>,
    /// The id of the first of the page after; not beside `starting_after`.
    #[schemars(regex(pattern = r"^[A-Za-z0-9_]{1,255}$"))]
    pub ending_before: Option<String>,
    /// Whose whole to give in the place of an id, as in `customer`.
    pub expand: Option<Vec<String>>,
}

/// A price, with all that Stripe says of it.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Price {
    /// Its id (`price_…`).
    pub id: String,
    /// Three lower-case letters.
    pub currency: Option<String>,
    /// For one, in the smallest unit of the currency; null where it is no whole number or depends on how many.
    pub unit_amount: Option<i64>,
    /// The same as an exact decimal.
    pub unit_amount_decimal: Option<String>,
    /// A name of yours.
    pub lookup_key: Option<String>,
}

/// A price that is paid for.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct SubscriptionItem {
    /// Its id (`si_…`).
    pub id: String,
    /// What is paid.
    pub price: Price,
    /// How many; none for a metered price.
    pub quantity: Option<u64>,
    /// Since when, in seconds since the Unix epoch.
    pub current_period_start: Option<u64>,
    /// Until when, in seconds since the Unix epoch.
    pub current_period_end: Option<u64>,
}

/// What is paid for.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct SubscriptionItems {
    /// The items.
    pub data: Vec<SubscriptionItem>,
}

/// A subscription, with all that Stripe says of it.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Subscription {
    /// Its id (`sub_…`).
    pub id: String,
    /// `incomplete`, `incomplete_expired`, `trialing`, `active`, `past_due`, `unpaid`, `canceled` or `paused`.
    pub status: String,
    /// Who pays: the id, or the whole customer where that is asked for.
    pub customer: Option<Value>,
    /// Three lower-case letters.
    pub currency: Option<String>,
    /// What is paid for, with the period that each item is in.
    pub items: Option<SubscriptionItems>,
    /// It ends with its period.
    pub cancel_at_period_end: Option<bool>,
    /// When it ends, in seconds since the Unix epoch.
    pub cancel_at: Option<u64>,
    /// When that was asked for, in seconds since the Unix epoch.
    pub canceled_at: Option<u64>,
    /// When it ended, in seconds since the Unix epoch.
    pub ended_at: Option<u64>,
    /// When its trial ends or ended, in seconds since the Unix epoch.
    pub trial_end: Option<u64>,
    /// The id of its latest invoice, or the whole of it where that is asked for.
    pub latest_invoice: Option<Value>,
    /// When it was made, in seconds since the Unix epoch.
    pub created: Option<u64>,
    /// Pairs to find it by.
    pub metadata: Option<BTreeMap<String, String>>,
}

/// A page of subscriptions.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Subscriptions {
    /// As Stripe describes them.
    pub data: Vec<Subscription>,
    /// There is a next page.
    pub has_more: bool,
}
