//! What is heard in a call, and what is kept of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::calls::{Channels, Format};

/// How a text is written.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PayloadType {
    /// As it is.
    Text,
    /// In the Speech Synthesis Markup Language.
    Ssml,
}

/// Who hears it.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Legs {
    /// This side.
    #[serde(rename = "self")]
    Own,
    /// The other side.
    Opposite,
    /// Both.
    Both,
}

/// What stops being played.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Stop {
    /// What is heard now.
    Current,
    /// And what waits behind it.
    All,
}

/// A text that is said.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "TelnyxSpeak")]
pub struct Speak {
    /// Of the call.
    #[schemars(length(min = 1, max = 256))]
    pub call_control_id: String,
    /// The text.
    #[schemars(length(min = 1, max = 3000))]
    pub payload: String,
    /// As in `Telnyx.KokoroTTS.af`, `AWS.Polly.Joanna`, `Azure.en-US-AvaNeural`.
    #[schemars(length(min = 1, max = 200))]
    pub voice: String,
    /// Default: `text`.
    pub payload_type: Option<PayloadType>,
    /// As in `en-US`; voices of Polly have their own.
    #[schemars(length(min = 2, max = 20))]
    pub language: Option<String>,
    /// Stops what is heard before. Default: it waits.
    pub stop: Option<Stop>,
    /// Default: `self`.
    pub target_legs: Option<Legs>,
    /// Any text; each event of the call has it, in base64.
    #[schemars(length(max = 4096))]
    pub client_state: Option<String>,
}

/// Digits that are waited for. With `payload` a text is said meanwhile, with `audio_url` audio is played; with neither it is
/// only waited.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "TelnyxGather")]
pub struct Gather {
    /// Of the call.
    #[schemars(length(min = 1, max = 256))]
    pub call_control_id: String,
    /// The text that is said. Needs `voice`.
    #[schemars(length(min = 1, max = 3000))]
    pub payload: Option<String>,
    /// With `payload`: as in `Telnyx.KokoroTTS.af`.
    #[schemars(length(min = 1, max = 200))]
    pub voice: Option<String>,
    /// With `payload`. Default: `text`.
    pub payload_type: Option<PayloadType>,
    /// With `payload`: as in `en-US`.
    #[schemars(length(min = 2, max = 20))]
    pub language: Option<String>,
    /// With `payload`: what is said if the digits are wrong.
    #[schemars(length(min = 1, max = 3000))]
    pub invalid_payload: Option<String>,
    /// The audio that is played.
    #[schemars(length(min = 1, max = 2048))]
    pub audio_url: Option<String>,
    /// With `audio_url`: what is played if the digits are wrong.
    #[schemars(length(min = 1, max = 2048))]
    pub invalid_audio_url: Option<String>,
    /// Default: 1.
    #[schemars(range(min = 1, max = 128))]
    pub minimum_digits: Option<u32>,
    /// Default: 128.
    #[schemars(range(min = 1, max = 128))]
    pub maximum_digits: Option<u32>,
    /// With `payload` or `audio_url`: how often it is asked. Default: 3.
    #[schemars(range(min = 1, max = 128))]
    pub maximum_tries: Option<u32>,
    /// How long is waited in all, in milliseconds. Default: 60000.
    #[schemars(range(min = 0, max = 600_000))]
    pub timeout_millis: Option<u32>,
    /// How long is waited for the next digit, in milliseconds. Default: 5000.
    #[schemars(range(min = 0, max = 600_000))]
    pub inter_digit_timeout_millis: Option<u32>,
    /// What ends the input. Default: `#`.
    #[schemars(regex(pattern = r"^[0-9A-D*#]$"))]
    pub terminating_digit: Option<String>,
    /// Default: `0123456789#*`.
    #[schemars(regex(pattern = r"^[0-9A-D*#]{1,20}$"))]
    pub valid_digits: Option<String>,
    /// Any text; each event of the call has it, in base64.
    #[schemars(length(max = 4096))]
    pub client_state: Option<String>,
}

/// Audio that is played.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "TelnyxStartPlayback")]
pub struct StartPlayback {
    /// Of the call.
    #[schemars(length(min = 1, max = 256))]
    pub call_control_id: String,
    /// Where it is: MP3 or WAV. Exactly one of this and `media_name`.
    #[schemars(length(min = 1, max = 2048))]
    pub audio_url: Option<String>,
    /// What it is called in Telnyx' media storage.
    #[schemars(length(min = 1, max = 255))]
    pub media_name: Option<String>,
    /// How often. Default: once.
    #[schemars(range(min = 1, max = 1000))]
    #[serde(rename = "loop")]
    pub times: Option<u32>,
    /// Mixes it with what is heard. Default: no.
    pub overlay: Option<bool>,
    /// Default: `self`.
    pub target_legs: Option<Legs>,
    /// Stops what is heard before. Default: it waits.
    pub stop: Option<Stop>,
    /// Any text; each event of the call has it, in base64.
    #[schemars(length(max = 4096))]
    pub client_state: Option<String>,
}

/// Audio that stops.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "TelnyxStopPlayback")]
pub struct StopPlayback {
    /// Of the call.
    #[schemars(length(min = 1, max = 256))]
    pub call_control_id: String,
    /// Default: `all`.
    pub stop: Option<Stop>,
    /// Stops what is mixed in. Default: no.
    pub overlay: Option<bool>,
    /// Any text; each event of the call has it, in base64.
    #[schemars(length(max = 4096))]
    pub client_state: Option<String>,
}

/// A recording that begins.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "TelnyxStartRecording")]
pub struct StartRecording {
    /// Of the call.
    #[schemars(length(min = 1, max = 256))]
    pub call_control_id: String,
    /// How the file is written.
    pub format: Format,
    /// Each side by itself, or both together.
    pub channels: Channels,
    /// A beep at its beginning. Default: no.
    pub play_beep: Option<bool>,
    /// In seconds; 0: without end. Default: 0.
    #[schemars(range(min = 0, max = 14400))]
    pub max_length: Option<u32>,
    /// Silence that ends it, in seconds; 0: none does. Default: 0.
    #[schemars(range(min = 0, max = 14400))]
    pub timeout_secs: Option<u32>,
    /// Any text; each event of the call has it, in base64.
    #[schemars(length(max = 4096))]
    pub client_state: Option<String>,
}

/// A recording that ends.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "TelnyxStopRecording")]
pub struct StopRecording {
    /// Of the call.
    #[schemars(length(min = 1, max = 256))]
    pub call_control_id: String,
    /// Default: all of the call.
    #[schemars(length(min = 1, max = 64))]
    pub recording_id: Option<String>,
    /// Any text; each event of the call has it, in base64.
    #[schemars(length(max = 4096))]
    pub client_state: Option<String>,
}
