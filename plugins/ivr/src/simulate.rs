//! A call that is not made, through the very code that answers those that are.
//!
//! It counts for nothing: no rates, no log, no messages.

use patchbay_sdk::{Call, Error, clock, installation};

use crate::caller::Caller;
use crate::config::Config;
use crate::position::Position;
use crate::resolve::resolve;
use crate::resolved::Resolved;
use crate::store;
use crate::types::{CallFacts, Exchange, Heard, Kind, Request, Simulate, Simulated};
use crate::walk::{self, Scene, Turn, Waits};
use crate::xml::{self, Verb};

pub(crate) fn simulate(call: Call<Simulate>) -> Result<Simulated, Error> {
    let input = call.input;
    let at = match &input.at {
        Some(text) => clock::parse_rfc3339(text)
            .ok_or_else(|| Error::invalid("/at", "a time in RFC 3339, as 2026-11-01T09:00:00-05:00"))?,
        None => clock::now(),
    };
    let (found, _) = store::wanted(&input.id, input.version)?;
    let menu = resolve(&found.menu, found.version, &found.document);
    let config = Config::load()?;
    let recordings = installation::webhook_url();
    let facts = CallFacts {
        id: format!("simulated:{}", call.run),
        from: input.from.clone(),
        to: input.to.clone(),
        direction: input.direction,
    };
    let caller = Caller::of(&facts, true);
    let scene = Scene {
        menu: &menu,
        config: &config,
        dialect: input.dialect,
        call: &facts,
        caller: &caller,
        callback: &input.callback_url,
        recordings: Some(&recordings),
        at,
        checked: false,
    };
    go_through(scene, &input, &menu)
}

fn go_through(scene: Scene<'_>, input: &Simulate, menu: &Resolved) -> Result<Simulated, Error> {
    let mut simulated = Simulated { version: menu.version, exchanges: Vec::new(), steps: Vec::new(), ended: false };
    let mut keys = input.digits.iter();
    let mut turn = walk::start(scene)?;
    let mut after = None;
    loop {
        simulated.exchanges.push(Exchange {
            after: after.take(),
            heard: heard(&turn.verbs),
            document: xml::document(input.dialect, &turn.verbs)?,
        });
        let Turn { steps, ended, waits, .. } = turn;
        simulated.steps.extend(steps);
        simulated.ended = ended;
        let next = match waits {
            _ if ended => None,
            Waits::Nothing => None,
            Waits::Key { pressed, silent } => keys.next().map(|key| key_pressed(key, pressed, silent)),
            Waits::Dial(position) => Some((input.dial_status.clone(), position, dialled(&input.dial_status))),
            Waits::Recording(position) => input.recording.as_ref().map(|recording| {
                let request = Request { recording: Some(recording.clone()), ..request(Kind::Recording) };
                ("a message".to_owned(), position, request)
            }),
        };
        let Some((what, position, request)) = next else { return Ok(simulated) };
        after = Some(what);
        turn = walk::resume(scene, &position, &request)?;
    }
}

fn key_pressed(key: &str, pressed: Position, silent: Position) -> (String, Position, Request) {
    if key.is_empty() {
        ("nothing".to_owned(), silent, request(Kind::Redirect))
    } else {
        (key.to_owned(), pressed, Request { digits: Some(key.to_owned()), ..request(Kind::Digits) })
    }
}

fn dialled(status: &str) -> Request {
    Request { dial_status: Some(status.to_owned()), ..request(Kind::DialEnded) }
}

fn request(kind: Kind) -> Request {
    Request { kind, digits: None, recording: None, dial_status: None }
}

/// What of a document is heard if the call does nothing.
fn heard(verbs: &[Verb]) -> Vec<Heard> {
    let mut all = Vec::new();
    for verb in verbs {
        match verb {
            Verb::Say { text, .. } => all.push(Heard::Say(text.clone())),
            Verb::Play { url } => all.push(Heard::Play(url.clone())),
            Verb::Gather { heard: nested, .. } => all.extend(heard(nested)),
            Verb::Dial { to, .. } => all.push(Heard::Ring(to.clone())),
            Verb::Record { .. } => all.push(Heard::Tone),
            Verb::Reject { .. } => all.push(Heard::Refusal),
            Verb::Hangup => all.push(Heard::End),
            Verb::Redirect { .. } => {}
        }
        // what comes after is heard only where nothing was recorded
        if matches!(verb, Verb::Record { .. }) {
            break;
        }
    }
    all
}
