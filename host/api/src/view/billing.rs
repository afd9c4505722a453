//! What an org pays for.

use patchbay_hub as hub;
use patchbay_model::{Timestamp, billing, plan};
use serde::Serialize;
use utoipa::ToSchema;

use super::all;

/// Where somebody pays for a plan.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Checkout {
    /// A page of the vendor's: send the browser there.
    url: String,
    /// Until when it can be paid there.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

/// Where somebody sees bills and changes how they are paid.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PortalLink {
    /// A page of the vendor's, which opens once and soon.
    url: String,
}

/// What the org pays for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Subscription {
    /// The plan that the org has now, whoever gave it.
    #[schema(example = "pro")]
    plan: String,
    /// What it has subscribed to; null if nothing was ever bought.
    subscribed: Option<Subscribed>,
}

/// What an org has subscribed to.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Subscribed {
    /// The plan; null if what was bought is none of the hub's.
    plan: Option<String>,
    /// `trialing`, `active`, `past_due` or `canceled`.
    #[schema(value_type = String, example = "active")]
    status: billing::SubscriptionStatus,
    /// The first instant of the period that is billed now.
    #[schema(value_type = String, format = DateTime)]
    period_starts_at: Timestamp,
    /// The first instant of the next one.
    #[schema(value_type = String, format = DateTime)]
    period_ends_at: Timestamp,
    /// When the trial ends.
    #[schema(value_type = Option<String>, format = DateTime)]
    trial_ends_at: Option<Timestamp>,
    /// Until when the plan stays without a payment.
    #[schema(value_type = Option<String>, format = DateTime)]
    grace_ends_at: Option<Timestamp>,
    /// When the subscription ends, if it is to.
    #[schema(value_type = Option<String>, format = DateTime)]
    ends_at: Option<Timestamp>,
}

/// A line of a bill.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InvoiceLine {
    /// For people.
    description: Option<String>,
    /// In minor units; negative for what is given back.
    amount: i64,
    /// For a part of a period, because the plan changes within it.
    is_proration: bool,
}

/// What a change would cost.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Preview {
    /// What the next bill would be, in minor units.
    total: i64,
    /// What of that is because of the change, in minor units.
    proration: i64,
    /// Three letters (ISO 4217).
    #[schema(example = "USD")]
    currency: String,
    /// As of when. Give it with the change, and that is what it costs.
    #[schema(value_type = String, format = DateTime)]
    as_of: Timestamp,
    /// What the bill would say.
    lines: Vec<InvoiceLine>,
}

/// A bill.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Invoice {
    /// The vendor's id of it; null for one that is not made yet.
    id: Option<String>,
    /// As the vendor says it.
    #[schema(example = "paid")]
    status: String,
    /// In minor units.
    total: i64,
    /// What is still to be paid, in minor units.
    amount_due: i64,
    /// Three letters (ISO 4217).
    #[schema(example = "USD")]
    currency: String,
    /// When it was made, or is going to be.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Where it can be seen.
    url: Option<String>,
    /// What it is for.
    lines: Vec<InvoiceLine>,
}

/// Something that happened.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BillingEntry {
    /// The vendor's id of it.
    id: String,
    /// What.
    #[schema(example = "invoice.paid")]
    kind: String,
    /// When, by the vendor.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// In minor units.
    amount: Option<i64>,
    /// Three letters (ISO 4217).
    currency: Option<String>,
    /// What it is about, for the vendor: a bill's id.
    reference: Option<String>,
    /// Where to see more of it.
    url: Option<String>,
}

/// What the vendor had of a day beside what it was told.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BillingCheck {
    /// The day's first instant (UTC).
    #[schema(value_type = String, format = DateTime)]
    day: Timestamp,
    /// Of what.
    #[schema(value_type = String, example = "minutes")]
    metric: plan::Metric,
    /// Units that the vendor was told of.
    ours: u64,
    /// Units that it had.
    theirs: u64,
    /// Of the units that it was told of, those that it refused, then or afterwards.
    refused: u64,
    /// When they were compared.
    #[schema(value_type = String, format = DateTime)]
    checked_at: Timestamp,
}

impl From<hub::Checkout> for Checkout {
    fn from(checkout: hub::Checkout) -> Self {
        let hub::Checkout { url, expires_at } = checkout;
        Self { url, expires_at }
    }
}

impl From<hub::PortalLink> for PortalLink {
    fn from(link: hub::PortalLink) -> Self {
        let hub::PortalLink { url } = link;
        Self { url }
    }
}

impl From<hub::SubscriptionView> for Subscription {
    fn from(view: hub::SubscriptionView) -> Self {
        let hub::SubscriptionView { plan, subscription } = view;
        Self { plan, subscribed: subscription.map(Into::into) }
    }
}

impl From<billing::Subscription> for Subscribed {
    fn from(subscription: billing::Subscription) -> Self {
        // whom the vendor bills is between the hub and the vendor
        let billing::Subscription {
            customer: _,
            plan,
            status,
            period_starts_at,
            period_ends_at,
            trial_ends_at,
            grace_ends_at,
            ends_at,
        } = subscription;
        Self { plan, status, period_starts_at, period_ends_at, trial_ends_at, grace_ends_at, ends_at }
    }
}

impl From<hub::InvoiceLine> for InvoiceLine {
    fn from(line: hub::InvoiceLine) -> Self {
        let hub::InvoiceLine { description, amount, is_proration } = line;
        Self { description, amount, is_proration }
    }
}

impl From<hub::Preview> for Preview {
    fn from(preview: hub::Preview) -> Self {
        let hub::Preview { total, proration, currency, as_of, lines } = preview;
        Self { total, proration, currency, as_of, lines: all(lines) }
    }
}

impl From<hub::Invoice> for Invoice {
    fn from(invoice: hub::Invoice) -> Self {
        let hub::Invoice { id, status, total, amount_due, currency, at, url, lines } = invoice;
        Self { id, status, total, amount_due, currency, at, url, lines: all(lines) }
    }
}

impl From<billing::Entry> for BillingEntry {
    fn from(entry: billing::Entry) -> Self {
        let billing::Entry { id, kind, at, amount, currency, reference, url } = entry;
        Self { id, kind, at, amount, currency, reference, url }
    }
}

impl From<billing::DayCheck> for BillingCheck {
    fn from(check: billing::DayCheck) -> Self {
        let billing::DayCheck { day, metric, ours, theirs, refused, checked_at } = check;
        Self { day, metric, ours, theirs, refused, checked_at }
    }
}
