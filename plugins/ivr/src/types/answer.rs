//! What a carrier asks when a call comes in or goes on, and what it is told.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::carrier::Dialect;

/// A question of a carrier's connector: what does the call hear next?
///
/// Members that are not known are passed over, so that a newer connector can say more.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Answer {
    /// Whose XML is spoken.
    pub dialect: Dialect,
    /// The call.
    pub call: CallFacts,
    /// Where the carrier comes back to: the public webhook URL of its connector. The state is added to its query as `ivr`.
    #[schemars(length(min = 1, max = 2000))]
    pub callback_url: String,
    /// What has happened.
    pub request: Request,
    /// The query parameter `ivr` of the URL that was called; none at the start.
    #[serde(default)]
    #[schemars(length(max = 4000))]
    pub position: Option<String>,
    /// When, in RFC 3339; the hub's time if that is no such time.
    #[schemars(length(max = 64))]
    pub at: String,
}

/// A call.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct CallFacts {
    /// The carrier's id of it.
    #[schemars(length(min = 1, max = 512))]
    pub id: String,
    /// Who calls, as the carrier says.
    #[schemars(length(max = 512))]
    pub from: String,
    /// Who is called.
    #[schemars(length(max = 512))]
    pub to: String,
    /// Which way it goes.
    pub direction: Direction,
}

/// Which way a call goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// To a number of the org's.
    #[default]
    Inbound,
    /// From one.
    Outbound,
}

/// What has happened.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Request {
    /// What kind of thing.
    pub kind: Kind,
    /// Keys that were pressed.
    #[serde(default)]
    #[schemars(length(max = 128))]
    pub digits: Option<String>,
    /// What was recorded.
    #[serde(default)]
    pub recording: Option<Recording>,
    /// How the transfer ended, in the carrier's word: `completed`, `answered`, `busy`, `no-answer`, `failed`, `canceled`.
    #[serde(default)]
    #[schemars(length(max = 64))]
    pub dial_status: Option<String>,
}

/// What kind of thing has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The call came in.
    Start,
    /// Keys were pressed, or none in time.
    Digits,
    /// Something was said. No menu listens yet, so it counts as no key.
    Speech,
    /// A recording has ended.
    Recording,
    /// A transfer has ended.
    DialEnded,
    /// Nothing: a redirect of ours was followed.
    Redirect,
}

/// What was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Recording {
    /// Where the carrier keeps it.
    #[serde(default)]
    #[schemars(length(max = 2048))]
    pub url: Option<String>,
    /// How long it is, in seconds.
    #[serde(default)]
    pub duration_s: Option<u32>,
    /// The carrier's id of it.
    #[serde(default)]
    #[schemars(length(max = 512))]
    pub id: Option<String>,
}

/// What the call hears next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Answered {
    /// For the carrier; none if no menu is published for the number.
    pub document: Option<String>,
    /// Its media type.
    pub content_type: Option<&'static str>,
    /// What the call has done in the menu with this request.
    pub steps: Vec<Step>,
    /// Which version of the menu.
    pub menu_version: Option<u32>,
    /// True if the menu has nothing more to say to the call.
    pub ended: bool,
}

/// One thing that a call has done in a menu.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// The same for the same step of a call, however often it is told. As texts, in the order of the call.
    pub id: String,
    /// When (RFC 3339).
    pub at: String,
    /// The menu's id.
    pub menu: String,
    /// The place: its path in the menu's document.
    pub node: String,
    /// What.
    pub did: Did,
    /// The keys.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub digits: Option<String>,
    /// Whom the call was transferred to.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub to: Option<String>,
}

/// What a call does in a menu.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Did {
    /// It came in, within the hours.
    Start,
    /// It came in, outside of the hours.
    Closed,
    /// It was refused: too many calls.
    Refused,
    /// It heard a greeting.
    Greeting,
    /// A key with an option was pressed.
    Digits,
    /// A key without one was pressed.
    Invalid,
    /// Nothing was pressed.
    Timeout,
    /// That was the last time.
    Fallback,
    /// Somebody is called for it.
    Transfer,
    /// It was put through, and that has ended.
    Transferred,
    /// Nobody answered.
    Unanswered,
    /// A transfer was not made: the settings do not allow the number any more.
    Blocked,
    /// It is asked for a message.
    Voicemail,
    /// It has left one.
    Message,
    /// It is asked a question.
    Question,
    /// It has answered it.
    Answer,
    /// It has not.
    Skipped,
    /// It was ended.
    Hangup,
    /// It came back with a place that there is not, and begins again.
    Restart,
    /// It has had too many answers, and is ended.
    Exhausted,
}
