//! Payment links.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

/// A price and how many of it.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct LineItem {
    /// Its id (`price_…`).
    #[schemars(regex(pattern = r"^[A-Za-z0-9_]{1,255}$"))]
    pub price: String,
    /// How many.
    pub quantity: u64,
}

/// A page of yours.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Redirect {
    /// Its address.
    pub url: String,
}

/// What the customer sees after the payment.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct AfterCompletion {
    /// `hosted_confirmation` or `redirect`.
    #[serde(rename = "type")]
    #[schemars(regex(pattern = r"^(hosted_confirmation|redirect)$"))]
    pub kind: String,
    /// Where to; with `redirect`.
    pub redirect: Option<Redirect>,
}

/// A new page on which anybody can pay. Members of Stripe that are not listed pass through.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct CreatePaymentLink {
    /// What is paid for.
    #[schemars(length(min = 1, max = 20))]
    pub line_items: Vec<LineItem>,
    /// What the customer sees after the payment.
    pub after_completion: Option<AfterCompletion>,
    /// Promotion codes can be entered.
    pub allow_promotion_codes: Option<bool>,
    /// Up to 50 pairs to find it by; an empty text takes one away.
    pub metadata: Option<BTreeMap<String, String>>,
    /// Whose whole to give in the place of an id, as in `customer`.
    pub expand: Option<Vec<String>>,
}

/// Which payment links; the newest come first.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct ListPaymentLinks {
    /// Only those that can be paid at, or only the others.
    pub active: Option<bool>,
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

/// A payment link at which nobody can pay any more.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct DeactivatePaymentLink {
    /// Its id (`plink_…`).
    #[schemars(regex(pattern = r"^[A-Za-z0-9_]{1,255}$"))]
    pub payment_link: String,
    /// What is shown instead.
    pub inactive_message: Option<String>,
    /// Whose whole to give in the place of an id, as in `customer`.
    pub expand: Option<Vec<String>>,
}

/// A payment link, with all that Stripe says of it.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct PaymentLink {
    /// Its id (`plink_…`).
    pub id: String,
    /// The page.
    pub url: String,
    /// It can be paid at.
    pub active: bool,
    /// Three lower-case letters.
    pub currency: Option<String>,
    /// Pairs to find it by.
    pub metadata: Option<BTreeMap<String, String>>,
}

/// A page of payment links.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct PaymentLinks {
    /// As Stripe describes them.
    pub data: Vec<PaymentLink>,
    /// There is a next page.
    pub has_more: bool,
}
