//! What a call hears next.
//!
//! Whoever calls waits on the line, so nothing that can be done later is done here: the published menu is read, the call is
//! walked on, and a job writes down what it did. If the hub's storage is away, calls are neither counted nor written down, nor are
//! callers known by name, and they are answered all the same.

use patchbay_sdk::{Call, Error, clock, installation, jobs, kv, log, records};

use crate::caller::Caller;
use crate::config::Config;
use crate::digest::digest;
use crate::guard::{self, Admission};
use crate::note::{NOTE, Note};
use crate::position::Position;
use crate::resolve::resolve;
use crate::resolved::Resolved;
use crate::store::{self, PUBLISHED, StoredPublished};
use crate::types::{Answer, Answered, Direction};
use crate::walk::{self, Scene, Turn};
use crate::xml;

/// The media type of documents.
const XML: &str = "text/xml";

/// How often a call may come back with what is no place of ours.
const MOST_RESTARTS: i64 = 3;

pub(crate) fn answer(call: Call<Answer>) -> Result<Answered, Error> {
    let input = call.input;
    let at = clock::parse_rfc3339(&input.at).unwrap_or_else(clock::now);
    let config = Config::load()?;
    let number = match input.call.direction {
        Direction::Inbound => &input.call.to,
        Direction::Outbound => &input.call.from,
    };
    let Some(published) = published(number)? else { return Ok(nothing()) };
    let position = input.position.as_deref().filter(|text| !text.is_empty()).map(Position::read);
    let admission = match position {
        None => guard::admit(&config, &input.call, at),
        Some(_) => guard::reach(&input.call),
    };
    let recordings = installation::webhook_url();
    let earlier = position.as_ref().and_then(Option::as_ref).and_then(|position| earlier(position, &published));
    let caller = Caller::of(&input.call, admission != Admission::Unknown);
    let scene = Scene {
        menu: earlier.as_ref().unwrap_or(&published.resolved),
        config: &config,
        dialect: input.dialect,
        call: &input.call,
        caller: &caller,
        callback: &input.callback_url,
        recordings: (admission != Admission::Unknown).then_some(recordings.as_str()),
        at,
        checked: earlier.is_none() && published.destinations == config.destinations,
    };
    let turn = match &position {
        None if admission == Admission::Refused => walk::refuse(scene),
        None => walk::start(scene)?,
        Some(Some(position)) if is_of(position, scene.menu) => walk::resume(scene, position, &input.request)?,
        Some(Some(position)) => walk::restart(scene, position.count)?,
        Some(None) => walk::restart(scene, unread(&config, &input.call.id))?,
    };
    let document = xml::document(input.dialect, &turn.verbs)?;
    let version = scene.menu.version;
    if admission != Admission::Unknown {
        note(Note::of(&input.call, scene.menu, at, &turn));
    }
    let Turn { steps, ended, .. } = turn;
    Ok(Answered { document: Some(document), content_type: Some(XML), steps, menu_version: Some(version), ended })
}

/// What is answered on a number. What carriers send is E.164 already; what is not is nobody's number.
fn published(number: &str) -> Result<Option<StoredPublished>, Error> {
    if number.is_empty() || number.len() > 64 || number.contains(char::is_control) {
        return Ok(None);
    }
    Ok(records::get::<StoredPublished>(PUBLISHED, number)?.map(|found| found.data))
}

/// The version that a call has begun with, if another is published meanwhile: calls go on as they began, for as long as that
/// can be read.
fn earlier(position: &Position, published: &StoredPublished) -> Option<Resolved> {
    if is_of(position, &published.resolved) {
        return None;
    }
    match store::version(&position.menu, position.version) {
        Ok(found) => found.map(|found| resolve(&found.menu, found.version, &found.document)),
        Err(error) => {
            log::warn(
                "the version that the call began with cannot be read: it begins again",
                &[("error", &error.to_string())],
            );
            None
        }
    }
}

fn is_of(position: &Position, menu: &Resolved) -> bool {
    position.menu == menu.menu && position.version == menu.version
}

/// How many documents a call counts as having had that came back with what is no place of ours. It has had some, and it does
/// not begin again for ever.
fn unread(config: &Config, call: &str) -> u16 {
    let restarts = kv::add(&format!("restarts/{}", digest(&[call])), 1, Some(guard::REMEMBERED));
    match restarts {
        Ok(restarts) if restarts > MOST_RESTARTS => config.max_steps,
        _ => config.max_steps / 2,
    }
}

/// Has a job write down what the call did. A call is not lost for want of its log.
fn note(note: Note) {
    if note.steps.is_empty() {
        return;
    }
    if let Err(error) = jobs::enqueue(NOTE, &note) {
        log::warn("what the call did is not written down", &[("error", &error.to_string())]);
    }
}

fn nothing() -> Answered {
    Answered { document: None, content_type: None, steps: Vec::new(), menu_version: None, ended: false }
}
