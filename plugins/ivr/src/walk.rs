//! From one request of a carrier to the next thing that a call hears.
//!
//! A pure function of the menu, the settings, the place, the request and who is on the line: `answer` and `simulate` both call
//! it, and a request that comes twice is answered twice alike.

mod arrive;
mod steps;

use std::collections::BTreeMap;

use patchbay_sdk::Error;
use patchbay_sdk::clock::Timestamp;
use serde::{Deserialize, Serialize};

use crate::calendar;
use crate::caller::Caller;
use crate::carrier::Dialect;
use crate::config::{Config, Refusal};
use crate::menu::Prompt;
use crate::position::{Position, with_parameter};
use crate::resolved::{Node, Resolved};
use crate::types::{CallFacts, Did, Recording, Request, Step};
use crate::xml::Verb;

/// What stays the same while one request is answered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scene<'a> {
    pub(crate) menu: &'a Resolved,
    pub(crate) config: &'a Config,
    pub(crate) dialect: Dialect,
    pub(crate) call: &'a CallFacts,
    pub(crate) caller: &'a Caller,
    /// Where the carrier comes back to.
    pub(crate) callback: &'a str,
    /// Where recordings of ours are had; none while they cannot be.
    pub(crate) recordings: Option<&'a str>,
    pub(crate) at: Timestamp,
    /// Whether the settings' destinations are those that the menu was checked with.
    pub(crate) checked: bool,
}

/// What comes of a request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Turn {
    pub(crate) verbs: Vec<Verb>,
    pub(crate) steps: Vec<Step>,
    /// The menu has nothing more to say.
    pub(crate) ended: bool,
    /// What was left for others to hear or to read.
    pub(crate) left: Vec<Left>,
    /// What is waited for, and where it leads.
    pub(crate) waits: Waits,
}

/// What a call has left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Left {
    Message { node: String, mailbox: Option<String>, recording: Recording },
    Answer { survey: String, question: String, key: String },
}

/// What a document waits for. A simulation goes on from here, without reading the XML.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Waits {
    #[default]
    Nothing,
    /// A key, or none.
    Key { pressed: Position, silent: Position },
    /// The end of a transfer.
    Dial(Position),
    /// A recording.
    Recording(Position),
}

/// The way through one request.
struct Walk<'a> {
    scene: Scene<'a>,
    /// How many documents the call had before.
    count: u16,
    /// What makes the ids of the steps those of this request.
    mark: String,
    turn: Turn,
}

/// A call that comes in.
pub(crate) fn start(scene: Scene<'_>) -> Result<Turn, Error> {
    let mut walk = Walk::new(scene, 0, steps::mark(scene.call, None, None));
    walk.begin(None)?;
    Ok(walk.turn)
}

/// A call that is not answered.
pub(crate) fn refuse(scene: Scene<'_>) -> Turn {
    let mut walk = Walk::new(scene, 0, steps::mark(scene.call, None, None));
    walk.step(&scene.menu.start, Did::Refused);
    match scene.config.refusal {
        Refusal::Busy => walk.turn.verbs.push(Verb::Reject { reason: "busy" }),
        Refusal::Reject => walk.turn.verbs.push(Verb::Reject { reason: "rejected" }),
        Refusal::Say => {
            walk.disclose();
            walk.hear(&scene.config.texts.refused);
            walk.turn.verbs.push(Verb::Hangup);
        }
    }
    walk.turn.ended = true;
    walk.turn
}

/// A call that came back with something that is no place of this menu: it begins again. `count` is how many documents it has
/// had, as far as that is known.
pub(crate) fn restart(scene: Scene<'_>, count: u16) -> Result<Turn, Error> {
    let mut walk = Walk::new(scene, count, steps::mark(scene.call, None, None));
    if !walk.has_room() {
        return Ok(walk.turn);
    }
    walk.begin(Some(Did::Restart))?;
    Ok(walk.turn)
}

/// A call that goes on.
pub(crate) fn resume(scene: Scene<'_>, position: &Position, request: &Request) -> Result<Turn, Error> {
    let Some(node) = scene.menu.nodes.get(&position.node) else { return restart(scene, position.count) };
    let mut walk = Walk::new(scene, position.count, steps::mark(scene.call, Some(position), Some(request)));
    if !walk.has_room() {
        return Ok(walk.turn);
    }
    match node {
        Node::Menu { options, retries, no_input, invalid, fallback, .. } => {
            walk.after_menu(position, request, Choices { options, retries: *retries, no_input, invalid, fallback })?;
        }
        Node::Question { survey, question, keys, retries, next, .. } => {
            walk.after_question(
                position,
                request,
                (survey.as_str(), question.as_str(), keys.as_str()),
                *retries,
                next,
            )?;
        }
        Node::Transfer { otherwise, .. } => walk.after_transfer(position, request, otherwise)?,
        Node::Voicemail { mailbox, .. } => walk.after_voicemail(position, request, mailbox.as_ref()),
        Node::Say { .. } | Node::Hangup { .. } => return restart(scene, position.count),
    }
    Ok(walk.turn)
}

/// What a menu does with a key.
struct Choices<'a> {
    options: &'a BTreeMap<String, String>,
    retries: u8,
    no_input: &'a Option<Prompt>,
    invalid: &'a Option<Prompt>,
    fallback: &'a str,
}

impl<'a> Walk<'a> {
    fn new(scene: Scene<'a>, count: u16, mark: String) -> Self {
        Self { scene, count, mark, turn: Turn::default() }
    }

    /// True if the call may have one more document; else it is ended.
    fn has_room(&mut self) -> bool {
        if self.count < self.scene.config.max_steps {
            return true;
        }
        self.step("", Did::Exhausted);
        self.hear(&self.scene.config.texts.goodbye);
        self.turn.verbs.push(Verb::Hangup);
        self.turn.ended = true;
        false
    }

    /// The disclosure, then wherever calls of this hour begin.
    fn begin(&mut self, did: Option<Did>) -> Result<(), Error> {
        let (entry, open) = calendar::entry(self.scene.menu, self.scene.at);
        if let Some(did) = did {
            self.step(entry, did);
        }
        self.step(entry, if open { Did::Start } else { Did::Closed });
        self.disclose();
        self.arrive(entry, 0, None)
    }

    fn after_menu(&mut self, position: &Position, request: &Request, choices: Choices<'_>) -> Result<(), Error> {
        let Choices { options, retries, no_input, invalid, fallback } = choices;
        let digits = digits_of(request);
        let next = digits.and_then(|digits| options.get(digits));
        if let (Some(digits), Some(next)) = (digits, next) {
            self.step_with(&position.node, Did::Digits, Some(digits), None);
            return self.arrive(next, 0, None);
        }
        let before = match digits {
            Some(digits) => {
                self.step_with(&position.node, Did::Invalid, Some(digits), None);
                Some(invalid.as_ref().unwrap_or(&self.scene.config.texts.invalid))
            }
            None => {
                self.step(&position.node, Did::Timeout);
                no_input.as_ref()
            }
        };
        if position.again < retries {
            return self.arrive(&position.node, position.again + 1, before);
        }
        self.step(&position.node, Did::Fallback);
        self.arrive(fallback, 0, None)
    }

    fn after_question(
        &mut self,
        position: &Position,
        request: &Request,
        (survey, question, keys): (&str, &str, &str),
        retries: u8,
        next: &str,
    ) -> Result<(), Error> {
        let digits = digits_of(request);
        if let Some(key) = digits.filter(|digits| digits.chars().count() == 1 && keys.contains(*digits)) {
            self.step_with(&position.node, Did::Answer, Some(key), None);
            self.turn.left.push(Left::Answer {
                survey: survey.to_owned(),
                question: question.to_owned(),
                key: key.to_owned(),
            });
            return self.arrive(next, 0, None);
        }
        let before = match digits {
            Some(digits) => {
                self.step_with(&position.node, Did::Invalid, Some(digits), None);
                Some(&self.scene.config.texts.invalid)
            }
            None => {
                self.step(&position.node, Did::Timeout);
                None
            }
        };
        if position.again < retries {
            return self.arrive(&position.node, position.again + 1, before);
        }
        self.step(&position.node, Did::Skipped);
        self.arrive(next, 0, None)
    }

    fn after_transfer(&mut self, position: &Position, request: &Request, otherwise: &str) -> Result<(), Error> {
        // Twilio says `completed` of a call that was answered, Telnyx also `answered`
        if matches!(request.dial_status.as_deref(), Some("completed" | "answered")) {
            self.step(&position.node, Did::Transferred);
            self.turn.verbs.push(Verb::Hangup);
            self.turn.ended = true;
            return Ok(());
        }
        self.step(&position.node, Did::Unanswered);
        self.arrive(otherwise, 0, None)
    }

    fn after_voicemail(&mut self, position: &Position, request: &Request, mailbox: Option<&String>) {
        let config = self.scene.config;
        match &request.recording {
            Some(recording) => {
                self.step(&position.node, Did::Message);
                self.turn.left.push(Left::Message {
                    node: position.node.clone(),
                    mailbox: mailbox.cloned(),
                    recording: recording.clone(),
                });
                self.hear(&config.texts.recorded);
            }
            None => {
                self.step(&position.node, Did::Hangup);
                self.hear(&config.texts.not_recorded);
            }
        }
        self.turn.verbs.push(Verb::Hangup);
        self.turn.ended = true;
    }

    /// What every caller has to have heard. It stands outside of whatever takes keys, so that none skips it.
    fn disclose(&mut self) {
        if let Some(disclosure) = &self.scene.config.disclosure {
            self.hear(disclosure);
        }
    }

    /// Has something heard, whatever the caller does meanwhile.
    fn hear(&mut self, prompt: &Prompt) {
        self.turn.verbs.extend(self.heard(prompt));
    }

    /// A prompt as a verb.
    fn heard(&self, prompt: &Prompt) -> Option<Verb> {
        let config = self.scene.config;
        let greeted =
            prompt.known.as_deref().and_then(|text| self.scene.caller.greeted(text, &config.prohibited_phrases));
        if let Some(text) = greeted {
            return Some(self.said(text));
        }
        let kept = prompt.blob.as_deref().zip(self.scene.recordings);
        if let Some((blob, base)) = kept {
            return Some(Verb::Play { url: with_parameter(base, "audio", blob) });
        }
        if let Some(url) = &prompt.play {
            return Some(Verb::Play { url: url.clone() });
        }
        prompt.say.clone().map(|text| self.said(text))
    }

    fn said(&self, text: String) -> Verb {
        let menu = self.scene.menu;
        let voice = self.scene.dialect.voice(&menu.voices).map(str::to_owned);
        Verb::Say { text, language: menu.language.clone(), voice }
    }
}

/// The keys, if any was pressed.
fn digits_of(request: &Request) -> Option<&str> {
    request.digits.as_deref().map(str::trim).filter(|digits| !digits.is_empty())
}
