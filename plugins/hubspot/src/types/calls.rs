//! Calls in timelines, and who it was.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Object;

/// Which way a call went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum CallDirection {
    /// Somebody called.
    Inbound,
    /// Somebody was called.
    Outbound,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CallStatus {
    /// It took place.
    #[default]
    Completed,
    /// The line was busy.
    Busy,
    /// Nobody answered.
    NoAnswer,
    /// Who called gave up.
    Canceled,
    /// It could not be made.
    Failed,
}

/// Writes a call into HubSpot's timeline. Calls that are records of the hub are written by their sync; this is for others.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogCall {
    /// What makes a repeat harmless: the same id changes the call that it has made.
    #[serde(default)]
    #[schemars(length(min = 1, max = 200))]
    pub external_id: Option<String>,
    /// When it began, in RFC 3339. Default: now.
    #[serde(default)]
    #[schemars(length(min = 1, max = 40))]
    pub started_at: Option<String>,
    /// How long it lasted, in seconds.
    #[serde(default)]
    #[schemars(range(max = 1_000_000))]
    pub duration_s: Option<u32>,
    /// Which way it went.
    pub direction: CallDirection,
    /// How it ended. Default: `COMPLETED`.
    #[serde(default)]
    pub status: CallStatus,
    /// What came of it: a word of the settings' `dispositions`, or of HubSpot's own as in `left voicemail`.
    #[serde(default)]
    #[schemars(length(min = 1, max = 200))]
    pub outcome: Option<String>,
    /// From which number, in E.164.
    #[serde(default)]
    #[schemars(length(min = 1, max = 40))]
    pub from: Option<String>,
    /// To which number, in E.164.
    #[serde(default)]
    #[schemars(length(min = 1, max = 40))]
    pub to: Option<String>,
    /// One line about it. Default: made of direction and number.
    #[serde(default)]
    #[schemars(length(min = 1, max = 250))]
    pub title: Option<String>,
    /// What was said, in plain text.
    #[serde(default)]
    #[schemars(length(max = 12_000))]
    pub summary: Option<String>,
    /// A link to the recording that lasts; https.
    #[serde(default)]
    #[schemars(regex(pattern = r"^https://"), length(max = 2048))]
    pub recording_url: Option<String>,
    /// HubSpot's ids of contacts that it belongs to.
    #[serde(default)]
    #[schemars(length(max = 50), inner(regex(pattern = r"^[0-9]{1,20}$")))]
    pub contacts: Vec<String>,
    /// HubSpot's ids of deals that it belongs to.
    #[serde(default)]
    #[schemars(length(max = 50), inner(regex(pattern = r"^[0-9]{1,20}$")))]
    pub deals: Vec<String>,
}

/// A call in HubSpot's timeline.
#[derive(Debug, Serialize, JsonSchema)]
pub struct LoggedCall {
    /// HubSpot's id.
    pub id: String,
    /// Where a person sees it.
    pub url: String,
}

/// Looks for a contact by one of the two.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FindContact {
    /// The e-mail address.
    #[serde(default)]
    #[schemars(length(min = 3, max = 320))]
    pub email: Option<String>,
    /// The number, as it is written in HubSpot.
    #[serde(default)]
    #[schemars(length(min = 3, max = 40))]
    pub phone: Option<String>,
    /// Which properties are wanted. Default: names, e-mail address and numbers.
    #[serde(default)]
    #[schemars(length(max = 100), inner(length(min = 1, max = 200)))]
    pub properties: Vec<String>,
}

/// Who it is.
#[derive(Debug, Serialize, JsonSchema)]
pub struct FoundContact {
    /// True if there is one.
    pub found: bool,
    /// The oldest, if there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<Object>,
    /// Where a person sees them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}
