//! What a caller hears: the menu's answer, by the plugin `ivr`, or what the settings say where there is no menu.
//!
//! A caller is never left with silence because something here failed: without a menu's answer, a call that begins goes where
//! the settings say, and one that is under way is ended.

use patchbay_sdk::clock::{self, Timestamp};
use patchbay_sdk::{Error, Headers, installation, log, peers, webhook};
use patchbay_telephony::fold::{Fact, Step, What};
use patchbay_telephony::phone::{Number, Party};
use patchbay_telephony::time;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::config::{Config, Unanswered};
use crate::texml::Post;

/// The plugin and its actions, as in the manifest.
const PLUGIN: &str = "ivr";
const ACTION: &str = "answer";
const HUNG_UP: &str = "hung-up";

/// The longest address that the menu takes, in bytes; links of ten minutes can be longer.
const MOST_URL: usize = 2048;

/// What the menu says.
#[derive(Debug, Deserialize)]
struct Said {
    /// None if no menu is published for the number.
    document: Option<String>,
    #[serde(default)]
    content_type: Option<String>,
    #[serde(default)]
    steps: Vec<Done>,
    #[serde(default)]
    menu_version: Option<u64>,
}

/// What the menu has done.
#[derive(Debug, Deserialize)]
struct Done {
    id: String,
    #[serde(default)]
    at: Option<String>,
    menu: String,
    node: String,
    did: String,
    #[serde(default)]
    digits: Option<String>,
    #[serde(default)]
    to: Option<String>,
}

/// The answer to who waits, and what the menu has done for it.
pub(crate) struct Answer {
    pub(crate) answer: webhook::Answer,
    pub(crate) steps: Vec<Fact>,
}

/// Asks the menu.
///
/// # Errors
/// Settings that cannot be read; nothing else.
pub(crate) fn answer(post: &Post, came_at: Timestamp) -> Result<Answer, Error> {
    let said = match peers::call(PLUGIN, ACTION, &input(post)).and_then(read) {
        Ok(said) => said,
        // the organization has no menus
        Err(Error::Denied(reason)) => {
            log::debug("no menu is asked", &[("reason", &reason)]);
            return without_menu(post);
        }
        Err(error) => {
            log::error("the menu did not answer", &[("error", &error.to_string())]);
            return without_menu(post);
        }
    };
    let Some(document) = said.document else { return without_menu(post) };
    let media = said.content_type.as_deref().unwrap_or("text/xml");
    let version = said.menu_version;
    let steps = said.steps.into_iter().map(|done| done.fact(post, version, came_at)).collect();
    Ok(Answer { answer: xml(media, document), steps })
}

/// Tells the menu that a call is over, which no request for instructions does. Without it the menu finds out after hours.
pub(crate) fn hung_up(call: &str) {
    if let Err(error) = peers::call(PLUGIN, HUNG_UP, &json!({"call": call})) {
        log::debug("the menu is not told that a call is over", &[("error", &error.to_string())]);
    }
}

fn read(said: Value) -> Result<Said, Error> {
    serde_json::from_value(said).map_err(|error| Error::Internal(format!("the menu's answer: {error}")))
}

/// As the plugin `ivr` takes it.
fn input(post: &Post) -> Value {
    let party = |name: &str| {
        let party = Party::read(post.field(name).unwrap_or_default());
        party.as_str().unwrap_or_default().to_owned()
    };
    let mut input = json!({
        "dialect": "texml",
        "call": {"id": post.sid, "from": party("From"), "to": party("To"), "direction": "inbound"},
        "callback_url": installation::webhook_url(),
        "request": request(post),
        "at": time::rfc3339(clock::now()),
    });
    if let (Some(place), Some(members)) = (&post.place, input.as_object_mut()) {
        members.insert("position".to_owned(), json!(place));
    }
    input
}

/// What Telnyx asks instructions after. That of a dialled call may have a recording, and that of a recording the key that ended
/// it, so the order of the questions matters.
fn request(post: &Post) -> Value {
    if post.place.is_none() {
        return json!({"kind": "start"});
    }
    if let Some(status) = post.field("DialCallStatus") {
        return json!({"kind": "dial-ended", "dial_status": status});
    }
    if let Some(saved) = post.saved() {
        // the menu wants to know that there is one; the file is fetched here
        let url = saved.url.as_ref().filter(|url| url.len() <= MOST_URL);
        let recording = json!({"url": url, "duration_s": saved.duration_s, "id": saved.id()});
        return json!({"kind": "recording", "recording": recording});
    }
    if post.has("Digits") {
        return json!({"kind": "digits", "digits": post.field("Digits").unwrap_or_default()});
    }
    match post.field("SpeechResult") {
        Some(text) => json!({"kind": "speech", "speech": text}),
        None => json!({"kind": "redirect"}),
    }
}

impl Done {
    fn fact(self, post: &Post, version: Option<u64>, came_at: Timestamp) -> Fact {
        let Self { id, at, menu, node, did, digits, to } = self;
        Fact {
            id,
            leg: post.sid.clone(),
            session: Some(post.call().to_owned()),
            at: Some(at.as_deref().and_then(time::parse).unwrap_or(came_at)),
            sequence: None,
            about: None,
            what: What::Step(Step { menu, version, node, did, digits, to }),
        }
    }
}

/// What the settings say.
fn without_menu(post: &Post) -> Result<Answer, Error> {
    let document = match &post.place {
        // under way: whatever was heard before, nothing follows
        Some(_) => "<Hangup/>".to_owned(),
        None => first(post)?,
    };
    let document = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response>{document}</Response>");
    Ok(Answer { answer: xml("text/xml", document), steps: Vec::new() })
}

fn first(post: &Post) -> Result<String, Error> {
    let config = Config::load()?;
    let Unanswered { forward_to, busy } = &config.unanswered;
    let forward = forward_to.as_deref().map(|number| config.number("/unanswered/forward_to", number)).transpose()?;
    let (from, to) = (post.field("From").map(Party::read), post.field("To").map(Party::read));
    let is = |party: &Option<Party>, number: &Number| party.as_ref().and_then(Party::number) == Some(number);
    // a call that comes back from there would go round for ever: it shows the number that was called first
    let forward = forward.filter(|number| !is(&to, number) && !is(&from, number) && (from.is_none() || from != to));
    let Some(forward) = forward else {
        let reason = if *busy { "busy" } else { "rejected" };
        return Ok(format!("<Reject reason=\"{reason}\"/>"));
    };
    // a number in E.164 has nothing that XML would take for its own
    let caller = to.as_ref().and_then(Party::number).map(|to| format!(" callerId=\"{}\"", to.as_str()));
    Ok(format!("<Dial{}><Number>{}</Number></Dial>", caller.unwrap_or_default(), forward.as_str()))
}

fn xml(media: &str, document: String) -> webhook::Answer {
    let headers: Headers = [("content-type", media)].into_iter().collect();
    webhook::Answer { status: 200, headers, body: document.into_bytes() }
}
