//! The native side of `entitlements`: what a plugin told of organizations is kept for the test to look at.

use std::collections::BTreeMap;

use super::{MockHost, state};
use crate::{
    Error,
    clock::Timestamp,
    entitlements::{DaySum, Entry, Notice, Part, Reading, Subscription},
};

/// What was told, and what there is to tell the vendor.
#[derive(Debug, Default)]
pub(crate) struct Entitled {
    numbers: BTreeMap<String, u64>,
    applied: BTreeMap<String, (u64, Subscription)>,
    entries: Vec<(String, Entry)>,
    notices: Vec<(String, Notice)>,
    readings: Vec<Reading>,
    settled: Vec<(String, Option<String>)>,
    day_sums: Vec<DaySum>,
    compared: Vec<(String, String, Timestamp, u64)>,
}

impl MockHost {
    /// What was said last of an organization's subscription.
    #[must_use]
    pub fn subscription(&self, org: &str) -> Option<Subscription> {
        self.state.borrow().entitled.applied.get(org).map(|(_, subscription)| subscription.clone())
    }

    /// An organization's billing history, in the order in which it was told.
    #[must_use]
    pub fn billing_entries(&self, org: &str) -> Vec<Entry> {
        let state = self.state.borrow();
        state.entitled.entries.iter().filter(|(whose, _)| whose == org).map(|(_, entry)| entry.clone()).collect()
    }

    /// What an organization was told, in the order in which it was.
    #[must_use]
    pub fn notices(&self, org: &str) -> Vec<Notice> {
        let state = self.state.borrow();
        state.entitled.notices.iter().filter(|(whose, _)| whose == org).map(|(_, notice)| notice.clone()).collect()
    }

    /// Sets the readings that are due; one that is settled is taken out. It can be refused after that.
    pub fn set_readings(&self, readings: Vec<Reading>) {
        self.state.borrow_mut().entitled.readings = readings;
    }

    /// Readings that were settled, by their ids, with why the vendor does not take them.
    #[must_use]
    pub fn settled_readings(&self) -> Vec<(String, Option<String>)> {
        self.state.borrow().entitled.settled.clone()
    }

    /// Sets what the vendor was told, of whatever day is asked for.
    pub fn set_day_sums(&self, sums: Vec<DaySum>) {
        self.state.borrow_mut().entitled.day_sums = sums;
    }

    /// What was compared: organization, metric, day, and the vendor's units.
    #[must_use]
    pub fn compared_days(&self) -> Vec<(String, String, Timestamp, u64)> {
        self.state.borrow().entitled.compared.clone()
    }
}

fn with<T>(act: impl FnOnce(&mut Entitled) -> Result<T, Error>) -> Result<T, Error> {
    state::with(|state| {
        if state.manifest.as_ref().is_some_and(|manifest| !manifest.entitlements) {
            let denied = "entitlements are not in the manifest: add `entitlements = true`";
            return Err(Error::Denied(denied.to_owned()));
        }
        act(&mut state.entitled)
    })
}

pub(crate) fn begin_entitlement(org: &str) -> Result<u64, Error> {
    with(|entitled| {
        let number = entitled.numbers.entry(org.to_owned()).or_default();
        *number += 1;
        Ok(*number)
    })
}

pub(crate) fn apply_entitlement(org: &str, number: u64, subscription: Subscription) -> Result<bool, Error> {
    with(|entitled| {
        let last = entitled.numbers.get(org).copied().unwrap_or(0);
        if number == 0 || number > last {
            return Err(Error::invalid("/number", "a number that `begin` gave for this organization"));
        }
        if entitled.applied.get(org).is_some_and(|(applied, _)| *applied > number) {
            return Ok(false);
        }
        entitled.applied.insert(org.to_owned(), (number, subscription));
        Ok(true)
    })
}

pub(crate) fn note_billing(org: &str, entries: Vec<Entry>, notices: Vec<Notice>) -> Result<(), Error> {
    with(|entitled| {
        for entry in entries {
            if !entitled.entries.iter().any(|(whose, told)| whose == org && told.id == entry.id) {
                entitled.entries.push((org.to_owned(), entry));
            }
        }
        for notice in notices {
            if !entitled.notices.iter().any(|(whose, told)| whose == org && told.id == notice.id) {
                entitled.notices.push((org.to_owned(), notice));
            }
        }
        Ok(())
    })
}

pub(crate) fn due_readings(after: Option<&str>) -> Result<Part<Reading>, Error> {
    with(|entitled| {
        let items = entitled.readings.iter().filter(|reading| after.is_none_or(|after| reading.org.as_str() > after));
        Ok(Part { items: items.cloned().collect(), next: None })
    })
}

pub(crate) fn settle_reading(org: &str, id: &str, refusal: Option<&str>) -> Result<(), Error> {
    with(|entitled| {
        let before = entitled.readings.len();
        entitled.readings.retain(|reading| reading.org != org || reading.id != id);
        if entitled.readings.len() < before {
            entitled.settled.push((id.to_owned(), refusal.map(str::to_owned)));
            return Ok(());
        }
        let taken = entitled.settled.iter_mut().find(|(settled, refusal)| settled == id && refusal.is_none());
        if let (Some((_, refusal)), Some(why)) = (taken, refusal) {
            *refusal = Some(why.to_owned());
        }
        Ok(())
    })
}

pub(crate) fn day_sums(_: Timestamp, after: Option<&str>) -> Result<Part<DaySum>, Error> {
    with(|entitled| {
        let items = entitled.day_sums.iter().filter(|sum| after.is_none_or(|after| sum.org.as_str() > after));
        Ok(Part { items: items.cloned().collect(), next: None })
    })
}

pub(crate) fn compare_day(org: &str, metric: &str, day: Timestamp, units: u64) -> Result<i64, Error> {
    with(|entitled| {
        entitled.compared.push((org.to_owned(), metric.to_owned(), day, units));
        let told = entitled.day_sums.iter().find(|sum| sum.org == org && sum.metric == metric);
        let ours = i64::try_from(told.map_or(0, |sum| sum.units)).unwrap_or(i64::MAX);
        Ok(ours.saturating_sub(i64::try_from(units).unwrap_or(i64::MAX)))
    })
}
