//! A menu as calls walk through it: every place has a name, every way leads to a name, and nothing is left to defaults.
//!
//! A place's name is its path in the author's document, so what is found wrong with a place, the place in a call's URL and
//! the place in a call's log are all the same text. This is what is published: an answer needs it, the settings, and nothing
//! else.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::menu::{Prompt, Shown, Voices, Weekly};

/// A version of a menu, ready to be walked through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Resolved {
    /// The menu's id.
    pub menu: String,
    /// Its version.
    pub version: u32,
    /// What it speaks (BCP 47).
    pub language: String,
    /// Who speaks it, by carrier.
    pub voices: Voices,
    /// Where calls begin.
    pub start: String,
    /// When calls are taken; without it always.
    pub hours: Option<Calendar>,
    /// All places, by their paths.
    pub nodes: BTreeMap<String, Node>,
}

/// When calls are taken, and where they begin when they are not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Calendar {
    /// Whose clocks (IANA).
    pub time_zone: String,
    /// The hours.
    pub weekly: Weekly,
    /// Closed days (`2026-12-25`), each with where its calls begin.
    pub holidays: BTreeMap<String, String>,
    /// Where calls outside of the hours begin.
    pub outside: String,
}

/// One place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Node {
    /// A menu: a key is waited for.
    Menu {
        /// What is heard.
        greeting: Prompt,
        /// Where each key leads.
        options: BTreeMap<String, String>,
        /// How long a key is waited for, in seconds.
        timeout_s: u32,
        /// How often it is said again.
        retries: u8,
        /// Said before that to who pressed nothing.
        no_input: Option<Prompt>,
        /// Said before that to who pressed another key.
        invalid: Option<Prompt>,
        /// Where it leads after the last time.
        fallback: String,
    },
    /// Somebody else is called.
    Transfer {
        /// E.164.
        to: String,
        /// How long it rings, in seconds.
        ring_s: u32,
        /// Which number is shown there.
        show: Shown,
        /// Said before.
        announce: Option<Prompt>,
        /// Where it leads if nobody answers.
        otherwise: String,
    },
    /// A message is recorded.
    Voicemail {
        /// Said before the tone.
        greeting: Option<Prompt>,
        /// The longest message, in seconds.
        max_s: u32,
        /// Whose it is.
        mailbox: Option<String>,
    },
    /// A question of a survey: a key is waited for.
    Question {
        /// The survey's name.
        survey: String,
        /// The question's id.
        question: String,
        /// True for the first one, before which the disclaimer is said.
        first: bool,
        /// What is asked.
        ask: Prompt,
        /// Keys that are answers.
        keys: String,
        /// How long a key is waited for, in seconds.
        timeout_s: u32,
        /// How often it is asked again.
        retries: u8,
        /// Where it leads, answered or not.
        next: String,
    },
    /// Something is said.
    Say {
        /// What.
        prompt: Option<Prompt>,
        /// Where it leads.
        next: String,
    },
    /// The call ends.
    Hangup {
        /// Said before.
        say: Option<Prompt>,
        /// Which of the settings' texts is said if that is nothing.
        farewell: Farewell,
    },
}

/// One of the settings' last words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Farewell {
    /// `texts.goodbye`
    Goodbye,
    /// `texts.unavailable`
    Unavailable,
}

/// A way from one place to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Way<'a> {
    /// Where in the document it is written.
    pub(crate) path: String,
    /// Where it leads.
    pub(crate) to: &'a str,
    /// True if only a key takes it, false if a caller who does nothing comes along it.
    pub(crate) chosen: bool,
}

impl Node {
    /// Every way out of this place.
    pub(crate) fn ways(&self, at: &str) -> Vec<Way<'_>> {
        let way = |below: &str, to| Way { path: format!("{at}/{below}"), to, chosen: false };
        match self {
            Self::Menu { options, fallback, .. } => {
                let keys = options.iter().map(|(key, to)| Way { chosen: true, ..way(&format!("options/{key}"), to) });
                keys.chain([way("fallback", fallback)]).collect()
            }
            Self::Transfer { otherwise, .. } => vec![way("otherwise", otherwise)],
            Self::Question { next, .. } => vec![Way { path: at.to_owned(), to: next, chosen: false }],
            // one way out for all days that are closed
            Self::Say { next, .. } if at.starts_with("hours/") => {
                vec![Way { path: "hours/outside/then".to_owned(), to: next, chosen: false }]
            }
            Self::Say { next, .. } => vec![Way { path: at.replace("/thanks", "/then"), to: next, chosen: false }],
            Self::Voicemail { .. } | Self::Hangup { .. } => Vec::new(),
        }
    }

    /// True if a call can end here.
    pub(crate) const fn ends(&self) -> bool {
        matches!(self, Self::Transfer { .. } | Self::Voicemail { .. } | Self::Hangup { .. })
    }
}

impl Resolved {
    /// Where calls can begin.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (String, &str)> {
        let closed = self.hours.iter().flat_map(|hours| {
            let days = hours.holidays.values().map(|node| (node.clone(), node.as_str()));
            days.chain([("hours/outside".to_owned(), hours.outside.as_str())])
        });
        std::iter::once(("start".to_owned(), self.start.as_str())).chain(closed)
    }
}
