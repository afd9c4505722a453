//! What the hub itself publishes: each type with its schema, and the one way to make such an event.

mod data;

use patchbay_model::{
    Clock, EventId, OrgId, Random, Timestamp, billing,
    endpoint::{DELIVERY_EXHAUSTED, ENDPOINT_DISABLED, ENDPOINT_TEST},
    event::Event,
    export, job,
};
use patchbay_package::SchemaValidator;
use serde_json::Value;

/// A type of the hub's own events, other than what becomes of standard objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Own {
    /// A person must authorize a connection again.
    ReauthorizationNeeded,
    /// A vendor does not accept our OAuth client.
    ClientRejected,
    /// Calls began although their limits could not be looked at.
    LimitsUnchecked,
    /// A call of an action that nobody waited for ended well.
    JobCompleted,
    /// A job is given up.
    JobFailed,
    /// A payment for the org's plan failed.
    PaymentFailed,
    /// A trial ends soon.
    TrialEnding,
    /// A bill is made soon.
    InvoiceUpcoming,
    /// The org has another plan, by what it pays.
    BillingPlanChanged,
    /// A vendor's meter does not have what it was told.
    UsageGap,
    /// An export's file is there.
    ExportCompleted,
    /// An export has come to nothing.
    ExportFailed,
    /// A sync began to read.
    SyncStarted,
    /// A sync has read all that there was.
    SyncCompleted,
    /// A sync does not go on by itself before its next time.
    SyncFailed,
    /// A delivery was given up.
    DeliveryExhausted,
    /// The hub switched an endpoint off.
    EndpointDisabled,
    /// Somebody tries an endpoint.
    EndpointTest,
}

impl Own {
    /// All of them.
    pub(crate) const ALL: &'static [Self] = &[
        Self::ReauthorizationNeeded,
        Self::ClientRejected,
        Self::LimitsUnchecked,
        Self::JobCompleted,
        Self::JobFailed,
        Self::PaymentFailed,
        Self::TrialEnding,
        Self::InvoiceUpcoming,
        Self::BillingPlanChanged,
        Self::UsageGap,
        Self::ExportCompleted,
        Self::ExportFailed,
        Self::SyncStarted,
        Self::SyncCompleted,
        Self::SyncFailed,
        Self::DeliveryExhausted,
        Self::EndpointDisabled,
        Self::EndpointTest,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::ReauthorizationNeeded => "connection.reauthorization_needed",
            Self::ClientRejected => "connection.client_rejected",
            Self::LimitsUnchecked => "plan.limits_unchecked",
            Self::JobCompleted => job::COMPLETED,
            Self::JobFailed => job::FAILED,
            Self::PaymentFailed => billing::PAYMENT_FAILED,
            Self::TrialEnding => billing::TRIAL_ENDING,
            Self::InvoiceUpcoming => billing::INVOICE_UPCOMING,
            Self::BillingPlanChanged => billing::PLAN_CHANGED,
            Self::UsageGap => billing::USAGE_GAP,
            Self::ExportCompleted => export::COMPLETED,
            Self::ExportFailed => export::FAILED,
            Self::SyncStarted => "sync.started",
            Self::SyncCompleted => "sync.completed",
            Self::SyncFailed => "sync.failed",
            Self::DeliveryExhausted => DELIVERY_EXHAUSTED,
            Self::EndpointDisabled => ENDPOINT_DISABLED,
            Self::EndpointTest => ENDPOINT_TEST,
        }
    }

    pub(crate) const fn description(self) -> &'static str {
        match self {
            Self::ReauthorizationNeeded => {
                "The vendor no longer takes a connection's tokens: somebody must follow `reconnect_url`."
            }
            Self::ClientRejected => {
                "The vendor does not accept the OAuth client that a connection's tokens are renewed with."
            }
            Self::LimitsUnchecked => {
                "The database could not be asked how much of the plan is used; calls were let through meanwhile."
            }
            Self::JobCompleted => "A call of an action that nobody waited for ended well: its job has the result.",
            Self::JobFailed => "A job is given up: somebody must look at it, and may have it done once more.",
            Self::PaymentFailed => {
                "A payment for the organization's plan failed. The plan stays until `until`, if nobody pays before."
            }
            Self::TrialEnding => "The organization's trial ends soon.",
            Self::InvoiceUpcoming => "The organization's next bill is made soon.",
            Self::BillingPlanChanged => "The organization has another plan, by what it pays or does not pay.",
            Self::UsageGap => {
                "The vendor's meter does not have of a day what it was told; what is missing is told once more. Only the operator's \
                 organization gets it."
            }
            Self::ExportCompleted => "An export's file is there, for 24 hours: ask for the export to get a link to it.",
            Self::ExportFailed => "An export has come to nothing; `error` says why.",
            Self::SyncStarted => "A sync began to read what the vendor has, or what has changed there.",
            Self::SyncCompleted => "A sync has read all that it was to read; `counts` says what became of it.",
            Self::SyncFailed => {
                "A sync has come to a halt; `error` says why. It goes on from where it was at its next time, or when somebody asks for it."
            }
            Self::DeliveryExhausted => "An event did not reach an endpoint, and is not sent to it any more.",
            Self::EndpointDisabled => {
                "The hub switched an endpoint off: it answered `410`, or had only failed for days. `*` does not subscribe to it."
            }
            Self::EndpointTest => "Somebody tries an endpoint. It reaches that endpoint alone.",
        }
    }

    /// The event. Whose data is not as the type's schema says is our defect: it is published all the same, told in the log,
    /// and stops a test.
    pub(crate) fn event(self, fact: Fact, clock: &dyn Clock, random: &dyn Random) -> Event {
        let Fact { org, subject, data, dedupe, at } = fact;
        if let Err(wrong) = self.check(&data) {
            tracing::error!(kind = self.as_str(), %wrong, "an event of the hub is not as its schema says");
            debug_assert!(wrong.is_empty(), "{}: {wrong}", self.as_str());
        }
        Event {
            id: EventId::new(clock, random),
            org,
            source: None,
            kind: self.as_str().to_owned(),
            subject,
            data,
            dedupe,
            run: None,
            at,
            hops: 0,
        }
    }

    /// What is wrong with data, in words.
    fn check(self, data: &Value) -> Result<(), String> {
        let schema = SchemaValidator::compile(&self.schema()).map_err(|error| error.to_string())?;
        schema.validate(data).map_err(|violations| format!("{violations:?}"))
    }
}

/// What an event tells.
pub(crate) struct Fact {
    pub(crate) org: OrgId,
    pub(crate) subject: String,
    pub(crate) data: Value,
    /// A second event of the hub's with the same is dropped.
    pub(crate) dedupe: Option<String>,
    pub(crate) at: Timestamp,
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeSet,
        fs,
        path::{Path, PathBuf},
    };

    use patchbay_model::event::{HUB_FAMILIES, is_type_or_family};
    use serde_json::json;

    use super::*;

    #[test]
    fn every_type_has_a_schema_that_takes_its_example() {
        for own in Own::ALL {
            assert_eq!(own.check(&own.example()), Ok(()), "{own:?}");
            assert!(own.check(&json!({})).is_err(), "{own:?}");
            assert!(own.description().ends_with('.'), "{own:?}");
        }
    }

    #[test]
    fn no_plugin_can_publish_in_the_hubs_name() {
        for own in Own::ALL {
            let family = own.as_str().split('.').next().unwrap();
            assert!(is_type_or_family(own.as_str()) && HUB_FAMILIES.contains(&family), "{own:?}");
        }
    }
    /// The program's sources below a folder, without tests.
    fn sources(folder: &Path) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let is_of_tests = ["tests", "tests.rs", "testing.rs"].iter().any(|name| path.ends_with(name));
            match path.is_dir() {
                _ if is_of_tests => {}
                true => found.extend(sources(&path)),
                false => found.push(path),
            }
        }
        found
    }

    /// Only what no plugin published has no source, and that is written here. What the database gives, and what is built on what
    /// was there, has the source that it had.
    #[test]
    fn nothing_else_in_the_host_publishes_in_the_hubs_name() {
        let host = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let crates = fs::read_dir(host).unwrap().map(|entry| entry.unwrap().path().join("src"));
        let publishes = |path: &PathBuf| {
            let text = fs::read_to_string(path).unwrap_or_default();
            let program = text.split("#[cfg(test)]\nmod tests").next().unwrap();
            program.lines().any(|line| line.trim() == "source: None,")
        };
        let all = crates.filter(|folder| folder.is_dir()).flat_map(|folder| sources(&folder));
        let found: BTreeSet<PathBuf> =
            all.filter(publishes).map(|path| path.strip_prefix(host).unwrap().to_owned()).collect();
        // a type of the catalogue that any plugin can cause has none either
        let known = ["hub/src/events/catalogue.rs", "hub/src/events/own.rs"].map(PathBuf::from);
        assert_eq!(found, BTreeSet::from(known), "an event of the hub's own is a variant of `Own`");
    }
}
