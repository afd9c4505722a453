//! What the actions on caller ids take and give.

use patchbay_telephony::phone::Number;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use super::record::{Reason, State};

/// A number to verify.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StartCallerId {
    /// In E.164, or as it is written in the country of the settings.
    #[schemars(length(min = 1, max = 64))]
    pub phone_number: String,
    /// What people call it. Default: Twilio's own way to write the number.
    #[schemars(length(min = 1, max = 64))]
    pub friendly_name: Option<String>,
    /// Seconds before Twilio rings.
    #[schemars(range(max = 60))]
    pub call_delay: Option<u32>,
    /// Digits that Twilio dials once somebody answers, `w` for half a second's pause.
    #[schemars(regex(pattern = r"^[0-9*#wW]{1,32}$"))]
    pub extension: Option<String>,
}

/// A number by itself.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OneNumber {
    /// In E.164, or as it is written in the country of the settings.
    #[schemars(length(min = 1, max = 64))]
    pub phone_number: String,
}

/// A verification that has begun, or that was not needed.
#[derive(Serialize, JsonSchema)]
pub struct StartedCallerId {
    /// In E.164.
    pub phone_number: Number,
    /// `pending`; `verified` for a number that Twilio has verified already.
    pub state: State,
    /// The code to key in when the telephone rings. Show it at once: it is given here and nowhere else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation_code: Option<String>,
    /// Twilio's SID of the call with the code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call_sid: Option<String>,
    /// Twilio's SID of the caller id, once it is verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caller_id_sid: Option<String>,
    /// Until when the code counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// So many further calls within this hour.
    pub starts_left: u32,
    /// No further calls until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locked_until: Option<String>,
}

/// A caller id.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CallerId {
    /// In E.164.
    pub phone_number: String,
    /// How far its verification is.
    pub state: State,
    /// What people call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub friendly_name: Option<String>,
    /// Twilio's SID of it, once it is verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caller_id_sid: Option<String>,
    /// When the last call with a code was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    /// Until when that code counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// When it was verified, failed or expired.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<String>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

/// How a caller id stands.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CallerIdStatus {
    /// The caller id.
    pub caller_id: CallerId,
    /// So many further calls with a code within this hour.
    pub starts_left: u32,
    /// None of them until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locked_until: Option<String>,
}

/// Which caller ids to list.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListCallerIds {
    /// Only those in this state.
    pub state: Option<State>,
    /// At most so many. Default: 100.
    #[schemars(range(min = 1, max = 1000))]
    pub limit: Option<u32>,
    /// Those after this one: what `next` was.
    #[schemars(length(min = 1, max = 256))]
    pub after: Option<String>,
}

/// Caller ids.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CallerIds {
    /// In order of their numbers.
    pub caller_ids: Vec<CallerId>,
    /// For `after`; null on the last page.
    pub next: Option<String>,
}

/// The caller id is gone.
#[derive(Debug, Serialize, JsonSchema)]
pub struct DeletedCallerId {
    /// In E.164.
    pub phone_number: Number,
    /// False if there was none: that is fine, too.
    pub existed: bool,
}
