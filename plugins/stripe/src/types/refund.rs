//! Refunds.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// Money to give back, of a charge or of the one behind a payment intent: one of the two.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct CreateRefund {
    /// The charge (`ch_…`).
    #[schemars(regex(pattern = r"^[A-Za-z0-9_]{1,255}$"))]
    pub charge: Option<String>,
    /// The payment intent (`pi_…`).
    #[schemars(regex(pattern = r"^[A-Za-z0-9_]{1,255}$"))]
    pub payment_intent: Option<String>,
    /// In the smallest unit of the charge's currency. Default: all that is left.
    #[schemars(range(min = 1))]
    pub amount: Option<u64>,
    /// `duplicate`, `fraudulent` or `requested_by_customer`.
    #[schemars(regex(pattern = r"^(duplicate|fraudulent|requested_by_customer)$"))]
    pub reason: Option<String>,
    /// Up to 50 pairs to find it by; an empty text takes one away.
    pub metadata: Option<BTreeMap<String, String>>,
    /// Whose whole to give in the place of an id, as in `customer`.
    pub expand: Option<Vec<String>>,
}

/// A refund.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct GetRefund {
    /// Its id (`re_…`).
    #[schemars(regex(pattern = r"^[A-Za-z0-9_]{1,255}$"))]
    pub refund: String,
    /// Whose whole to give in the place of an id, as in `customer`.
    pub expand: Option<Vec<String>>,
}

/// A refund, with all that Stripe says of it.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Refund {
    /// Its id (`re_…`).
    pub id: String,
    /// In the smallest unit of the currency.
    pub amount: i64,
    /// Three lower-case letters.
    pub currency: Option<String>,
    /// `pending`, `requires_action`, `succeeded`, `failed` or `canceled`.
    pub status: Option<String>,
    /// The charge: its id, or the whole of it where that is asked for.
    pub charge: Option<Value>,
    /// The payment intent: its id, or the whole of it where that is asked for.
    pub payment_intent: Option<Value>,
    /// Why.
    pub reason: Option<String>,
    /// When it was made, in seconds since the Unix epoch.
    pub created: Option<u64>,
    /// Pairs to find it by.
    pub metadata: Option<BTreeMap<String, String>>,
}
