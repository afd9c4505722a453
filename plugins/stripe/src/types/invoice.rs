//! Invoices, and what the next one would be.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::Times;
use super::subscription::{BillingCycleAnchor, ItemChange};

/// An invoice.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct GetInvoice {
    /// Its id (`in_…`).
    #[schemars(regex(pattern = r"^[A-Za-z0-9_]{1,255}$"))]
    pub invoice: String,
    /// Whose whole to give in the place of an id, as in `customer`.
    pub expand: Option<Vec<String>>,
}

/// Which invoices; the newest come first.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct ListInvoices {
    /// Of this customer (`cus_…`).
    #[schemars(regex(pattern = r"^[A-Za-z0-9_]{1,255}$"))]
    pub customer: Option<String>,
    /// For this subscription (`sub_…`).
    #[schemars(regex(pattern = r"^[A-Za-z0-9_]{1,255}$"))]
    pub subscription: Option<String>,
    /// In this state.
    #[schemars(regex(pattern = r"^(draft|open|paid|uncollectible|void)$"))]
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

/// A draft to make final.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct FinalizeInvoice {
    /// Its id (`in_…`).
    #[schemars(regex(pattern = r"^[A-Za-z0-9_]{1,255}$"))]
    pub invoice: String,
    /// Stripe collects it by itself.
    pub auto_advance: Option<bool>,
    /// Whose whole to give in the place of an id, as in `customer`.
    pub expand: Option<Vec<String>>,
}

/// An invoice to collect now.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct PayInvoice {
    /// Its id (`in_…`).
    #[schemars(regex(pattern = r"^[A-Za-z0-9_]{1,255}$"))]
    pub invoice: String,
    /// With this payment method; without it, the default one.
    #[schemars(regex(pattern = r"^[A-Za-z0-9_]{1,255}$"))]
    pub payment_method: Option<String>,
    /// It was paid elsewhere: nothing is charged.
    pub paid_out_of_band: Option<bool>,
    /// Whose whole to give in the place of an id, as in `customer`.
    pub expand: Option<Vec<String>>,
}

/// An open invoice that nobody has to pay.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct VoidInvoice {
    /// Its id (`in_…`).
    #[schemars(regex(pattern = r"^[A-Za-z0-9_]{1,255}$"))]
    pub invoice: String,
    /// Whose whole to give in the place of an id, as in `customer`.
    pub expand: Option<Vec<String>>,
}

/// What would be another about a subscription, or the items of a new one.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct PreviewedSubscription {
    /// What would become of its items.
    #[schemars(length(min = 1, max = 20))]
    pub items: Option<Vec<ItemChange>>,
    /// What is too much or too little for the running period goes on the next invoice (`create_prorations`, the
    /// default), on one now (`always_invoice`), or nowhere (`none`).
    #[schemars(regex(pattern = r"^(create_prorations|always_invoice|none)$"))]
    pub proration_behavior: Option<String>,
    /// As of when it is prorated, in seconds since the Unix epoch; the same as in a preview gives the same amount.
    pub proration_date: Option<u64>,
    /// When periods would begin.
    pub billing_cycle_anchor: Option<BillingCycleAnchor>,
    /// It would end with its period.
    pub cancel_at_period_end: Option<bool>,
    /// It would end now.
    pub cancel_now: Option<bool>,
}

/// The next invoice of a subscription, what a change of it would come to, or the first one of a new subscription.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct PreviewInvoice {
    /// Who would pay (`cus_…`); needed without `subscription`.
    #[schemars(regex(pattern = r"^[A-Za-z0-9_]{1,255}$"))]
    pub customer: Option<String>,
    /// The subscription (`sub_…`).
    #[schemars(regex(pattern = r"^[A-Za-z0-9_]{1,255}$"))]
    pub subscription: Option<String>,
    /// What would be another about it.
    pub subscription_details: Option<PreviewedSubscription>,
    /// Whose whole to give in the place of an id, as in `customer`.
    pub expand: Option<Vec<String>>,
}

/// From when to when.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Period {
    /// In seconds since the Unix epoch.
    pub start: u64,
    /// In seconds since the Unix epoch.
    pub end: u64,
}

/// A line of an invoice.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct InvoiceLine {
    /// Its id (`il_…`).
    pub id: String,
    /// In the smallest unit of the currency; below zero for a credit.
    pub amount: i64,
    /// Three lower-case letters.
    pub currency: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// How many.
    pub quantity: Option<u64>,
    /// What it is for.
    pub period: Option<Period>,
    /// What it came from, and whether it is prorated.
    pub parent: Option<BTreeMap<String, Value>>,
    /// The price.
    pub pricing: Option<BTreeMap<String, Value>>,
}

/// Lines of an invoice.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct InvoiceLines {
    /// The first of them.
    pub data: Vec<InvoiceLine>,
    /// There are more than those here.
    pub has_more: Option<bool>,
}

/// An invoice, with all that Stripe says of it. All amounts are in the smallest unit of the currency.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Invoice {
    /// Its id (`in_…`); that of a preview leads nowhere.
    pub id: String,
    /// As the customer sees it; none for a draft.
    pub number: Option<String>,
    /// `draft`, `open`, `paid`, `uncollectible` or `void`.
    pub status: Option<String>,
    /// Who pays: the id, or the whole customer where that is asked for.
    pub customer: Option<Value>,
    /// Three lower-case letters.
    pub currency: Option<String>,
    /// Before discounts and taxes.
    pub subtotal: Option<i64>,
    /// With discounts and taxes; below zero for a credit.
    pub total: Option<i64>,
    /// What has to be paid.
    pub amount_due: Option<i64>,
    /// What was paid.
    pub amount_paid: Option<i64>,
    /// What is left to pay.
    pub amount_remaining: Option<i64>,
    /// How often it was tried to collect it.
    pub attempt_count: Option<u64>,
    /// When it is tried again, in seconds since the Unix epoch.
    pub next_payment_attempt: Option<u64>,
    /// In seconds since the Unix epoch.
    pub period_start: Option<u64>,
    /// In seconds since the Unix epoch.
    pub period_end: Option<u64>,
    /// When it was made, in seconds since the Unix epoch.
    pub created: Option<u64>,
    /// Where the customer can pay.
    pub hosted_invoice_url: Option<String>,
    /// Where it can be fetched.
    pub invoice_pdf: Option<String>,
    /// What it is for.
    pub lines: Option<InvoiceLines>,
    /// Pairs to find it by.
    pub metadata: Option<BTreeMap<String, String>>,
}

/// A page of invoices.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Invoices {
    /// As Stripe describes them.
    pub data: Vec<Invoice>,
    /// There is a next page.
    pub has_more: bool,
}
