//! What the actions take and give, as far as it is worth spelling out.
//!
//! The types make the schemas; the connector itself reads only what it must and passes the rest on
//! ([`patchbay_sdk::Verbatim`]), so members that are not named here reach Stripe and come back all the same. Names, limits and
//! words are Stripe's, of the version that is pinned. Amounts are integers in the smallest unit of a currency; decimals are text.

pub mod checkout;
pub mod customer;
pub mod invoice;
pub mod payment_link;
pub mod refund;
pub mod subscription;

use schemars::JsonSchema;
use serde::Deserialize;

/// A range of times, in seconds since the Unix epoch.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Times {
    /// After.
    pub gt: Option<u64>,
    /// At or after.
    pub gte: Option<u64>,
    /// Before.
    pub lt: Option<u64>,
    /// At or before.
    pub lte: Option<u64>,
}
