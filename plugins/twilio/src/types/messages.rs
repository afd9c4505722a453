//! Messages.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use crate::messages::Message;

/// A message to send.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SendSms {
    /// To whom.
    #[schemars(length(min = 3, max = 40))]
    pub to: String,
    /// One of your numbers, a short code, or a name of letters where the country takes such.
    #[serde(default)]
    #[schemars(length(min = 3, max = 40))]
    pub from: Option<String>,
    /// In its place, a messaging service that chooses the sender: its SID.
    #[serde(default)]
    #[schemars(regex(pattern = r"^MG[0-9a-fA-F]{32}$"))]
    pub messaging_service_sid: Option<String>,
    /// The text.
    #[serde(default)]
    #[schemars(length(min = 1, max = 1600))]
    pub body: Option<String>,
    /// Files to send, by their addresses.
    #[serde(default)]
    #[schemars(length(max = 10), inner(length(min = 8, max = 2000)))]
    pub media_urls: Vec<String>,
    /// For how many seconds Twilio tries to send it.
    #[serde(default)]
    #[schemars(range(min = 1, max = 36_000))]
    pub validity_s: Option<u32>,
}

/// Which message.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MessageSid {
    /// Its SID: `SM…` or `MM…`.
    pub sid: String,
}

/// Which call is followed by a message.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FollowUp {
    /// The id of the call's record, as in `twilio:CA…`.
    #[schemars(length(min = 1, max = 256))]
    pub call: String,
    /// One of your numbers. Default: the one that was called, or that called.
    #[serde(default)]
    #[schemars(length(min = 3, max = 40))]
    pub from: Option<String>,
    /// The text, in the place of that of the settings; `{{ record.… }}` for members of the call.
    #[serde(default)]
    #[schemars(length(min = 1, max = 2000))]
    pub template: Option<String>,
}

/// Which appointment is reminded of.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Remind {
    /// The id of the appointment's record.
    #[schemars(length(min = 1, max = 256))]
    pub appointment: String,
    /// One of your numbers.
    #[schemars(length(min = 3, max = 40))]
    pub from: String,
    /// To whom. Default: the first attendee who has a number.
    #[serde(default)]
    #[schemars(length(min = 3, max = 40))]
    pub to: Option<String>,
}

/// What becomes of a message that is composed.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Composed {
    /// `sent`, `planned`, or `nothing` where the template gives no text.
    pub status: String,
    /// When it goes out: RFC 3339. Null if it went now, or goes not.
    pub send_at: Option<String>,
    /// Its SID, once it was sent.
    pub sid: Option<String>,
}

/// Which transcript is written.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExportTranscript {
    /// The id of the transcript's record.
    #[schemars(length(min = 1, max = 256))]
    pub transcript: String,
    /// `text` for people, `jsonl` for programs.
    #[serde(default)]
    pub format: Format,
}

/// How a transcript is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Lines of who said what.
    #[default]
    Text,
    /// JSON Lines.
    Jsonl,
}
