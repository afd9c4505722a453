//! Checkout sessions, as events tell of them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// A checkout session, with all that Stripe says of it.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct CheckoutSession {
    /// Its id (`cs_…`).
    pub id: String,
    /// `payment`, `setup` or `subscription`.
    pub mode: Option<String>,
    /// `open`, `complete` or `expired`.
    pub status: Option<String>,
    /// `paid`, `unpaid` or `no_payment_required`.
    pub payment_status: Option<String>,
    /// What you gave it to be known by.
    pub client_reference_id: Option<String>,
    /// Who paid: the id.
    pub customer: Option<Value>,
    /// What was begun: the id.
    pub subscription: Option<Value>,
    /// What was paid: the id.
    pub invoice: Option<Value>,
    /// What was paid: the id.
    pub payment_intent: Option<Value>,
    /// In the smallest unit of the currency.
    pub amount_total: Option<i64>,
    /// Three lower-case letters.
    pub currency: Option<String>,
    /// Pairs to find it by.
    pub metadata: Option<BTreeMap<String, String>>,
}
