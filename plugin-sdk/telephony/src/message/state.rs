//! One message out of what a carrier tells of it, in any order.
//!
//! Everything that can be told has an order of its own in which the greater holds (for the status, how far it is; for a time,
//! the earlier), so that the same tellings make the same message.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Status;
use crate::{money::Money, phone::Party, time::Millis};

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
    known: MessageFact,
}

impl MessageState {
    /// A message of which nothing else is known. `source` is the plugin's id, `id` the carrier's of the message.
    #[must_use]
    pub fn new(source: &str, id: &str, channel: Channel, way: Way) -> Self {
        Self { source: source.to_owned(), id: id.to_owned(), channel, way, known: MessageFact::default() }
    }

    /// The id of its standard object: `twilio:SM1`.
    #[must_use]
    pub fn object_id(&self) -> String {
        let mut id = format!("{}:{}", self.source, self.id);
        id.truncate(id.floor_char_boundary(256));
        id
    }

    /// Adds what was told; true if the message is another than before. In any order and however often.
    pub fn add(&mut self, fact: MessageFact) -> bool {
        let _ = fact;
        todo!()
    }

    /// How far it is: before anything is known, `received` if it is inbound, else `queued`.
    #[must_use]
    pub fn status(&self) -> Status {
        todo!()
    }

    /// As how many parts it is billed: what the carrier says, else what its text comes to, at least 1.
    #[must_use]
    pub fn segments(&self) -> u32 {
        todo!()
    }

    /// Why it did not arrive, while its status says so.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        todo!()
    }

    /// The standard object `message`, valid by its schema.
    #[must_use]
    pub fn to_object(&self) -> Value {
        todo!()
    }
}
