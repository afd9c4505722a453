//! A menu as its author writes it: what callers hear, what each key does, and when.
//!
//! A document holds everything that its calls can come to: menus name each other within it and nothing outside of it, so
//! that a version, once saved, means the same for good. Named things refer to each other by name; what only one place uses
//! is written at that place.

mod hours;
mod prompt;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use hours::{Holiday, Hours, Outside, Span, Weekly};
pub use prompt::{Prompt, Voices};

/// A menu with all that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Menu {
    /// For people.
    #[schemars(length(min = 1, max = 200))]
    pub name: String,
    /// What it speaks, as in `en-US` (BCP 47).
    #[serde(default = "english")]
    #[schemars(regex(pattern = r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$"), length(max = 35))]
    pub language: String,
    /// Who speaks it, by carrier.
    #[serde(default)]
    pub voices: Voices,
    /// The menu that calls begin with.
    pub start: String,
    /// By name: `a-z`, `0-9`, `_`, `-`, at most 64. At most 100.
    pub menus: BTreeMap<String, Level>,
    /// By name, as menus. At most 20.
    #[serde(default)]
    pub surveys: BTreeMap<String, Survey>,
    /// When calls are taken; without it always.
    #[serde(default)]
    pub hours: Option<Hours>,
}

/// One level: what is heard, and what the keys do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Level {
    /// What is heard, with the choices. A key may be pressed meanwhile.
    pub greeting: Prompt,
    /// By key: `0` to `9`, `*`, `#`.
    pub options: BTreeMap<String, Action>,
    /// How long a key is waited for once all was said, in seconds.
    #[serde(default = "five")]
    #[schemars(range(min = 1, max = 60))]
    pub timeout_s: u32,
    /// How often it is said again to callers who press nothing, or a key without an option.
    #[serde(default = "two")]
    #[schemars(range(min = 0, max = 9))]
    pub retries: u8,
    /// Said before it is said again to who pressed nothing. By default nothing.
    #[serde(default)]
    pub no_input: Option<Prompt>,
    /// Said before it is said again to who pressed another key. By default the settings' text.
    #[serde(default)]
    pub invalid: Option<Prompt>,
    /// What happens after the last time. By default the call ends with the settings' goodbye.
    #[serde(default)]
    pub fallback: Option<Action>,
}

/// What happens to a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// Somebody else is called and put through.
    Transfer {
        /// With + and the country's code, as `+14155550100`.
        #[schemars(length(min = 7, max = 64))]
        to: String,
        /// How long it rings, in seconds.
        #[serde(default = "thirty")]
        #[schemars(range(min = 5, max = 120))]
        ring_s: u32,
        /// Which number is shown there.
        #[serde(default)]
        show: Shown,
        /// Said to the caller before.
        #[serde(default)]
        announce: Option<Prompt>,
        /// If nobody answers. By default the call ends with the settings' `unavailable`.
        #[serde(default)]
        otherwise: Option<Otherwise>,
    },
    /// Another menu of this document.
    Submenu {
        /// Its name.
        menu: String,
    },
    /// A message is recorded.
    Voicemail {
        /// Said before the tone. By default the settings' text.
        #[serde(default)]
        greeting: Option<Prompt>,
        /// The longest message, in seconds.
        #[serde(default = "two_minutes")]
        #[schemars(range(min = 5, max = 600))]
        max_s: u32,
        /// Whose it is, for whoever reads the messages.
        #[serde(default)]
        #[schemars(length(min = 1, max = 100))]
        mailbox: Option<String>,
    },
    /// Questions that are answered by keys.
    Survey {
        /// Its name.
        survey: String,
    },
    /// The call ends.
    Hangup {
        /// Said before. By default the settings' goodbye.
        #[serde(default)]
        say: Option<Prompt>,
    },
    /// The menu is said again. Only for keys.
    Repeat {},
}

/// What happens to a call for which there is no transfer, or none any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Otherwise {
    /// A menu of this document.
    Submenu {
        /// Its name.
        menu: String,
    },
    /// A message is recorded.
    Voicemail {
        /// Said before the tone. By default the settings' text.
        #[serde(default)]
        greeting: Option<Prompt>,
        /// The longest message, in seconds.
        #[serde(default = "two_minutes")]
        #[schemars(range(min = 5, max = 600))]
        max_s: u32,
        /// Whose it is, for whoever reads the messages.
        #[serde(default)]
        #[schemars(length(min = 1, max = 100))]
        mailbox: Option<String>,
    },
    /// The call ends.
    Hangup {
        /// Said before. By default the settings' goodbye.
        #[serde(default)]
        say: Option<Prompt>,
    },
}

/// Which number the called sees.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Shown {
    /// The caller's.
    #[default]
    Caller,
    /// The one that the caller has called.
    Called,
}

/// Questions, one after the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Survey {
    /// At least one.
    #[schemars(length(min = 1, max = 20))]
    pub questions: Vec<Question>,
    /// Said after the last one.
    #[serde(default)]
    pub thanks: Option<Prompt>,
    /// What comes then. By default the call ends with the settings' goodbye.
    #[serde(default)]
    pub then: Option<Otherwise>,
}

/// A question that is answered by one key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// What the answers are stored under; once in a survey.
    #[schemars(regex(pattern = r"^[a-z0-9_-]{1,64}$"))]
    pub id: String,
    /// What is asked, with what the keys mean.
    pub ask: Prompt,
    /// Keys that are answers, as `12345`.
    #[schemars(regex(pattern = r"^[0-9*#]{1,12}$"))]
    pub keys: String,
    /// How long a key is waited for, in seconds.
    #[serde(default = "five")]
    #[schemars(range(min = 1, max = 60))]
    pub timeout_s: u32,
    /// How often it is asked again before it is left unanswered.
    #[serde(default = "one")]
    #[schemars(range(min = 0, max = 9))]
    pub retries: u8,
}

fn english() -> String {
    "en-US".to_owned()
}

const fn one() -> u8 {
    1
}

const fn two() -> u8 {
    2
}

const fn five() -> u32 {
    5
}

const fn thirty() -> u32 {
    30
}

const fn two_minutes() -> u32 {
    120
}
