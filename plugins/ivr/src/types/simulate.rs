//! A call that is not made.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Direction, Recording, Step};
use crate::carrier::Dialect;

/// A call to walk through a menu with.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Simulate {
    /// The menu's id.
    #[schemars(length(min = 1, max = 64))]
    pub id: String,
    /// The latest if none is named. A draft with faults is walked through as far as it goes.
    #[serde(default)]
    pub version: Option<u32>,
    /// Whose XML is to be shown.
    pub dialect: Dialect,
    /// When the call comes, in RFC 3339; now if nothing is said.
    #[serde(default)]
    #[schemars(length(max = 64))]
    pub at: Option<String>,
    /// What the caller does each time a key is waited for: a key, or nothing (an empty text). Once there are no more, the
    /// simulation ends where the call would wait.
    #[serde(default)]
    #[schemars(length(max = 100), inner(length(max = 16)))]
    pub digits: Vec<String>,
    /// How each transfer ends, in a carrier's words.
    #[serde(default = "no_answer")]
    #[schemars(length(min = 1, max = 64))]
    pub dial_status: String,
    /// What is recorded of each message; nothing if this is left out.
    #[serde(default)]
    pub recording: Option<Recording>,
    /// Who calls. Where one of the organization's contacts has the number, menus may call them by name.
    #[serde(default = "caller")]
    #[schemars(length(max = 64))]
    pub from: String,
    /// Who is called.
    #[serde(default = "called")]
    #[schemars(length(max = 64))]
    pub to: String,
    /// Which way the call goes.
    #[serde(default)]
    pub direction: Direction,
    /// Where the carrier would come back to.
    #[serde(default = "callback")]
    #[schemars(length(min = 1, max = 2000))]
    pub callback_url: String,
}

/// What happened.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Simulated {
    /// The version that was walked through.
    pub version: u32,
    /// Each document, and what the caller heard and did with it.
    pub exchanges: Vec<Exchange>,
    /// Everything that the call did, in order.
    pub steps: Vec<Step>,
    /// True if the call has come to its end; false if it waits.
    pub ended: bool,
}

/// One document of a call.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Exchange {
    /// What was pressed, or had happened otherwise, before it; none for the first.
    pub after: Option<String>,
    /// What is heard, in order.
    pub heard: Vec<Heard>,
    /// What the carrier is given: the very document that `answer` would give.
    pub document: String,
}

/// Something that is heard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Heard {
    /// Spoken text.
    Say(String),
    /// A recording, by its URL.
    Play(String),
    /// Somebody else's telephone rings.
    Ring(String),
    /// The tone before a message.
    Tone,
    /// The line is busy or does not take the call.
    Refusal,
    /// The call ends.
    End,
}

fn no_answer() -> String {
    "no-answer".to_owned()
}

fn caller() -> String {
    "+14155550100".to_owned()
}

fn called() -> String {
    "+14155550199".to_owned()
}

fn callback() -> String {
    "https://hub.example.com/hooks/simulated".to_owned()
}
