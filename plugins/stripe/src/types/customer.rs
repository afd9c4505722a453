//! Customers.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::Times;

/// A postal address.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Address {
    /// Street and number.
    pub line1: Option<String>,
    /// Further line.
    pub line2: Option<String>,
    /// Postal code.
    pub postal_code: Option<String>,
    /// City.
    pub city: Option<String>,
    /// State or province.
    pub state: Option<String>,
    /// Two letters (ISO 3166-1).
    pub country: Option<String>,
}

/// How invoices are paid.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct InvoiceSettings {
    /// The id of a payment method of the customer; an empty text for none.
    pub default_payment_method: Option<String>,
}

/// A new customer. An empty text says nothing; members of Stripe that are not listed pass through.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct CreateCustomer {
    /// Email address.
    pub email: Option<String>,
    /// Name of the person or business.
    pub name: Option<String>,
    /// Phone number.
    pub phone: Option<String>,
    /// Text for yourself.
    pub description: Option<String>,
    /// Postal address.
    pub address: Option<Address>,
    /// The id of a payment method to attach.
    #[schemars(regex(pattern = r"^[A-Za-z0-9_]{1,255}$"))]
    pub payment_method: Option<String>,
    /// How invoices are paid.
    pub invoice_settings: Option<InvoiceSettings>,
    /// Languages, the preferred one first, as in `de`.
    pub preferred_locales: Option<Vec<String>>,
    /// `none`, `exempt` or `reverse`.
    #[schemars(regex(pattern = r"^(none|exempt|reverse)$"))]
    pub tax_exempt: Option<String>,
    /// Up to 50 pairs to find it by; an empty text takes one away.
    pub metadata: Option<BTreeMap<String, String>>,
    /// Whose whole to give in the place of an id, as in `customer`.
    pub expand: Option<Vec<String>>,
}

/// A customer.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct GetCustomer {
    /// Its id (`cus_…`).
    #[schemars(regex(pattern = r"^[A-Za-z0-9_]{1,255}$"))]
    pub customer: String,
    /// Whose whole to give in the place of an id, as in `customer`.
    pub expand: Option<Vec<String>>,
}

/// What is another about a customer. An empty text takes a member away.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct UpdateCustomer {
    /// Its id (`cus_…`).
    #[schemars(regex(pattern = r"^[A-Za-z0-9_]{1,255}$"))]
    pub customer: String,
    /// Email address.
    pub email: Option<String>,
    /// Name of the person or business.
    pub name: Option<String>,
    /// Phone number.
    pub phone: Option<String>,
    /// Text for yourself.
    pub description: Option<String>,
    /// Postal address.
    pub address: Option<Address>,
    /// How invoices are paid.
    pub invoice_settings: Option<InvoiceSettings>,
    /// Languages, the preferred one first, as in `de`.
    pub preferred_locales: Option<Vec<String>>,
    /// `none`, `exempt` or `reverse`.
    #[schemars(regex(pattern = r"^(none|exempt|reverse)$"))]
    pub tax_exempt: Option<String>,
    /// Up to 50 pairs to find it by; an empty text takes one away.
    pub metadata: Option<BTreeMap<String, String>>,
    /// Whose whole to give in the place of an id, as in `customer`.
    pub expand: Option<Vec<String>>,
}

/// Which customers; the newest come first.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct ListCustomers {
    /// With exactly this email address, upper and lower case told apart.
    pub email: Option<String>,
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

/// A customer to delete.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct DeleteCustomer {
    /// Its id (`cus_…`).
    #[schemars(regex(pattern = r"^[A-Za-z0-9_]{1,255}$"))]
    pub customer: String,
}

/// A customer, with all that Stripe says of it.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Customer {
    /// Its id (`cus_…`).
    pub id: String,
    /// Email address.
    pub email: Option<String>,
    /// Name.
    pub name: Option<String>,
    /// Phone number.
    pub phone: Option<String>,
    /// Text for yourself.
    pub description: Option<String>,
    /// What is owed (above zero) or credited (below), in the smallest unit of the currency.
    pub balance: Option<i64>,
    /// Three lower-case letters; null before the first charge.
    pub currency: Option<String>,
    /// When it was made, in seconds since the Unix epoch.
    pub created: Option<u64>,
    /// The latest invoice was not paid in time.
    pub delinquent: Option<bool>,
    /// True for one that is deleted, of which nothing else is left.
    pub deleted: Option<bool>,
    /// Pairs to find it by.
    pub metadata: Option<BTreeMap<String, String>>,
}

/// A page of customers.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Customers {
    /// As Stripe describes them.
    pub data: Vec<Customer>,
    /// There is a next page.
    pub has_more: bool,
}

/// What was deleted.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Deleted {
    /// Its id.
    pub id: String,
    /// True.
    pub deleted: bool,
}
