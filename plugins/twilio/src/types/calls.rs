//! Calls.

use schemars::JsonSchema;
use serde::Deserialize;

/// A call to make.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlaceCall {
    /// Whom to call.
    #[schemars(length(min = 3, max = 40))]
    pub to: String,
    /// One of your numbers, or a caller id that Twilio has verified.
    #[schemars(length(min = 3, max = 40))]
    pub from: String,
    /// What is done once somebody answers, as TwiML. Without it the menu of the number `from` is.
    #[serde(default)]
    #[schemars(length(min = 1, max = 4000))]
    pub twiml: Option<String>,
    /// How long it rings, in seconds. Default: 60.
    #[serde(default)]
    #[schemars(range(min = 5, max = 600))]
    pub timeout: Option<u32>,
    /// How long it may last, in seconds. Default: an hour.
    #[serde(default)]
    #[schemars(range(min = 1, max = 14_400))]
    pub time_limit: Option<u32>,
    /// Keys that are pressed once somebody answers: digits, `*`, `#`, and `w` for half a second.
    #[serde(default)]
    #[schemars(regex(pattern = r"^[0-9*#wW]{1,32}$"))]
    pub send_digits: Option<String>,
    /// Twilio listens whether a person or a machine answers.
    #[serde(default)]
    pub detect_machines: bool,
    /// The call is recorded.
    #[serde(default)]
    pub record: bool,
}

/// A call to change.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateCall {
    /// Its SID: `CA…`.
    pub sid: String,
    /// What is done from now on, as TwiML. Without it the menu of the call's number begins.
    #[serde(default)]
    #[schemars(length(min = 1, max = 4000))]
    pub twiml: Option<String>,
}

/// Which call.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CallSid {
    /// Its SID: `CA…`.
    pub sid: String,
}

/// A call, with all that Twilio says of it.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Call {
    /// Its SID: `CA…`.
    pub sid: String,
    /// `queued`, `ringing`, `in-progress`, `canceled`, `completed`, `failed`, `busy` or `no-answer`.
    #[serde(default)]
    pub status: Option<String>,
    /// Who calls.
    #[serde(default)]
    pub from: Option<String>,
    /// Who is called.
    #[serde(default)]
    pub to: Option<String>,
    /// `inbound`, `outbound-api` or `outbound-dial`.
    #[serde(default)]
    pub direction: Option<String>,
    /// Seconds from answer to end, as text.
    #[serde(default)]
    pub duration: Option<String>,
}
