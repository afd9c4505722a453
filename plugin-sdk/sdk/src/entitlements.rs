//! What organizations may, by what they pay: for the plugin through which the hub's operator is paid.
//!
//! The manifest asks for it with `entitlements = true`, and the operator names the plugin and the organization; everything here is
//! [`Error::Denied`] anywhere else. What is told holds at once and stays if the call fails, and what is told twice is told once.
//!
//! A vendor's webhooks come twice and in any order. So take a number, ask the vendor how things stand, and apply what it says
//! under that number: of two answers the one that was asked for later holds.
//!
//! ```no_run
//! # use patchbay_sdk::{Error, entitlements::{self, Subscription}};
//! # fn example(org: &str, ask_the_vendor: impl Fn() -> Result<Subscription, Error>) -> Result<(), Error> {
//! let number = entitlements::begin(org)?;
//! let subscription = ask_the_vendor()?;
//! entitlements::apply(org, number, &subscription)?;
//! # Ok(())
//! # }
//! ```

use crate::{Error, clock::Timestamp, host};

/// How a subscription stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Not paid for yet.
    Trialing,
    /// Paid for.
    Active,
    /// A payment failed; the plan stays until the grace ends.
    PastDue,
    /// Over.
    Canceled,
}

/// What an organization has subscribed to, as the vendor has it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Whom the vendor bills; at most 256 bytes.
    pub customer: String,
    /// A plan of the hub; none if what was bought is no plan of it.
    pub plan: Option<String>,
    /// How it stands.
    pub status: Status,
    /// The first instant of the present period of the vendor's bills.
    pub period_starts: Timestamp,
    /// The first instant of the next one.
    pub period_ends: Timestamp,
    /// When the trial ends.
    pub trial_ends: Option<Timestamp>,
    /// Until when the plan stays without a payment; none if it is not past due.
    pub grace_ends: Option<Timestamp>,
    /// When it ends, if it is to.
    pub ends: Option<Timestamp>,
}

/// A fact for the organization's billing history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The vendor's, the same for the same fact; 1 to 256 bytes.
    pub id: String,
    /// As in `invoice.paid`: `a-z`, `0-9`, `_` and `.`, at most 64.
    pub kind: String,
    /// When it happened, by the vendor.
    pub at: Timestamp,
    /// In minor units.
    pub amount: Option<i64>,
    /// Three capital letters (ISO 4217).
    pub currency: Option<String>,
    /// What it is about, for the vendor.
    pub reference: Option<String>,
    /// Where the organization sees more of it; `https`.
    pub url: Option<String>,
}

/// What an organization is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeKind {
    /// `billing.payment_failed`
    PaymentFailed,
    /// `billing.trial_ending`
    TrialEnding,
    /// `billing.invoice_upcoming`
    InvoiceUpcoming,
}

/// A notice, published to the organization as an event of the hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The same for the same notice; 1 to 256 bytes.
    pub id: String,
    /// What it says.
    pub kind: NoticeKind,
    /// When it happened, by the vendor.
    pub at: Timestamp,
    /// In minor units.
    pub amount: Option<i64>,
    /// Three capital letters (ISO 4217).
    pub currency: Option<String>,
    /// What it is about, for the vendor.
    pub reference: Option<String>,
    /// When the grace or the trial ends, or the invoice is due.
    pub until: Option<Timestamp>,
    /// Where the organization sees more of it; `https`.
    pub url: Option<String>,
}

/// Billable units that the vendor is to be told of, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The organization.
    pub org: String,
    /// Whom the vendor bills.
    pub customer: String,
    /// Stable over repeats: the vendor knows a repeat by it.
    pub id: String,
    /// A metric of the hub's plans, as in `minutes`.
    pub metric: String,
    /// How many, above what the plan includes.
    pub units: u64,
    /// When, within the vendor's period that they belong to.
    pub at: Timestamp,
}

/// What the vendor was told of an organization's use of a metric on a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DaySum {
    /// The organization.
    pub org: String,
    /// Whom the vendor bills.
    pub customer: String,
    /// A metric of the hub's plans.
    pub metric: String,
    /// How many units, those that made good for a gap not counted.
    pub units: u64,
}

/// A part of an answer, in order of organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part<T> {
    /// What there is.
    pub items: Vec<T>,
    /// Give it as `after` for the next part; none on the last.
    pub next: Option<String>,
}

/// Gives a number that is greater than all before it for this organization. Take it before the vendor is asked.
///
/// # Errors
/// [`Error::NotFound`] if there is no such organization.
pub fn begin(org: &str) -> Result<u64, Error> {
    host::begin_entitlement(org)
}

/// Says what an organization is entitled to. False if something newer was said already, which then stays.
///
/// # Errors
/// [`Error::Invalid`] for a plan that the hub does not have, or a number that [`begin`] did not give.
pub fn apply(org: &str, number: u64, subscription: &Subscription) -> Result<bool, Error> {
    host::apply_entitlement(org, number, subscription.clone())
}

/// Adds to an organization's billing history and tells it something. At most 100 of each.
///
/// # Errors
/// [`Error::NotFound`] if there is no such organization, [`Error::Invalid`] for what breaks a rule of [`Entry`] or [`Notice`].
pub fn note(org: &str, entries: Vec<Entry>, notices: Vec<Notice>) -> Result<(), Error> {
    host::note_billing(org, entries, notices)
}

/// Readings that are not settled, of organizations after one; the hub makes those that are due first.
///
/// # Errors
/// [`Error::Unavailable`] if the hub's database is.
pub fn due_readings(after: Option<&str>) -> Result<Part<Reading>, Error> {
    host::due_readings(after)
}

/// Says that the vendor has taken a reading, or why it does not, also where it finds that out after it took it. Of what is refused
/// nothing is due any more; when its day is compared, what is missing is.
///
/// # Errors
/// [`Error::Unavailable`] if the hub's database is.
pub fn settle_reading(org: &str, id: &str, refusal: Option<&str>) -> Result<(), Error> {
    host::settle_reading(org, id, refusal)
}

/// What the vendor was told of the day (UTC) that an instant is in, of organizations after one.
///
/// # Errors
/// [`Error::Unavailable`] if the hub's database is.
pub fn day_sums(day: Timestamp, after: Option<&str>) -> Result<Part<DaySum>, Error> {
    host::day_sums(day, after)
}

/// Says how many units the vendor has for a day, and gives how many are missing there: a reading that makes good for them is then
/// due. Negative if the vendor has more.
///
/// # Errors
/// [`Error::Invalid`] for a metric that there is not.
pub fn compare_day(org: &str, metric: &str, day: Timestamp, units: u64) -> Result<i64, Error> {
    host::compare_day(org, metric, day, units)
}
