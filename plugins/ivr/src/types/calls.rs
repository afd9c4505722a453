//! What calls have done.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Direction, Recording, Step};

/// Which calls.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListCalls {
    /// Those of a menu.
    #[serde(default)]
    #[schemars(length(min = 1, max = 64))]
    pub menu: Option<String>,
    /// Those that came on a day (UTC), as `2026-11-01`.
    #[serde(default)]
    #[schemars(regex(pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"))]
    pub day: Option<String>,
    /// Those from a number.
    #[serde(default)]
    #[schemars(length(min = 1, max = 64))]
    pub from: Option<String>,
    /// At most so many.
    #[serde(default)]
    #[schemars(range(min = 1, max = 100))]
    pub limit: Option<u32>,
    /// `next` of the page before.
    #[serde(default)]
    #[schemars(length(min = 1, max = 256))]
    pub after: Option<String>,
}

/// Calls, by their ids.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct CallPage {
    /// This page.
    pub calls: Vec<CallSummary>,
    /// For the next one; none on the last.
    pub next: Option<String>,
}

/// One call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CallSummary {
    /// The carrier's id of it.
    pub call: String,
    /// Who called, as the carrier says.
    pub from: String,
    /// Who was called.
    pub to: String,
    /// Which way it went.
    pub direction: Direction,
    /// The menu.
    pub menu: String,
    /// Its version.
    pub version: u32,
    /// When it came (RFC 3339).
    pub started_at: String,
    /// What became of it; none while it goes on.
    pub outcome: Option<Outcome>,
    /// The keys that led on, in order.
    pub path: Vec<String>,
    /// Everything that it did, in order.
    pub steps: Vec<Step>,
}

/// A call that is over, as its carrier tells.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct HungUp {
    /// The carrier's id of it.
    #[schemars(length(min = 1, max = 512))]
    pub call: String,
}

/// When it is told what came of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Closing {
    /// About when (RFC 3339).
    pub at: String,
}

/// What became of a call, as far as the menu saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was put through.
    Transferred,
    /// It has left a message.
    Voicemail,
    /// The menu has ended it.
    Ended,
    /// It was not answered: too many calls.
    Refused,
    /// The caller was gone.
    Abandoned,
}

/// Of what menu and when.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StatisticsOf {
    /// The menu's id.
    #[schemars(length(min = 1, max = 64))]
    pub menu: String,
    /// The first day (UTC), as `2026-11-01`.
    #[schemars(regex(pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"))]
    pub from: String,
    /// The last day; at most 31 days.
    #[schemars(regex(pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"))]
    pub to: String,
}

/// What calls did, in sum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Statistics {
    /// How many there were.
    pub calls: u64,
    /// False if there were more than could be looked at; ask for fewer days.
    pub complete: bool,
    /// What became of them.
    pub outcomes: Vec<Counted>,
    /// How often each option was chosen, by place and key.
    pub options: Vec<OptionUse>,
}

/// How many calls came to something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Counted {
    /// What; none of those that go on.
    pub outcome: Option<Outcome>,
    /// How many.
    pub calls: u64,
}

/// How often an option was chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OptionUse {
    /// The menu or question: its path in the menu's document.
    pub node: String,
    /// The key.
    pub key: String,
    /// How often.
    pub times: u64,
    /// By how many calls.
    pub calls: u64,
}

/// Which messages.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListMessages {
    /// Those for somebody.
    #[serde(default)]
    #[schemars(length(min = 1, max = 100))]
    pub mailbox: Option<String>,
    /// Those of a menu.
    #[serde(default)]
    #[schemars(length(min = 1, max = 64))]
    pub menu: Option<String>,
    /// At most so many.
    #[serde(default)]
    #[schemars(range(min = 1, max = 100))]
    pub limit: Option<u32>,
    /// `next` of the page before.
    #[serde(default)]
    #[schemars(length(min = 1, max = 256))]
    pub after: Option<String>,
}

/// Messages, by their ids.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct MessagePage {
    /// This page.
    pub messages: Vec<Message>,
    /// For the next one; none on the last.
    pub next: Option<String>,
}

/// A message that a caller has left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Message {
    /// The carrier's id of the call.
    pub call: String,
    /// Who called.
    pub from: String,
    /// Who was called.
    pub to: String,
    /// The menu.
    pub menu: String,
    /// The place: its path in the menu's document.
    pub node: String,
    /// Whose it is.
    pub mailbox: Option<String>,
    /// What was recorded, as the carrier says. The file is the carrier's connector's.
    pub recording: Recording,
    /// When (RFC 3339).
    pub received_at: String,
    /// How far the writing down is; none if nobody was asked to.
    pub transcription: Option<TranscriptionStatus>,
    /// What was said.
    pub text: Option<String>,
}

/// How far the writing down of a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TranscriptionStatus {
    /// It is worked on.
    Underway,
    /// It is there.
    Done,
    /// It could not be made; the run's log says why.
    Failed,
}
