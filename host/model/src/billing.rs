//! What organizations pay for: their subscriptions at whoever bills them, what happened, and what was told to the vendor's meters.
//!
//! Nothing here knows a vendor. Money is whole minor units.

use serde::{Deserialize, Serialize};

use crate::{OrgId, ReadingId, Timestamp, plan::Metric};

/// The type of the event that tells of a payment that failed.
pub const PAYMENT_FAILED: &str = "billing.payment_failed";

/// The type of the event that tells of a trial that ends soon.
pub const TRIAL_ENDING: &str = "billing.trial_ending";

/// The type of the event that tells of a bill that is made soon.
pub const INVOICE_UPCOMING: &str = "billing.invoice_upcoming";

/// The type of the event that tells of another plan, by what was paid or was not.
pub const PLAN_CHANGED: &str = "billing.plan_changed";

/// The type of the event that tells of used units that the vendor lost.
pub const USAGE_GAP: &str = "billing.usage_gap";

words! {
    /// How a subscription stands.
    SubscriptionStatus {
        /// Not paid for yet.
        Trialing = "trialing",
        /// Paid for.
        Active = "active",
        /// A payment failed; the plan stays until the grace ends.
        PastDue = "past_due",
        /// Over.
        Canceled = "canceled",
    }
}

/// What an org has subscribed to, as its vendor says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Whom the vendor bills.
    pub customer: String,
    /// A plan of the hub; none if what was bought is no plan of it.
    pub plan: Option<String>,
    /// How it stands.
    pub status: SubscriptionStatus,
    /// The first instant of the present period of the vendor's bills.
    pub period_starts_at: Timestamp,
    /// The first instant of the next one.
    pub period_ends_at: Timestamp,
    /// When the trial ends.
    pub trial_ends_at: Option<Timestamp>,
    /// Until when the plan stays without a payment.
    pub grace_ends_at: Option<Timestamp>,
    /// When it ends, if it is to.
    pub ends_at: Option<Timestamp>,
}

impl Subscription {
    /// The plan that it gives at a time; none: that of an org which was never given one. A grace that nobody limits does not end.
    #[must_use]
    pub fn gives(&self, at: Timestamp) -> Option<&str> {
        let holds = match self.status {
            SubscriptionStatus::Trialing | SubscriptionStatus::Active => true,
            SubscriptionStatus::PastDue => self.grace_ends_at.is_none_or(|ends| at < ends),
            SubscriptionStatus::Canceled => false,
        };
        if holds { self.plan.as_deref() } else { None }
    }
}

/// An org's subscription, and how far its usage was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The number that was given last to whoever asks the vendor.
    pub ticket: u64,
    /// The number of what was said last; 0: nothing was.
    pub applied: u64,
    /// What was said last.
    pub subscription: Option<Subscription>,
    /// The first hour whose usage belongs to the vendor's present period.
    pub counted_from: Option<Timestamp>,
    /// That of the period before it.
    pub counted_before: Option<Timestamp>,
}

/// A fact of an org's billing history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The vendor's; the same for the same fact.
    pub id: String,
    /// As in `invoice.paid`.
    pub kind: String,
    /// When it happened, by the vendor.
    pub at: Timestamp,
    /// In minor units.
    pub amount: Option<i64>,
    /// Three letters (ISO 4217).
    pub currency: Option<String>,
    /// What it is about, for the vendor.
    pub reference: Option<String>,
    /// Where the org sees more of it.
    pub url: Option<String>,
}

/// What a notice says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeKind {
    /// A payment failed.
    PaymentFailed,
    /// A trial ends soon.
    TrialEnding,
    /// A bill is made soon.
    InvoiceUpcoming,
}

/// What an org is to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The same for the same notice.
    pub id: String,
    /// What it says.
    pub kind: NoticeKind,
    /// When it happened, by the vendor.
    pub at: Timestamp,
    /// In minor units.
    pub amount: Option<i64>,
    /// Three letters (ISO 4217).
    pub currency: Option<String>,
    /// What it is about, for the vendor.
    pub reference: Option<String>,
    /// When the grace or the trial ends, or the bill is due.
    pub until: Option<Timestamp>,
    /// Where the org sees more of it.
    pub url: Option<String>,
}

/// Units above what the plan includes, for the vendor's meters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The same for the same units, however often they are read.
    pub id: ReadingId,
    /// Of what.
    pub metric: Metric,
    /// The first hour of what they were read from.
    pub counted_from: Timestamp,
    /// How many; above 0.
    pub units: u64,
    /// When, within the vendor's period that they belong to.
    pub at: Timestamp,
    /// They make good for what the vendor lost, and count no usage.
    pub is_repair: bool,
}

/// A reading that the vendor is to be told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueReading {
    /// Whose.
    pub org: OrgId,
    /// Whom the vendor bills.
    pub customer: String,
    /// What.
    pub reading: Reading,
}

/// What the vendor was told of an org's use of a metric on a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DaySum {
    /// Whose.
    pub org: OrgId,
    /// Whom the vendor bills.
    pub customer: String,
    /// Of what.
    pub metric: Metric,
    /// How many, repairs not counted.
    pub units: u64,
}

/// What the vendor had of a day when it was compared last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayCheck {
    /// The day's first instant (UTC).
    pub day: Timestamp,
    /// Of what.
    pub metric: Metric,
    /// What the vendor was told.
    pub ours: u64,
    /// What the vendor has.
    pub theirs: u64,
    /// Of what it was told, how many units it refused, then or afterwards.
    pub refused: u64,
    /// When they were compared.
    pub checked_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_plan_holds_while_it_is_paid_for_or_until_its_grace_ends() {
        let mut subscription = Subscription {
            customer: "c".to_owned(),
            plan: Some("pro".to_owned()),
            status: SubscriptionStatus::Active,
            period_starts_at: time("2026-01-01T00:00:00Z"),
            period_ends_at: time("2026-02-01T00:00:00Z"),
            trial_ends_at: None,
            grace_ends_at: Some(time("2026-02-08T00:00:00Z")),
            ends_at: None,
        };
        let (within, after) = (time("2026-02-07T23:59:59Z"), time("2026-02-08T00:00:00Z"));
        assert_eq!(subscription.gives(after), Some("pro"), "nothing of it is due");
        subscription.status = SubscriptionStatus::PastDue;
        assert_eq!((subscription.gives(within), subscription.gives(after)), (Some("pro"), None));
        subscription.status = SubscriptionStatus::Canceled;
        assert_eq!(subscription.gives(within), None);
    }
}
