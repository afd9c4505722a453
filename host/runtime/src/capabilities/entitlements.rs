//! What organizations may, by what they pay: for the one plugin and the one org that the operator names.

use std::sync::Arc;

use chrono::DateTime;
use patchbay_model::{Code, Failure, OrgId, ReadingId, Timestamp, billing, plan::Metric};

use super::{HostError, invalid};
use crate::{
    bindings::{
        entitlements::{self as contract, Host},
        types::{Error, Violation},
    },
    call::CallState,
    entitlements::Entitlements,
};

/// Entries and notices of one call of `note`.
const MOST_NOTES: usize = 100;
/// Of a vendor's ids, in bytes.
const MOST_ID_BYTES: usize = 256;
/// Of a URL, in bytes.
const MOST_URL_BYTES: usize = 2_048;
/// Of the name of a kind, in bytes.
const MOST_KIND_BYTES: usize = 64;

impl CallState {
    fn entitlements(&mut self) -> Result<Arc<dyn Entitlements>, HostError> {
        self.enter()?;
        if !self.grants.entitlements {
            let denied = "entitlements are not in the manifest: add `entitlements = true`".to_owned();
            return Err(HostError::Guest(Error::Denied(denied)));
        }
        self.demand_storage()?;
        self.entitlements.clone().ok_or_else(|| {
            let denied = "entitlements are for the plugin and the organization that the hub's configuration names: \
                          `billing.plugin` and `billing.org`";
            HostError::Guest(Error::Denied(denied.to_owned()))
        })
    }
}

impl Host for CallState {
    async fn begin(&mut self, org: String) -> Result<u64, HostError> {
        let hub = self.entitlements()?;
        let org = read_org(&org)?;
        hub.begin(org).await.map_err(not_told)
    }

    async fn apply(
        &mut self,
        org: String,
        number: u64,
        subscription: contract::Subscription,
    ) -> Result<bool, HostError> {
        let hub = self.entitlements()?;
        let org = read_org(&org)?;
        let subscription = read_subscription(subscription)?;
        hub.apply(org, number, subscription).await.map_err(not_told)
    }

    async fn note(
        &mut self,
        org: String,
        entries: Vec<contract::Entry>,
        notices: Vec<contract::Notice>,
    ) -> Result<(), HostError> {
        let hub = self.entitlements()?;
        let org = read_org(&org)?;
        for (pointer, length) in [("/entries", entries.len()), ("/notices", notices.len())] {
            if length > MOST_NOTES {
                return Err(invalid(pointer, format!("at most {MOST_NOTES}")));
            }
        }
        let entries = entries.into_iter().enumerate().map(read_entry).collect::<Result<_, _>>()?;
        let notices = notices.into_iter().enumerate().map(read_notice).collect::<Result<_, _>>()?;
        hub.note(org, entries, notices).await.map_err(not_told)
    }

    async fn due_readings(&mut self, after: Option<String>) -> Result<contract::Readings, HostError> {
        let hub = self.entitlements()?;
        let after = read_after(after)?;
        let (due, next) = hub.due_readings(after).await.map_err(not_told)?;
        let readings = due.into_iter().map(|due| contract::Reading {
            org: due.org.to_string(),
            customer: due.customer,
            id: due.reading.id.to_string(),
            metric: due.reading.metric.as_str().to_owned(),
            units: due.reading.units,
            at: millis(due.reading.at),
        });
        Ok(contract::Readings { readings: readings.collect(), next: next.map(|org| org.to_string()) })
    }

    async fn settle_reading(&mut self, org: String, id: String, refusal: Option<String>) -> Result<(), HostError> {
        let hub = self.entitlements()?;
        let org = read_org(&org)?;
        let id = id.parse::<ReadingId>().map_err(|error| invalid("/id", error.to_string()))?;
        // what a vendor says can be long
        let refusal = refusal.map(|refusal| refusal.chars().take(1_000).collect());
        hub.settle_reading(org, id, refusal).await.map_err(not_told)
    }

    async fn day_sums_of(&mut self, day: u64, after: Option<String>) -> Result<contract::DaySums, HostError> {
        let hub = self.entitlements()?;
        let (day, after) = (read_time("/day", day)?, read_after(after)?);
        let (sums, next) = hub.day_sums(day, after).await.map_err(not_told)?;
        let sums = sums.into_iter().map(|sum| contract::DaySum {
            org: sum.org.to_string(),
            customer: sum.customer,
            metric: sum.metric.as_str().to_owned(),
            units: sum.units,
        });
        Ok(contract::DaySums { sums: sums.collect(), next: next.map(|org| org.to_string()) })
    }

    async fn compare_day(&mut self, org: String, metric: String, day: u64, units: u64) -> Result<i64, HostError> {
        let hub = self.entitlements()?;
        let (org, day) = (read_org(&org)?, read_time("/day", day)?);
        let metric = metric.parse::<Metric>().map_err(|error| invalid("/metric", error.to_string()))?;
        hub.compare_day(org, metric, day, units).await.map_err(not_told)
    }
}

/// A failure of the hub's as the contract has it.
fn not_told(failure: Failure) -> HostError {
    let Failure { code, detail, violations, internal, .. } = failure;
    let violation = |wrong: patchbay_model::Violation| Violation { pointer: wrong.pointer, expected: wrong.expected };
    HostError::Guest(match code {
        Code::NotFound => Error::NotFound(detail),
        Code::Conflict => Error::Conflict(detail),
        Code::InvalidInput => Error::Invalid(violations.into_iter().map(violation).collect()),
        _ => {
            let internal = internal.unwrap_or_default();
            tracing::error!(error.r#type = code.as_str(), detail, internal, "a host call failed");
            Error::Unavailable("the hub's billing".to_owned())
        }
    })
}

fn read_org(text: &str) -> Result<OrgId, HostError> {
    text.parse::<OrgId>().map_err(|error| invalid("/org", error.to_string()))
}

fn read_after(text: Option<String>) -> Result<Option<OrgId>, HostError> {
    text.map(|text| text.parse::<OrgId>().map_err(|error| invalid("/after", error.to_string()))).transpose()
}

fn read_time(pointer: &str, millis: u64) -> Result<Timestamp, HostError> {
    let time = i64::try_from(millis).ok().and_then(DateTime::from_timestamp_millis);
    time.ok_or_else(|| invalid(pointer, "milliseconds since the Unix epoch"))
}

fn read_optional_time(pointer: &str, millis: Option<u64>) -> Result<Option<Timestamp>, HostError> {
    millis.map(|millis| read_time(pointer, millis)).transpose()
}

fn millis(at: Timestamp) -> u64 {
    u64::try_from(at.timestamp_millis()).unwrap_or(0)
}

fn check_text(pointer: String, text: &str, most: usize) -> Result<(), HostError> {
    if (1..=most).contains(&text.len()) { Ok(()) } else { Err(invalid(pointer, format!("1 to {most} bytes"))) }
}

/// Checks what entries and notices have in common.
fn check_parts(
    at: &str,
    id: &str,
    currency: Option<&str>,
    reference: Option<&str>,
    url: Option<&str>,
) -> Result<(), HostError> {
    check_text(format!("{at}/id"), id, MOST_ID_BYTES)?;
    if currency.is_some_and(|code| code.len() != 3 || !code.bytes().all(|letter| letter.is_ascii_uppercase())) {
        return Err(invalid(format!("{at}/currency"), "three capital letters, as in EUR"));
    }
    if let Some(reference) = reference {
        check_text(format!("{at}/reference"), reference, MOST_ID_BYTES)?;
    }
    if let Some(url) = url {
        check_text(format!("{at}/url"), url, MOST_URL_BYTES)?;
        if !url.starts_with("https://") {
            return Err(invalid(format!("{at}/url"), "a URL that begins with https://"));
        }
    }
    Ok(())
}

fn read_subscription(subscription: contract::Subscription) -> Result<billing::Subscription, HostError> {
    let contract::Subscription { customer, plan, status, period_starts, period_ends, trial_ends, grace_ends, ends } =
        subscription;
    check_text("/customer".to_owned(), &customer, MOST_ID_BYTES)?;
    let (starts, stops) = (read_time("/period-starts", period_starts)?, read_time("/period-ends", period_ends)?);
    if stops <= starts {
        return Err(invalid("/period-ends", "after the period's start"));
    }
    Ok(billing::Subscription {
        customer,
        plan,
        status: match status {
            contract::Status::Trialing => billing::SubscriptionStatus::Trialing,
            contract::Status::Active => billing::SubscriptionStatus::Active,
            contract::Status::PastDue => billing::SubscriptionStatus::PastDue,
            contract::Status::Canceled => billing::SubscriptionStatus::Canceled,
        },
        period_starts_at: starts,
        period_ends_at: stops,
        trial_ends_at: read_optional_time("/trial-ends", trial_ends)?,
        grace_ends_at: read_optional_time("/grace-ends", grace_ends)?,
        ends_at: read_optional_time("/ends", ends)?,
    })
}

fn read_entry((index, entry): (usize, contract::Entry)) -> Result<billing::Entry, HostError> {
    let at = format!("/entries/{index}");
    let contract::Entry { id, kind, at: happened, amount, currency, reference, url } = entry;
    check_parts(&at, &id, currency.as_deref(), reference.as_deref(), url.as_deref())?;
    let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'.');
    if !(1..=MOST_KIND_BYTES).contains(&kind.len()) || !kind.bytes().all(is_name) {
        return Err(invalid(format!("{at}/kind"), "1 to 64 of a-z, 0-9, _ and ."));
    }
    let at = read_time(&format!("{at}/at"), happened)?;
    Ok(billing::Entry { id, kind, at, amount, currency, reference, url })
}

fn read_notice((index, notice): (usize, contract::Notice)) -> Result<billing::Notice, HostError> {
    let at = format!("/notices/{index}");
    let contract::Notice { id, kind, at: happened, amount, currency, reference, until, url } = notice;
    check_parts(&at, &id, currency.as_deref(), reference.as_deref(), url.as_deref())?;
    let kind = match kind {
        contract::NoticeKind::PaymentFailed => billing::NoticeKind::PaymentFailed,
        contract::NoticeKind::TrialEnding => billing::NoticeKind::TrialEnding,
        contract::NoticeKind::InvoiceUpcoming => billing::NoticeKind::InvoiceUpcoming,
    };
    let until = read_optional_time(&format!("{at}/until"), until)?;
    let at = read_time(&format!("{at}/at"), happened)?;
    Ok(billing::Notice { id, kind, at, amount, currency, reference, until, url })
}
