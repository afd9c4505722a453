//! An org's URLs that subscribe to events.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{EndpointId, OrgId, PluginId, Timestamp, rate::Rate};

/// Events that tell of deliveries and endpoints. They reach only endpoints that name their types, and never by `*`: else
/// a receiver that is down would be told, for each thing that it was not told, of that.
pub const ABOUT_DELIVERIES: [&str; 2] = ["delivery.", "endpoint."];

/// A delivery that was given up.
pub const DELIVERY_EXHAUSTED: &str = "delivery.exhausted";
/// An endpoint that the hub switched off.
pub const ENDPOINT_DISABLED: &str = "endpoint.disabled";
/// What is sent when somebody tries an endpoint; reaches the endpoint that it is about, whatever that subscribes to.
pub const ENDPOINT_TEST: &str = "endpoint.test";

/// How deliveries are signed (Standard Webhooks).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signing {
    /// HMAC-SHA256, `v1`: hub and receiver have the same secret.
    #[default]
    Hmac,
    /// Ed25519, `v1a`: the receiver has the public key alone.
    Ed25519,
}

/// An action that makes the payload out of the event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transform {
    /// Of this plugin.
    pub plugin: PluginId,
    /// The action: gets `{"event": …}` and gives the payload, or null for none. It is a question: nothing that it publishes,
    /// writes or plans is kept.
    pub action: String,
}

/// Which types of events an endpoint subscribes to: exact ones, all below one as in `stripe.*`, or `*` for all. None named
/// stands for all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventTypes(pub Vec<String>);

impl EventTypes {
    /// True if events of this type are among them.
    #[must_use]
    pub fn has(&self, kind: &str) -> bool {
        let is_named = self.0.iter().any(|wanted| match wanted.strip_suffix('*') {
            // with its dot, so that `call.*` has `call.created` and not `callback.created`
            Some(below) if !below.is_empty() => kind.starts_with(below),
            Some(_) => false,
            None => wanted == kind,
        });
        is_named || (self.is_all() && !is_about_deliveries(kind))
    }

    fn is_all(&self) -> bool {
        self.0.is_empty() || self.0.iter().any(|wanted| wanted == "*")
    }
}

/// True for the types in [`ABOUT_DELIVERIES`].
#[must_use]
pub fn is_about_deliveries(kind: &str) -> bool {
    ABOUT_DELIVERIES.iter().any(|prefix| kind.starts_with(prefix))
}

/// What an org decides about an endpoint, without what is secret of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EndpointSettings {
    /// Where events are sent.
    pub url: String,
    /// For people.
    pub description: String,
    /// What it subscribes to.
    pub types: EventTypes,
    /// What events of these types must look like (`filter`); none: they all do.
    pub filter: Option<Value>,
    /// Makes the payload.
    pub transform: Option<Transform>,
    /// Sent along with each delivery.
    pub headers: BTreeMap<String, String>,
    /// Names of headers whose values are sealed.
    pub secret_headers: BTreeSet<String>,
    /// How often it may be sent to; none: as often as it answers.
    pub rate: Option<Rate>,
    /// One delivery at a time, in the order of the events: one that fails holds up those after it.
    pub fifo: bool,
    /// How deliveries are signed.
    pub signing: Signing,
    /// The half that verifies, as `whpk_…`; none for HMAC.
    pub public_key: Option<String>,
    /// Until when deliveries are signed with the former secret as well.
    pub former_until: Option<Timestamp>,
}

/// Why an endpoint is switched off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisabledReason {
    /// Somebody did it.
    Asked,
    /// It answered 410: it is gone.
    Gone,
    /// Nothing reached it for days.
    Failing,
}

impl DisabledReason {
    /// The reason as text, as in the database and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Gone => "gone",
            Self::Failing => "failing",
        }
    }
}

/// An endpoint that is switched off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Disabled {
    /// Why.
    pub reason: DisabledReason,
    /// Since when.
    pub at: Timestamp,
}

/// An endpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct Endpoint {
    /// Its id.
    pub id: EndpointId,
    /// Whose it is.
    pub org: OrgId,
    /// What the org decided.
    pub settings: EndpointSettings,
    /// If it is switched off.
    pub disabled: Option<Disabled>,
    /// The last event before it was made or switched on: what it subscribes to comes after.
    pub from_sequence: i64,
    /// Grows with each change.
    pub version: u64,
    /// Its secrets: the vault's ciphertext.
    pub sealed: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn types(wanted: &[&str]) -> EventTypes {
        EventTypes(wanted.iter().map(|&kind| kind.to_owned()).collect())
    }

    #[test]
    fn types_are_named_exactly_by_what_they_are_below_or_all() {
        for (wanted, kind, has) in [
            (&["call.created"][..], "call.created", true),
            (&["call.created"], "call.created.more", false),
            (&["call.*"], "call.created", true),
            (&["call.*"], "call", false),
            (&["call.*"], "callback.created", false),
            (&["invoice.paid", "call.*"], "invoice.paid", true),
            (&["*"], "anything.at.all", true),
            (&[], "anything.at.all", true),
            (&["invoice.*"], "call.created", false),
        ] {
            assert_eq!(types(wanted).has(kind), has, "{wanted:?} {kind}");
        }
    }

    #[test]
    fn what_tells_of_deliveries_is_had_by_name_only() {
        for kind in [DELIVERY_EXHAUSTED, ENDPOINT_DISABLED] {
            assert!(!types(&[]).has(kind) && !types(&["*"]).has(kind));
            assert!(types(&[kind]).has(kind));
        }
        assert!(types(&["*", "delivery.*"]).has(DELIVERY_EXHAUSTED));
    }
}
