//! One message out of what a carrier tells of it, in any order.
//!
//! Everything that can be told has an order of its own in which the greater holds (for the status, how far it is; for a time,
//! the earlier), so that the same tellings make the same message.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Status, segments};
use crate::{
    money::Money,
    phone::Party,
    text,
    time::{self, Millis},
};

/// Files of one message.
const MOST_MEDIA: usize = 50;
/// Characters of its text.
const MOST_TEXT: usize = 100_000;

/// By what a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Channel {
    /// Text alone.
    Sms,
    /// Text with media.
    Mms,
    /// Rich messages of carriers.
    Rcs,
    /// WhatsApp.
    Whatsapp,
}

/// Which way a message goes, from the organization's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// To the organization.
    Inbound,
    /// From it.
    Outbound,
}

/// A file of a message.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Media {
    /// Where the carrier keeps it.
    pub url: String,
    /// What it is, as `image/jpeg`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
}

/// Why a message did not arrive.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Failure {
    /// The carrier's code.
    pub code: String,
    /// The carrier's words, if it has any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// What one message of a carrier's tells of a text message. All but the status may be missing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MessageFact {
    /// How far it is, in the hub's words: the plugin has the table of its carrier's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// When it got so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Millis>,
    /// When the message was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Millis>,
    /// Who sent it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Party>,
    /// To whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Party>,
    /// Its text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Its files, at most 50.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub media: Vec<Media>,
    /// As how many it is billed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segments: Option<u32>,
    /// What it cost, all its parts together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<Money>,
    /// Why it did not arrive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// All that is known of one message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageState {
    source: String,
    id: String,
    channel: Channel,
    way: Way,
    /// When it first was in each status that a time was told for.
    times: BTreeMap<Status, Millis>,
    known: MessageFact,
}

impl MessageState {
    /// A message of which nothing else is known. `source` is the plugin's id, `id` the carrier's of the message.
    #[must_use]
    pub fn new(source: &str, id: &str, channel: Channel, way: Way) -> Self {
        Self {
            source: source.to_owned(),
            id: id.to_owned(),
            channel,
            way,
            times: BTreeMap::new(),
            known: MessageFact::default(),
        }
    }

    /// The id of its standard object: `twilio:SM1`.
    #[must_use]
    pub fn object_id(&self) -> String {
        text::object_id(&self.source, &self.id)
    }

    /// Adds what was told; true if the message is another than before. In any order and however often.
    pub fn add(&mut self, fact: MessageFact) -> bool {
        let before = self.clone();
        if let Some((status, at)) = fact.status.zip(fact.at) {
            let known = self.times.entry(status).or_insert(at);
            *known = at.min(*known);
        }
        let known = &mut self.known;
        known.status = known.status.max(fact.status);
        known.created_at = earlier(known.created_at, fact.created_at);
        known.from = known.from.take().max(fact.from);
        known.to = known.to.take().max(fact.to);
        known.text = known.text.take().max(fact.text.map(|text| text.chars().take(MOST_TEXT).collect()));
        known.segments = known.segments.max(fact.segments);
        known.price = known.price.take().max(fact.price);
        known.failure = known.failure.take().max(fact.failure);
        let media = fact.media.into_iter().take(MOST_MEDIA).collect::<Vec<_>>();
        if (media.len(), &media) > (known.media.len(), &known.media) {
            known.media = media;
        }
        *self != before
    }

    /// How far it is: before anything is known, `received` if it is inbound, else `queued`.
    #[must_use]
    pub fn status(&self) -> Status {
        match self.way {
            Way::Inbound => self.known.status.map_or(Status::Received, |status| status.max(Status::Received)),
            Way::Outbound => self.known.status.unwrap_or(Status::Queued),
        }
    }

    /// As how many parts it is billed: what the carrier says, else what its text comes to, at least 1.
    #[must_use]
    pub fn segments(&self) -> u32 {
        match (self.known.segments, self.channel) {
            (Some(told), _) => told.max(1),
            (None, Channel::Sms) => segments::segments(self.known.text.as_deref().unwrap_or_default()).parts,
            (None, Channel::Mms | Channel::Rcs | Channel::Whatsapp) => 1,
        }
    }

    /// Why it did not arrive, while its status says so.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        let failed = matches!(self.status(), Status::Failed | Status::Undelivered);
        self.known.failure.as_ref().filter(|_| failed)
    }

    /// The standard object `message`, valid by its schema.
    #[must_use]
    pub fn to_object(&self) -> Value {
        let known = &self.known;
        let mut object = Map::new();
        object.insert("channel".into(), json!(self.channel));
        object.insert("direction".into(), json!(self.way));
        object.insert("status".into(), self.status().as_str().into());
        let party = |party: &Option<Party>| {
            let text = party.as_ref().and_then(Party::as_str)?;
            Some(Value::from(text.chars().take(320).collect::<String>()))
        };
        let at = |at: Option<Millis>| at.map(|at| Value::from(time::rfc3339(at)));
        let told = |status: Status| at(self.times.get(&status).copied());
        let exact = known.price.as_ref().map(Money::to_exact);
        for (name, value) in [
            ("from", party(&known.from)),
            ("to", party(&known.to)),
            ("text", known.text.clone().map(Value::from)),
            ("media", (!known.media.is_empty()).then(|| known.media.iter().map(Media::to_object).collect())),
            ("segments", Some(self.segments().min(1000).into())),
            ("created_at", at(known.created_at)),
            ("sent_at", told(Status::Sent)),
            ("delivered_at", told(Status::Delivered)),
            ("received_at", told(Status::Received)),
            ("read_at", told(Status::Read)),
            ("error", self.failure().map(Failure::to_object)),
            ("price", known.price.as_ref().map(Money::to_object)),
            ("external_ids", text::external_ids(&self.source, &self.id)),
            ("extra", exact.map(|price| json!({self.source.as_str(): {"price": price}}))),
        ] {
            if let Some(value) = value {
                object.insert(name.to_owned(), value);
            }
        }
        Value::Object(object)
    }
}

impl Failure {
    fn to_object(&self) -> Value {
        let mut object = Map::new();
        object.insert("code".into(), self.code.chars().take(100).collect::<String>().into());
        if let Some(message) = &self.message {
            object.insert("message".into(), message.chars().take(1000).collect::<String>().into());
        }
        Value::Object(object)
    }
}

impl Media {
    /// An address that is too long leads nowhere and is left out.
    fn to_object(&self) -> Value {
        let mut object = Map::new();
        if let Some(kind) = &self.content_type {
            object.insert("content_type".into(), kind.chars().take(255).collect::<String>().into());
        }
        if self.url.len() <= 2048 && (self.url.starts_with("https://") || self.url.starts_with("http://")) {
            object.insert("url".into(), self.url.clone().into());
        }
        Value::Object(object)
    }
}

fn earlier(one: Option<Millis>, other: Option<Millis>) -> Option<Millis> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
