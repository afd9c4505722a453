//! Endpoints.

use std::collections::{BTreeMap, BTreeSet};

use patchbay_hub::{EndpointSecret, EndpointStats, EndpointTest};
use patchbay_model::{
    DeliveryId, EndpointId, EventId, PluginId, Timestamp,
    endpoint::{self, EventTypes, Signing},
    rate::Rate,
};
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// An action that makes the payload out of the event.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Transform {
    /// Of this plugin, which is switched on.
    #[schema(value_type = String, example = "reshape")]
    plugin: PluginId,
    /// The action: gets `{"event": …}` and gives the payload, or null to send nothing. What it publishes, writes or plans is
    /// not kept.
    #[schema(example = "for-crm")]
    action: String,
}

impl From<endpoint::Transform> for Transform {
    fn from(transform: endpoint::Transform) -> Self {
        let endpoint::Transform { plugin, action } = transform;
        Self { plugin, action }
    }
}

impl From<Transform> for endpoint::Transform {
    fn from(transform: Transform) -> Self {
        let Transform { plugin, action } = transform;
        Self { plugin, action }
    }
}

/// How deliveries are signed.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SigningKind {
    /// HMAC-SHA256 (`v1`), by a secret that you have too.
    #[default]
    Hmac,
    /// Ed25519 (`v1a`); you need the public key alone.
    Ed25519,
}

impl From<Signing> for SigningKind {
    fn from(signing: Signing) -> Self {
        match signing {
            Signing::Hmac => Self::Hmac,
            Signing::Ed25519 => Self::Ed25519,
        }
    }
}

impl From<SigningKind> for Signing {
    fn from(signing: SigningKind) -> Self {
        match signing {
            SigningKind::Hmac => Self::Hmac,
            SigningKind::Ed25519 => Self::Ed25519,
        }
    }
}

/// A URL that subscribes to events. Its secrets never come out again.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Endpoint {
    /// Its id.
    #[schema(value_type = String, example = "ep_018f3c5e7d2a7c3b9f1e2d3c4b5a6978")]
    id: EndpointId,
    /// Where events are sent.
    #[schema(example = "https://example.com/hooks")]
    url: String,
    /// For people.
    description: String,
    /// The types of events that it subscribes to: exact ones, all below one as in `call.*`, or `*`. Empty: all.
    #[schema(value_type = Vec<String>, example = json!(["call.*"]))]
    types: EventTypes,
    /// What the data of events must look like (see the guide to filters); null: it does not matter.
    filter: Option<Value>,
    /// What makes the payload; null: the event itself.
    transform: Option<Transform>,
    /// Sent along.
    headers: BTreeMap<String, String>,
    /// Names of headers that are sent along and whose values are kept secret.
    secret_headers: BTreeSet<String>,
    /// How often it is sent to; null: as often as it answers.
    #[schema(value_type = Option<String>, example = "10/s")]
    rate: Option<Rate>,
    /// One delivery at a time, in the order of the events; one that fails holds up the others.
    fifo: bool,
    /// Is it switched on?
    enabled: bool,
    /// Why it is not: `asked` (somebody did it), `gone` (it answered 410) or `failing` (nothing reached it for days).
    #[schema(value_type = Option<String>)]
    disabled_reason: Option<&'static str>,
    /// Since when it is not.
    #[schema(value_type = Option<String>, format = DateTime)]
    disabled_at: Option<Timestamp>,
    /// How deliveries are signed.
    signing: SigningKind,
    /// What verifies Ed25519 signatures.
    #[schema(example = "whpk_…")]
    public_key: Option<String>,
    /// Until when deliveries are signed with a former secret too.
    #[schema(value_type = Option<String>, format = DateTime)]
    former_secret_until: Option<Timestamp>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl From<endpoint::Endpoint> for Endpoint {
    fn from(endpoint: endpoint::Endpoint) -> Self {
        let endpoint::Endpoint {
            id,
            org: _,
            settings,
            disabled,
            from_sequence: _,
            version: _,
            sealed: _,
            created_at,
            updated_at,
        } = endpoint;
        let endpoint::EndpointSettings {
            url,
            description,
            types,
            filter,
            transform,
            headers,
            secret_headers,
            rate,
            fifo,
            signing,
            public_key,
            former_until,
        } = settings;
        Self {
            id,
            url,
            description,
            types,
            filter,
            transform: transform.map(Transform::from),
            headers,
            secret_headers,
            rate,
            fifo,
            enabled: disabled.is_none(),
            disabled_reason: disabled.map(|disabled| disabled.reason.as_str()),
            disabled_at: disabled.map(|disabled| disabled.at),
            signing: signing.into(),
            public_key,
            former_secret_until: former_until,
            created_at,
            updated_at,
        }
    }
}

/// An endpoint that was just made, or that has a new secret.
#[derive(Serialize, ToSchema)]
pub(crate) struct EndpointReply {
    /// The endpoint.
    endpoint: Endpoint,
    /// What its deliveries are verified with. It is shown only now. Null for Ed25519: see `public_key`.
    #[schema(example = "whsec_…")]
    secret: Option<String>,
}

impl From<EndpointSecret> for EndpointReply {
    fn from(made: EndpointSecret) -> Self {
        let EndpointSecret { endpoint, secret } = made;
        Self { endpoint: endpoint.into(), secret: secret.map(|secret| secret.expose_secret().to_owned()) }
    }
}

/// What was sent to try an endpoint.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TestReply {
    /// The event, of the type `endpoint.test`.
    #[schema(value_type = String)]
    event: EventId,
    /// Its delivery: there in a moment.
    #[schema(value_type = String)]
    delivery: DeliveryId,
}

impl From<EndpointTest> for TestReply {
    fn from(test: EndpointTest) -> Self {
        let EndpointTest { event, delivery } = test;
        Self { event, delivery }
    }
}

/// How an endpoint stands.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Stats {
    /// How many deliveries are to be sent; of more than 10,000 that many.
    queued: u64,
    /// When the first of them is due.
    #[schema(value_type = Option<String>, format = DateTime)]
    next_attempt_at: Option<Timestamp>,
    /// `closed`: it works. `open`: it fails and is left alone for a while. `half_open`: it is tried with one delivery.
    circuit: &'static str,
    /// How often in a row it has failed.
    failures: u32,
    /// Since when.
    #[schema(value_type = Option<String>, format = DateTime)]
    failing_since: Option<Timestamp>,
    /// It is left alone until then.
    #[schema(value_type = Option<String>, format = DateTime)]
    paused_until: Option<Timestamp>,
}

impl From<(EndpointStats, Timestamp)> for Stats {
    fn from((stats, now): (EndpointStats, Timestamp)) -> Self {
        let circuit = stats.circuit(now);
        let EndpointStats { queued, next_attempt_at, failures, failing_since, paused_until } = stats;
        Self { queued, next_attempt_at, circuit, failures, failing_since, paused_until }
    }
}
