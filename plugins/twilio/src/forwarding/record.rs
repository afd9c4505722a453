//! What is kept of a forwarding: a document for each number whose calls are forwarded, by that number.

use patchbay_sdk::clock::{self, Timestamp};
use patchbay_sdk::records::{self, Document, Page};
use patchbay_sdk::{Error, events};
use patchbay_telephony::phone::Number;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::carrier::{CarrierId, Mode};

/// The collection in the manifest.
const COLLECTION: &str = "forwarding";

/// When it is known that a forwarding works.
const CONFIRMED: &str = "twilio.forwarding.confirmed";

/// How far a forwarding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Codes were given; nobody knows whether they were dialled.
    Pending,
    /// It works.
    Active,
    /// Codes were given that end it.
    Disabled,
}

/// How it is known that it works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Proof {
    /// Somebody said so.
    User,
    /// A forwarded call came in.
    Call,
}

/// A forwarding as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "TwilioForwarding")]
pub(crate) struct Stored {
    /// How far it is.
    pub(super) state: State,
    /// Whose line it is.
    pub(super) carrier: CarrierId,
    /// Which calls.
    pub(super) mode: Mode,
    /// Where they go.
    pub(super) destination: Number,
    /// How long it rings before, where somebody said so.
    #[serde(default)]
    pub(super) ring_seconds: Option<u8>,
    /// When the codes were given, in milliseconds since the Unix epoch.
    pub(super) set_up_at: Timestamp,
    /// When it was known to work.
    #[serde(default)]
    pub(super) confirmed_at: Option<Timestamp>,
    /// How.
    #[serde(default)]
    pub(super) confirmed_by: Option<Proof>,
    /// When the codes were given that end it.
    #[serde(default)]
    pub(super) disabled_at: Option<Timestamp>,
    /// When a forwarded call was last seen, to the hour.
    #[serde(default)]
    pub(super) last_call_at: Option<Timestamp>,
}

/// The data of the event `twilio.forwarding.confirmed`.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "TwilioForwardingConfirmed")]
pub(crate) struct Confirmed<'a> {
    /// Whose calls are forwarded, in E.164.
    phone_number: &'a str,
    /// Where they go, in E.164.
    destination: &'a str,
    /// Which calls.
    mode: Mode,
    /// How it is known.
    confirmed_by: Proof,
}

/// What is kept of a number.
pub(super) fn get(number: &Number) -> Result<Option<Document<Stored>>, Error> {
    records::get(COLLECTION, number.as_str())
}

/// Keeps it, if nobody else has written since `version` (0: there was none).
pub(super) fn put(number: &Number, stored: &Stored, version: u64) -> Result<(), Error> {
    records::put(COLLECTION, number.as_str(), stored, Some(version)).map(drop)
}

/// Forwardings in order of their numbers, in one state or in any.
pub(super) fn page(state: Option<State>, limit: u32, after: Option<&str>) -> Result<Page<Stored>, Error> {
    let filter = state.map_or_else(|| json!({}), |state| json!({ "state": state }));
    records::query(COLLECTION, &filter, limit, after)
}

/// It works: keeps and tells that, once for each time that it was set up.
pub(super) fn confirm(number: &Number, found: Document<Stored>, by: Proof) -> Result<Stored, Error> {
    let Document { data: mut stored, version, .. } = found;
    stored.state = State::Active;
    stored.confirmed_at = Some(clock::now());
    stored.confirmed_by = Some(by);
    put(number, &stored, version)?;
    let data = Confirmed {
        phone_number: number.as_str(),
        destination: stored.destination.as_str(),
        mode: stored.mode,
        confirmed_by: by,
    };
    let id = format!("forwarding:{}:{}", number.as_str(), stored.set_up_at);
    events::publish(CONFIRMED, number.as_str(), &data, Some(&id))?;
    Ok(stored)
}
