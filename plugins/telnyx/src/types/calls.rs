//! Calls: begun, taken, ended and connected.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a command on a call came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(title = "TelnyxCommandResult")]
pub struct Done {
    /// `ok`: Telnyx has taken the command; what comes of it is told by events.
    pub result: String,
    /// The id by which Telnyx drops a repeat within 60 seconds.
    pub command_id: String,
    /// The recording that was begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recording_id: Option<String>,
}

/// Whom to call.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum To {
    /// One number.
    One(String),
    /// Up to ten at once: the first that answers gets the call.
    Several(Vec<String>),
}

/// What Telnyx listens for when a call is answered.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MachineDetection {
    /// Nothing.
    Disabled,
    /// If it is a person or a machine.
    Detect,
    /// And the beep.
    DetectBeep,
    /// By the number of words.
    DetectWords,
    /// And the end of the greeting.
    GreetingEnd,
    /// By a better model, for a price.
    Premium,
}

/// How a file of sound is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Uncompressed.
    Wav,
    /// Compressed.
    Mp3,
}

/// Each side by itself, or both together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Channels {
    /// Both sides in one.
    Single,
    /// Each side in its own.
    Dual,
}

/// When a recording begins.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
pub enum Record {
    /// When the call is answered.
    #[serde(rename = "record-from-answer")]
    FromAnswer,
}

/// A call to be made.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "TelnyxDial")]
pub struct Dial {
    /// Numbers in E.164, or as people write them in the settings' default country.
    pub to: To,
    /// A number of the account. Default: that of the settings.
    #[schemars(length(min = 1, max = 64))]
    pub from: Option<String>,
    /// The name that is shown with the number.
    #[schemars(length(min = 1, max = 128))]
    pub from_display_name: Option<String>,
    /// The Call Control application. Default: that of the settings.
    #[schemars(length(min = 1, max = 64))]
    pub connection_id: Option<String>,
    /// How long it rings, in seconds. Default: 30.
    #[schemars(range(min = 5, max = 600))]
    pub timeout_secs: Option<u32>,
    /// How long it may last, in seconds. Default: 14400.
    #[schemars(range(min = 30, max = 14400))]
    pub time_limit_secs: Option<u32>,
    /// Any text; each event of the call has it, in base64.
    #[schemars(length(max = 4096))]
    pub client_state: Option<String>,
    /// Who answers: a person, a machine. Default: not asked.
    pub answering_machine_detection: Option<MachineDetection>,
    /// Audio that is played when it is answered.
    #[schemars(length(max = 2048))]
    pub audio_url: Option<String>,
    /// Digits that are pressed when it is answered: `0-9`, `A-D`, `w`, `W`, `*`, `#`.
    #[schemars(regex(pattern = r"^[0-9A-DwW*#]{1,64}$"))]
    pub send_digits_on_answer: Option<String>,
    /// Records the call. Default: no.
    pub record: Option<Record>,
    /// Default: `dual`.
    pub record_channels: Option<Channels>,
    /// Default: `mp3`.
    pub record_format: Option<Format>,
    /// A call that this one belongs to: both get one session.
    #[schemars(length(min = 1, max = 256))]
    pub link_to: Option<String>,
    /// With `link_to`: connects both when this one is answered.
    pub bridge_on_answer: Option<bool>,
    /// With `link_to`: this one is to be connected with that.
    pub bridge_intent: Option<bool>,
}

/// A call that was begun.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "TelnyxCall")]
pub struct Dialled {
    /// For commands on it. Missing if Telnyx knew the command already, and did it before.
    pub call_control_id: Option<String>,
    /// Of this leg.
    pub call_leg_id: Option<String>,
    /// Of all legs together.
    pub call_session_id: Option<String>,
    /// The id by which Telnyx drops a repeat within 60 seconds.
    #[serde(default)]
    pub command_id: String,
}

/// A call that is asked for.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "TelnyxGetCall")]
pub struct GetCall {
    /// Of the call.
    #[schemars(length(min = 1, max = 256))]
    pub call_control_id: String,
}

/// A call as it is.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "TelnyxCallStatus")]
pub struct CallStatus {
    /// For commands on it.
    pub call_control_id: String,
    /// Of this leg.
    pub call_leg_id: String,
    /// Of all legs together.
    pub call_session_id: String,
    /// It has not ended.
    pub is_alive: bool,
    /// When it began.
    pub start_time: Option<String>,
    /// When it ended.
    pub end_time: Option<String>,
    /// In seconds.
    pub call_duration: Option<u64>,
    /// What was given with a command, in base64.
    pub client_state: Option<String>,
}

/// An incoming call that is taken.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "TelnyxAnswer")]
pub struct Answer {
    /// Of the call.
    #[schemars(length(min = 1, max = 256))]
    pub call_control_id: String,
    /// Any text; each event of the call has it, in base64.
    #[schemars(length(max = 4096))]
    pub client_state: Option<String>,
    /// Records the call. Default: no.
    pub record: Option<Record>,
    /// Default: `dual`.
    pub record_channels: Option<Channels>,
    /// Default: `mp3`.
    pub record_format: Option<Format>,
}

/// Why a call is refused.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RejectCause {
    /// It is not wanted.
    CallRejected,
    /// The line is busy.
    UserBusy,
}

/// An incoming call that is refused.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "TelnyxReject")]
pub struct Reject {
    /// Of the call.
    #[schemars(length(min = 1, max = 256))]
    pub call_control_id: String,
    /// What the caller's network is told.
    pub cause: RejectCause,
    /// Any text; each event of the call has it, in base64.
    #[schemars(length(max = 4096))]
    pub client_state: Option<String>,
}

/// A call that is ended.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "TelnyxHangup")]
pub struct Hangup {
    /// Of the call.
    #[schemars(length(min = 1, max = 256))]
    pub call_control_id: String,
    /// Any text; each event of the call has it, in base64.
    #[schemars(length(max = 4096))]
    pub client_state: Option<String>,
}

/// A call that goes to another number.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "TelnyxTransfer")]
pub struct Transfer {
    /// Of the call.
    #[schemars(length(min = 1, max = 256))]
    pub call_control_id: String,
    /// A number in E.164, or as people write it in the settings' default country.
    #[schemars(length(min = 1, max = 64))]
    pub to: String,
    /// Who calls. Default: the number that was called.
    #[schemars(length(min = 1, max = 64))]
    pub from: Option<String>,
    /// How long it rings, in seconds. Default: 30.
    #[schemars(range(min = 5, max = 600))]
    pub timeout_secs: Option<u32>,
    /// How long it may last, in seconds. Default: 14400.
    #[schemars(range(min = 30, max = 14400))]
    pub time_limit_secs: Option<u32>,
    /// Audio that is played to the other side when it answers, before both are connected.
    #[schemars(length(max = 2048))]
    pub audio_url: Option<String>,
    /// Any text; each event of this leg has it, in base64.
    #[schemars(length(max = 4096))]
    pub client_state: Option<String>,
    /// Any text; each event of the new leg has it, in base64.
    #[schemars(length(max = 4096))]
    pub target_leg_client_state: Option<String>,
    /// The caller hears the other side's ringing tone. Default: yes.
    pub early_media: Option<bool>,
    /// Who answers: a person, a machine. Default: not asked.
    pub answering_machine_detection: Option<MachineDetection>,
}

/// Two calls that are connected.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "TelnyxBridge")]
pub struct Bridge {
    /// Of one call.
    #[schemars(length(min = 1, max = 256))]
    pub call_control_id: String,
    /// Of the other.
    #[schemars(length(min = 1, max = 256))]
    pub other_call_control_id: String,
    /// Any text; each event of the call has it, in base64.
    #[schemars(length(max = 4096))]
    pub client_state: Option<String>,
    /// A ringing tone until the other one answers. Default: no.
    pub play_ringtone: Option<bool>,
    /// `self`: the call stays when the other one hangs up. Default: it ends.
    #[schemars(regex(pattern = r"^self$"))]
    pub park_after_unbridge: Option<String>,
}

/// Keys that are pressed in a call.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "TelnyxSendDtmf")]
pub struct SendDtmf {
    /// Of the call.
    #[schemars(length(min = 1, max = 256))]
    pub call_control_id: String,
    /// `0-9`, `A-D`, `*`, `#`; `w` waits half a second, `W` a second.
    #[schemars(regex(pattern = r"^[0-9A-DwW*#]{1,500}$"))]
    pub digits: String,
    /// How long each sounds, in milliseconds. Default: 250.
    #[schemars(range(min = 100, max = 500))]
    pub duration_millis: Option<u32>,
    /// Any text; each event of the call has it, in base64.
    #[schemars(length(max = 4096))]
    pub client_state: Option<String>,
}
