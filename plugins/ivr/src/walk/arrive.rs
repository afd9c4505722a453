//! Coming to a place: what is said there and what is waited for.

use patchbay_sdk::Error;
use patchbay_telephony::phone::{Number, Party};

use super::{Waits, Walk};
use crate::menu::{Prompt, Shown};
use crate::position::Position;
use crate::resolved::{Farewell, Node};
use crate::types::{Did, Direction};
use crate::xml::Verb;

impl Walk<'_> {
    /// Goes to a place, and on from there until something is waited for or the call ends. `again` is how often the place was
    /// said again, and `before` is said before it.
    pub(super) fn arrive(&mut self, node: &str, again: u8, before: Option<&Prompt>) -> Result<(), Error> {
        let menu = self.scene.menu;
        let mut at = node;
        // what is published leads to an end in fewer steps than it has places; a call must not hang on that
        for _ in 0..=menu.nodes.len() {
            match menu.nodes.get(at) {
                Some(Node::Say { prompt, next }) => {
                    if let Some(prompt) = prompt {
                        self.hear(prompt);
                    }
                    at = next;
                }
                Some(Node::Menu { greeting, options, timeout_s, .. }) => {
                    self.step(at, Did::Greeting);
                    let heard = before.into_iter().chain([greeting]).filter_map(|prompt| self.heard(prompt)).collect();
                    return self.ask(at, again, heard, *timeout_s, options.contains_key("#"));
                }
                Some(Node::Question { first, ask, keys, timeout_s, .. }) => {
                    if *first && again == 0 {
                        self.hear(&self.scene.config.survey_disclaimer);
                    }
                    self.step(at, Did::Question);
                    let heard = before.into_iter().chain([ask]).filter_map(|prompt| self.heard(prompt)).collect();
                    return self.ask(at, again, heard, *timeout_s, keys.contains('#'));
                }
                Some(Node::Transfer { to, ring_s, show, announce, otherwise }) => {
                    if self.may_call(to) {
                        return self.transfer(at, to, *ring_s, *show, announce.as_ref());
                    }
                    self.step(at, Did::Blocked);
                    at = otherwise;
                }
                Some(Node::Voicemail { greeting, max_s, .. }) => {
                    return self.record(at, greeting.as_ref(), *max_s);
                }
                Some(Node::Hangup { say, farewell }) => {
                    let config = self.scene.config;
                    let last = match farewell {
                        Farewell::Goodbye => &config.texts.goodbye,
                        Farewell::Unavailable => &config.texts.unavailable,
                    };
                    self.hang_up(at, say.as_ref().unwrap_or(last));
                    return Ok(());
                }
                None => break,
            }
        }
        self.hang_up(at, &self.scene.config.texts.goodbye);
        Ok(())
    }

    /// Waits for a key. What is said may be interrupted by it.
    fn ask(&mut self, at: &str, again: u8, heard: Vec<Verb>, timeout_s: u32, with_pound: bool) -> Result<(), Error> {
        let (pressed, silent) = (self.position(at, again), self.position(at, again));
        self.turn.verbs.push(Verb::Gather { heard, action: pressed.url(self.scene.callback)?, timeout_s, with_pound });
        // both carriers go on here if no key came
        self.turn.verbs.push(Verb::Redirect { url: silent.url(self.scene.callback)? });
        self.turn.waits = Waits::Key { pressed, silent };
        Ok(())
    }

    fn transfer(
        &mut self,
        at: &str,
        to: &str,
        ring_s: u32,
        show: Shown,
        announce: Option<&Prompt>,
    ) -> Result<(), Error> {
        self.step_with(at, Did::Transfer, None, Some(to));
        if let Some(announce) = announce {
            self.hear(announce);
        }
        let position = self.position(at, 0);
        let call = self.scene.call;
        // whichever end is ours
        let (theirs, ours) = match call.direction {
            Direction::Inbound => (&call.from, &call.to),
            Direction::Outbound => (&call.to, &call.from),
        };
        let shown = match show {
            Shown::Caller => theirs,
            Shown::Called => ours,
        };
        // carriers take numbers only: of a caller who is not shown, they show what they show by themselves
        let caller_id = Party::read(shown);
        self.turn.verbs.push(Verb::Dial {
            to: to.to_owned(),
            action: position.url(self.scene.callback)?,
            ring_s,
            caller_id: caller_id.number().map(|number| number.as_str().to_owned()),
        });
        self.turn.waits = Waits::Dial(position);
        Ok(())
    }

    fn record(&mut self, at: &str, greeting: Option<&Prompt>, max_s: u32) -> Result<(), Error> {
        self.step(at, Did::Voicemail);
        let config = self.scene.config;
        self.hear(greeting.unwrap_or(&config.texts.voicemail));
        let position = self.position(at, 0);
        self.turn.verbs.push(Verb::Record {
            action: position.url(self.scene.callback)?,
            callback: self.scene.callback.to_owned(),
            max_s,
        });
        // carriers come to this only if nothing was recorded
        self.hear(&config.texts.not_recorded);
        self.turn.verbs.push(Verb::Hangup);
        self.turn.waits = Waits::Recording(position);
        Ok(())
    }

    fn hang_up(&mut self, at: &str, last: &Prompt) {
        self.step(at, Did::Hangup);
        self.hear(last);
        self.turn.verbs.push(Verb::Hangup);
        self.turn.ended = true;
    }

    /// A number that was checked when the menu was published, unless the settings have changed since.
    fn may_call(&self, to: &str) -> bool {
        let allowed = |number: Number| self.scene.config.destinations.check(&number).is_ok();
        self.scene.checked || Number::parse(to, None).is_ok_and(allowed)
    }

    fn position(&self, at: &str, again: u8) -> Position {
        let Self { scene, count, .. } = self;
        Position {
            menu: scene.menu.menu.clone(),
            version: scene.menu.version,
            node: at.to_owned(),
            again,
            count: count.saturating_add(1),
        }
    }
}
