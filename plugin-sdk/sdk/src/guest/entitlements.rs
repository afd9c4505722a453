//! The component's side of `entitlements`.

use super::bindings::patchbay::connector::entitlements as wit;
use crate::{
    Error,
    clock::Timestamp,
    entitlements::{DaySum, Entry, Notice, NoticeKind, Part, Reading, Status, Subscription},
};

pub(crate) fn begin_entitlement(org: &str) -> Result<u64, Error> {
    wit::begin(org).map_err(Error::from)
}

pub(crate) fn apply_entitlement(org: &str, number: u64, subscription: Subscription) -> Result<bool, Error> {
    let Subscription { customer, plan, status, period_starts, period_ends, trial_ends, grace_ends, ends } =
        subscription;
    let status = match status {
        Status::Trialing => wit::Status::Trialing,
        Status::Active => wit::Status::Active,
        Status::PastDue => wit::Status::PastDue,
        Status::Canceled => wit::Status::Canceled,
    };
    let subscription =
        wit::Subscription { customer, plan, status, period_starts, period_ends, trial_ends, grace_ends, ends };
    wit::apply(org, number, &subscription).map_err(Error::from)
}

pub(crate) fn note_billing(org: &str, entries: Vec<Entry>, notices: Vec<Notice>) -> Result<(), Error> {
    let entries: Vec<_> = entries.into_iter().map(wit::Entry::from).collect();
    let notices: Vec<_> = notices.into_iter().map(wit::Notice::from).collect();
    wit::note(org, &entries, &notices).map_err(Error::from)
}

pub(crate) fn due_readings(after: Option<&str>) -> Result<Part<Reading>, Error> {
    let wit::Readings { readings, next } = wit::due_readings(after)?;
    let items = readings.into_iter().map(|reading| {
        let wit::Reading { org, customer, id, metric, units, at } = reading;
        Reading { org, customer, id, metric, units, at }
    });
    Ok(Part { items: items.collect(), next })
}

pub(crate) fn settle_reading(org: &str, id: &str, refusal: Option<&str>) -> Result<(), Error> {
    wit::settle_reading(org, id, refusal).map_err(Error::from)
}

pub(crate) fn day_sums(day: Timestamp, after: Option<&str>) -> Result<Part<DaySum>, Error> {
    let wit::DaySums { sums, next } = wit::day_sums_of(day, after)?;
    let items = sums.into_iter().map(|sum| {
        let wit::DaySum { org, customer, metric, units } = sum;
        DaySum { org, customer, metric, units }
    });
    Ok(Part { items: items.collect(), next })
}

pub(crate) fn compare_day(org: &str, metric: &str, day: Timestamp, units: u64) -> Result<i64, Error> {
    wit::compare_day(org, metric, day, units).map_err(Error::from)
}

impl From<Entry> for wit::Entry {
    fn from(entry: Entry) -> Self {
        let Entry { id, kind, at, amount, currency, reference, url } = entry;
        Self { id, kind, at, amount, currency, reference, url }
    }
}

impl From<Notice> for wit::Notice {
    fn from(notice: Notice) -> Self {
        let Notice { id, kind, at, amount, currency, reference, until, url } = notice;
        let kind = match kind {
            NoticeKind::PaymentFailed => wit::NoticeKind::PaymentFailed,
            NoticeKind::TrialEnding => wit::NoticeKind::TrialEnding,
            NoticeKind::InvoiceUpcoming => wit::NoticeKind::InvoiceUpcoming,
        };
        Self { id, kind, at, amount, currency, reference, until, url }
    }
}
