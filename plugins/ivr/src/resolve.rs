//! From the author's document to what calls walk through.
//!
//! Nothing is refused here: a name that leads nowhere becomes a way to a place that there is not, which the checks find.

use std::collections::BTreeMap;

use patchbay_telephony::phone::Number;

use crate::menu::{Action, Hours, Level, Menu, Otherwise, Prompt, Shown, Survey};
use crate::resolved::{Calendar, Farewell, Node, Resolved};

/// The version of a menu that this document is.
pub(crate) fn resolve(id: &str, version: u32, menu: &Menu) -> Resolved {
    let mut places = Places::default();
    for (name, level) in &menu.menus {
        places.level(&menu_named(name), level);
    }
    for (name, survey) in &menu.surveys {
        places.survey(name, survey);
    }
    let hours = menu.hours.as_ref().map(|hours| places.hours(hours));
    Resolved {
        menu: id.to_owned(),
        version,
        language: menu.language.clone(),
        voices: menu.voices.clone(),
        start: menu_named(&menu.start),
        hours,
        nodes: places.nodes,
    }
}

fn menu_named(name: &str) -> String {
    format!("menus/{name}")
}

fn first_question(survey: &str) -> String {
    format!("surveys/{survey}/questions/0")
}

#[derive(Default)]
struct Places {
    nodes: BTreeMap<String, Node>,
}

impl Places {
    /// Puts a place at its path and gives the path.
    fn put(&mut self, at: &str, node: Node) -> String {
        self.nodes.insert(at.to_owned(), node);
        at.to_owned()
    }

    fn level(&mut self, at: &str, level: &Level) {
        let options = level
            .options
            .iter()
            .map(|(key, action)| (key.clone(), self.action(&format!("{at}/options/{key}"), action, at)))
            .collect();
        let below = format!("{at}/fallback");
        let fallback = match &level.fallback {
            Some(action) => self.action(&below, action, at),
            None => self.hangup(&below, None, Farewell::Goodbye),
        };
        let node = Node::Menu {
            greeting: level.greeting.clone(),
            options,
            timeout_s: level.timeout_s,
            retries: level.retries,
            no_input: level.no_input.clone(),
            invalid: level.invalid.clone(),
            fallback,
        };
        self.put(at, node);
    }

    /// Where an action leads that is written at `at`, in the menu `within`.
    fn action(&mut self, at: &str, action: &Action, within: &str) -> String {
        match action {
            Action::Transfer { to, ring_s, show, announce, otherwise } => {
                self.transfer(at, (to.as_str(), *ring_s, *show), announce.as_ref(), otherwise.as_ref())
            }
            Action::Submenu { menu } => menu_named(menu),
            Action::Voicemail { greeting, max_s, mailbox } => {
                self.voicemail(at, greeting.as_ref(), *max_s, mailbox.as_ref())
            }
            Action::Survey { survey } => first_question(survey),
            Action::Hangup { say } => self.hangup(at, say.as_ref(), Farewell::Goodbye),
            Action::Repeat {} => within.to_owned(),
        }
    }

    fn otherwise(&mut self, at: &str, otherwise: Option<&Otherwise>, farewell: Farewell) -> String {
        match otherwise {
            Some(Otherwise::Submenu { menu }) => menu_named(menu),
            Some(Otherwise::Voicemail { greeting, max_s, mailbox }) => {
                self.voicemail(at, greeting.as_ref(), *max_s, mailbox.as_ref())
            }
            Some(Otherwise::Hangup { say }) => self.hangup(at, say.as_ref(), Farewell::Goodbye),
            None => self.hangup(at, None, farewell),
        }
    }

    fn transfer(
        &mut self,
        at: &str,
        (to, ring_s, show): (&str, u32, Shown),
        announce: Option<&Prompt>,
        otherwise: Option<&Otherwise>,
    ) -> String {
        let otherwise = self.otherwise(&format!("{at}/otherwise"), otherwise, Farewell::Unavailable);
        let number = Number::parse(to, None);
        let node = Node::Transfer {
            to: number.map_or_else(|_| to.to_owned(), |number| number.as_str().to_owned()),
            ring_s,
            show,
            announce: announce.cloned(),
            otherwise,
        };
        self.put(at, node)
    }

    fn voicemail(&mut self, at: &str, greeting: Option<&Prompt>, max_s: u32, mailbox: Option<&String>) -> String {
        self.put(at, Node::Voicemail { greeting: greeting.cloned(), max_s, mailbox: mailbox.cloned() })
    }

    fn hangup(&mut self, at: &str, say: Option<&Prompt>, farewell: Farewell) -> String {
        self.put(at, Node::Hangup { say: say.cloned(), farewell })
    }

    fn survey(&mut self, name: &str, survey: &Survey) {
        let at = format!("surveys/{name}");
        let then = self.otherwise(&format!("{at}/then"), survey.then.as_ref(), Farewell::Goodbye);
        let thanks = match &survey.thanks {
            Some(thanks) => {
                let said = Node::Say { prompt: Some(thanks.clone()), next: then };
                self.put(&format!("{at}/thanks"), said)
            }
            None => then,
        };
        for (index, question) in survey.questions.iter().enumerate() {
            let last = index + 1 == survey.questions.len();
            let next = if last { thanks.clone() } else { format!("{at}/questions/{}", index + 1) };
            let node = Node::Question {
                survey: name.to_owned(),
                question: question.id.clone(),
                first: index == 0,
                ask: question.ask.clone(),
                keys: question.keys.clone(),
                timeout_s: question.timeout_s,
                retries: question.retries,
                next,
            };
            self.put(&format!("{at}/questions/{index}"), node);
        }
    }

    fn hours(&mut self, hours: &Hours) -> Calendar {
        let at = "hours/outside";
        // there is no menu to repeat out here: the way leads nowhere, and the checks say so
        let then = self.action(&format!("{at}/then"), &hours.outside.then, "");
        let outside = self.put(at, Node::Say { prompt: hours.outside.say.clone(), next: then.clone() });
        let mut holidays = BTreeMap::new();
        for (index, holiday) in hours.holidays.iter().enumerate() {
            let said = holiday.say.as_ref().or(hours.outside.say.as_ref());
            let node = Node::Say { prompt: said.cloned(), next: then.clone() };
            holidays.insert(holiday.date.clone(), self.put(&format!("hours/holidays/{index}"), node));
        }
        Calendar { time_zone: hours.time_zone.clone(), weekly: hours.weekly.clone(), holidays, outside }
    }
}
