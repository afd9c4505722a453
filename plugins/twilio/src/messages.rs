//! Text messages: what Twilio tells of them, made into the standard object `message`.

use patchbay_sdk::usage::{self, Basis};
use patchbay_sdk::{Error, kv, objects, records};
use patchbay_telephony::message::opt_out::{self, Wish};
use patchbay_telephony::message::{Channel, Failure, Media, MessageFact, MessageState, Status, Way};
use patchbay_telephony::money::Money;
use patchbay_telephony::phone::Party;
use patchbay_telephony::time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::calls;
use crate::inbound::Told;

/// The collection in the manifest.
pub(crate) const MESSAGES: &str = "messages";

/// As many files as a message of Twilio's has at most.
const MOST_MEDIA: u32 = 50;

/// A message as it is stored.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Kept {
    /// All that is known of it.
    #[schemars(with = "Map<String, Value>")]
    state: MessageState,
}

/// What Twilio's API tells of a message.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Message {
    /// Its SID: `SM…` or `MM…`.
    pub sid: String,
    /// Twilio's word for how far it is.
    pub status: Option<String>,
    /// `inbound`, `outbound-api`, `outbound-call` or `outbound-reply`.
    pub direction: Option<String>,
    /// Who sent it.
    pub from: Option<String>,
    /// To whom.
    pub to: Option<String>,
    /// Its text.
    pub body: Option<String>,
    /// As how many it is billed, as text; 0 while Twilio does not know.
    pub num_segments: Option<String>,
    /// What it cost, negative, as text.
    pub price: Option<String>,
    /// Three letters (ISO 4217).
    pub price_unit: Option<String>,
    /// Twilio's number for why it did not arrive.
    pub error_code: Option<i64>,
    /// And its words.
    pub error_message: Option<String>,
    /// When it was made: RFC 2822.
    pub date_created: Option<String>,
    /// When it was sent: RFC 2822.
    pub date_sent: Option<String>,
}

/// Takes in a message that came in, and what it wishes.
///
/// # Errors
/// What kept it from being written.
pub(crate) fn take(told: &Told) -> Result<(), Error> {
    let Some(sid) = sid(told) else { return Ok(()) };
    let media = (0..MOST_MEDIA).map_while(|index| {
        let url = told.get(&format!("MediaUrl{index}"))?.to_owned();
        Some(Media { url, content_type: told.get(&format!("MediaContentType{index}")).map(str::to_owned) })
    });
    let fact = MessageFact {
        status: Some(Status::Received),
        from: told.get("From").map(Party::read),
        to: told.get("To").map(Party::read),
        text: told.get("Body").map(str::to_owned),
        media: media.collect(),
        segments: told.get("NumSegments").and_then(|segments| segments.parse().ok()).filter(|segments| *segments > 0),
        ..MessageFact::default()
    };
    add(sid, Way::Inbound, fact)?;
    let asked = told.get("OptOutType").or_else(|| told.get("Body")).and_then(opt_out::wish);
    match (asked, told.get("From")) {
        (Some(Wish::Stop), Some(from)) => silence(from),
        (Some(Wish::Start), Some(from)) => kv::delete(&silent(from)).map(drop),
        _ => Ok(()),
    }
}

/// Takes in how far a message is.
///
/// # Errors
/// What kept it from being written.
pub(crate) fn status(told: &Told) -> Result<(), Error> {
    let Some(sid) = sid(told) else { return Ok(()) };
    let failure = told
        .get("ErrorCode")
        .map(|code| Failure { code: code.to_owned(), message: told.get("ErrorMessage").map(str::to_owned) });
    let fact = MessageFact {
        status: told.get("MessageStatus").and_then(word),
        from: told.get("From").map(Party::read),
        to: told.get("To").map(Party::read),
        failure,
        ..MessageFact::default()
    };
    add(sid, Way::Outbound, fact)
}

/// Takes in what Twilio's API tells of a message, and meters its parts once if the organization sent it.
///
/// # Errors
/// What kept it from being written.
pub(crate) fn read(message: &Message) -> Result<(), Error> {
    let way = if message.direction.as_deref() == Some("inbound") { Way::Inbound } else { Way::Outbound };
    let segments = message.num_segments.as_deref().and_then(|segments| segments.parse::<u32>().ok());
    let price = message.price.as_deref().zip(message.price_unit.as_deref());
    let fact = MessageFact {
        status: message.status.as_deref().and_then(word),
        at: message.date_sent.as_deref().and_then(time::parse),
        created_at: message.date_created.as_deref().and_then(time::parse),
        from: message.from.as_deref().map(Party::read),
        to: message.to.as_deref().map(Party::read),
        text: message.body.clone().filter(|body| !body.is_empty()),
        media: Vec::new(),
        segments: segments.filter(|segments| *segments > 0),
        price: price.and_then(|(price, unit)| Money::cost(price, unit)),
        failure: message
            .error_code
            .map(|code| Failure { code: code.to_string(), message: message.error_message.clone() }),
    };
    add(&message.sid, way, fact)
}

fn sid(told: &Told) -> Option<&str> {
    told.get("MessageSid").or_else(|| told.get("SmsSid"))
}

/// Twilio's words in the hub's.
fn word(status: &str) -> Option<Status> {
    Some(match status {
        "accepted" | "scheduled" | "queued" => Status::Queued,
        "sending" => Status::Sending,
        "sent" | "partially_delivered" => Status::Sent,
        "delivered" => Status::Delivered,
        "undelivered" => Status::Undelivered,
        "failed" | "canceled" => Status::Failed,
        "receiving" | "received" => Status::Received,
        "read" => Status::Read,
        _ => return None,
    })
}

fn add(sid: &str, way: Way, fact: MessageFact) -> Result<(), Error> {
    let found = records::get::<Kept>(MESSAGES, sid)?;
    let (mut state, version) = match found {
        Some(found) => (found.data.state, found.version),
        None => (MessageState::new("twilio", sid, channel(sid, &fact), way), 0),
    };
    let has_text = fact.text.is_some() || fact.segments.is_some();
    let changed = state.add(fact);
    // what only tells how far a message is may come before what says as how many it is billed
    if way == Way::Outbound && has_text {
        usage::add("sms", u64::from(state.segments()), Basis::Reported, Some(sid))?;
    }
    if !changed && version > 0 {
        return Ok(());
    }
    calls::merge(objects::MESSAGE, &state.object_id(), &state.to_object())?;
    records::put(MESSAGES, sid, &Kept { state }, Some(version)).map(drop)
}

fn channel(sid: &str, fact: &MessageFact) -> Channel {
    let whatsapp = |party: &Option<Party>| {
        party.as_ref().and_then(Party::as_str).is_some_and(|text| text.starts_with("whatsapp:"))
    };
    if whatsapp(&fact.from) || whatsapp(&fact.to) {
        Channel::Whatsapp
    } else if sid.starts_with("MM") {
        Channel::Mms
    } else {
        Channel::Sms
    }
}

/// Keeps that a number wants no messages, at once and until it says otherwise.
///
/// # Errors
/// As [`kv::set`].
pub(crate) fn silence(number: &str) -> Result<(), Error> {
    kv::set(&silent(number), b"1", None, None).map(drop)
}

/// True if a number wants no messages.
///
/// # Errors
/// As [`kv::get`].
pub(crate) fn is_silent(number: &str) -> Result<bool, Error> {
    Ok(kv::get(&silent(number))?.is_some())
}

fn silent(number: &str) -> String {
    let number: String = number.chars().filter(|character| !character.is_control()).take(100).collect();
    format!("silence/{number}")
}
