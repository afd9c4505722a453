//! What is kept of a caller id: a document for each number, by the number. Never its code.

use patchbay_sdk::Error;
use patchbay_sdk::clock::Timestamp;
use patchbay_sdk::records::{self, Document, Page};
use patchbay_telephony::phone::Number;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// The collection in the manifest.
pub(super) const COLLECTION: &str = "caller-id";

/// How far a verification is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Twilio rings, or has rung.
    Pending,
    /// Calls may come from it.
    Verified,
    /// Nobody answered, or the code was wrong.
    Failed,
    /// Nobody said how it ended in time.
    Expired,
}

/// Why a verification failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The line was busy.
    Busy,
    /// Nobody answered.
    NoAnswer,
    /// Somebody answered, and keyed in another code or none.
    WrongCode,
    /// The call did not come about.
    CallFailed,
}

/// A caller id as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "TwilioCallerId")]
pub(crate) struct Stored {
    /// How far it is.
    pub(super) state: State,
    /// What people call it.
    #[serde(default)]
    pub(super) friendly_name: Option<String>,
    /// Seconds that Twilio waits before it rings.
    #[serde(default)]
    pub(super) call_delay: Option<u32>,
    /// Digits that Twilio dials once somebody answers.
    #[serde(default)]
    pub(super) extension: Option<String>,
    /// Twilio's SID of the last call with a code.
    #[serde(default)]
    pub(super) call_sid: Option<String>,
    /// Twilio's SID of it, once it is verified.
    #[serde(default)]
    pub(super) caller_id_sid: Option<String>,
    /// When the last call was asked for, in milliseconds since the Unix epoch.
    #[serde(default)]
    pub(super) started_at: Option<Timestamp>,
    /// When a pending one expires.
    #[serde(default)]
    pub(super) expires_at: Option<Timestamp>,
    /// When it was verified, failed or expired.
    #[serde(default)]
    pub(super) ended_at: Option<Timestamp>,
    /// Why it failed.
    #[serde(default)]
    pub(super) reason: Option<Reason>,
}

impl Stored {
    /// One of which nothing is known yet but its state.
    pub(super) const fn new(state: State) -> Self {
        Self {
            state,
            friendly_name: None,
            call_delay: None,
            extension: None,
            call_sid: None,
            caller_id_sid: None,
            started_at: None,
            expires_at: None,
            ended_at: None,
            reason: None,
        }
    }

    /// True for one whose code can still be keyed in.
    pub(super) fn is_underway(&self, now: Timestamp) -> bool {
        self.state == State::Pending && self.expires_at.is_some_and(|expires| now < expires)
    }
}

/// What is kept of a number.
pub(super) fn get(number: &Number) -> Result<Option<Document<Stored>>, Error> {
    records::get(COLLECTION, number.as_str())
}

/// Keeps it, if nobody else has written since `version` (0: there was none).
pub(super) fn put(number: &Number, stored: &Stored, version: u64) -> Result<(), Error> {
    records::put(COLLECTION, number.as_str(), stored, Some(version)).map(drop)
}

/// Caller ids in order of their numbers, in one state or in any.
pub(super) fn page(state: Option<State>, limit: u32, after: Option<&str>) -> Result<Page<Stored>, Error> {
    let filter = state.map_or_else(|| json!({}), |state| json!({ "state": state }));
    records::query(COLLECTION, &filter, limit, after)
}
