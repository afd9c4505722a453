//! What the plugin through which the hub's operator is paid tells the hub.
//!
//! The runtime knows neither plans nor bills: it reads what the guest says, and the hub does it. Calls of every other plugin, and
//! of that one in any other org, have none of this.

use std::{fmt, future::Future, pin::Pin};

use patchbay_model::{
    Failure, OrgId, ReadingId, Timestamp,
    billing::{DaySum, DueReading, Entry, Notice, Subscription},
    plan::Metric,
};

/// What the hub answers.
pub type Told<'a, T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send + 'a>>;

/// A part of an answer, and after which org the next one begins; none: it was the last.
pub type OrgPage<T> = (Vec<T>, Option<OrgId>);

/// What the contract's `entitlements` does.
pub trait Entitlements: fmt::Debug + Send + Sync {
    /// Gives a number that is greater than all before it for this org. `not_found` if there is no such org.
    fn begin(&self, org: OrgId) -> Told<'_, u64>;

    /// Says what an org is entitled to; false if something newer was said. `not_found` if there is no such org, `invalid_input`
    /// for a plan that is not configured, or a number that was not given.
    fn apply(&self, org: OrgId, number: u64, subscription: Subscription) -> Told<'_, bool>;

    /// Adds to an org's history, and tells it something.
    fn note(&self, org: OrgId, entries: Vec<Entry>, notices: Vec<Notice>) -> Told<'_, ()>;

    /// What the vendor is to be told of, of orgs after one.
    fn due_readings(&self, after: Option<OrgId>) -> Told<'_, OrgPage<DueReading>>;

    /// Says that the vendor has taken a reading, or why it does not, which it may find out after it took it.
    fn settle_reading(&self, org: OrgId, reading: ReadingId, refusal: Option<String>) -> Told<'_, ()>;

    /// What the vendor was told of the day that an instant is in, of orgs after one.
    fn day_sums(&self, day: Timestamp, after: Option<OrgId>) -> Told<'_, OrgPage<DaySum>>;

    /// Says what the vendor has of a day, and gives how many units it lacks.
    fn compare_day(&self, org: OrgId, metric: Metric, day: Timestamp, units: u64) -> Told<'_, i64>;
}
