//! Standard objects: facts that several integrations share, in collections whose schemas the hub owns.
//!
//! A call is a call whether Telnyx, Twilio or Vapi made it. Their plugins write it here, and whoever reads calls (a CRM's
//! plugin, an export, the API) knows one schema instead of one per vendor. A schema has what the vendors have in common,
//! their ids in `external_ids`, and room for the rest in `extra`. A schema of a version only ever gains optional fields; what
//! would break a reader is another version.
//!
//! Rejected: schemas of the plugins that are mapped onto each other (a mapping per pair), and one wide table per object
//! (a migration for each field).

mod change;
mod index;
mod schema;
#[cfg(test)]
mod tests;

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::{PluginId, RunId, Timestamp};

pub use change::{Happened, change_event, changed_fields};
pub use index::{index_entries, indexed_as, is_wanted};

macro_rules! objects {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $version:literal, $schema:literal, [$($index:literal),* $(,)?];)*) => {
        /// A standard object.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum StandardObject { $($(#[$doc])* $name,)* }

        impl StandardObject {
            /// Every one, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Its name, as in manifests, in the API, and before the dot of its events' types.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The version of its schema.
            #[must_use]
            pub const fn version(self) -> u32 {
                match self { $(Self::$name => $version,)* }
            }

            /// Its fields that a query finds without reading the rest, those that tell records apart best first.
            /// `external_ids` are, too, and the lists of [`Self::list_of`].
            #[must_use]
            pub const fn indexes(self) -> &'static [&'static str] {
                match self { $(Self::$name => &[$($index),*],)* }
            }

            const fn schema_text(self) -> &'static str {
                match self { $(Self::$name => include_str!(concat!("../objects/", $schema, ".json")),)* }
            }
        }
    };
}

objects! {
    /// A telephone call.
    Call = "call", 1, "call",
        ["session_id", "parent_id", "contact_id", "from", "to", "phone_number_id", "status", "direction"];
    /// Sound that was kept of a call.
    Recording = "recording", 1, "recording", ["call_id", "status"];
    /// What was said in a call, as text.
    Transcript = "transcript", 1, "transcript", ["call_id", "recording_id", "status"];
    /// A text message, an e-mail, a chat message.
    Message = "message", 1, "message",
        ["conversation_id", "reply_to_id", "contact_id", "from", "to", "channel", "status", "direction"];
    /// A person.
    Contact = "contact", 1, "contact", ["email", "phone", "company_id", "status"];
    /// A company.
    Company = "company", 1, "company", ["domain", "email", "phone", "parent_id", "status"];
    /// A sale that may come about.
    Deal = "deal", 1, "deal", ["contact_id", "company_id", "stage", "pipeline", "status"];
    /// A time that somebody agreed to.
    Appointment = "appointment", 1, "appointment",
        ["recurring_id", "contact_id", "organizer_email", "calendar_id", "status"];
    /// A telephone number that the organization has.
    PhoneNumber = "phone-number", 1, "phone-number", ["number", "status", "kind", "country"];
    /// A contract that is paid for again and again.
    Subscription = "subscription", 1, "subscription",
        ["contact_id", "customer_email", "company_id", "plan", "status"];
    /// A bill.
    Invoice = "invoice", 1, "invoice",
        ["number", "subscription_id", "contact_id", "customer_email", "company_id", "status"];
}

/// A text that names no standard object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a standard object: call, recording, transcript, message, contact, company, deal, appointment, phone-number, \
         subscription or invoice"
)]
pub struct NoObject;

impl FromStr for StandardObject {
    type Err = NoObject;

    fn from_str(text: &str) -> Result<Self, NoObject> {
        Self::ALL.iter().copied().find(|object| object.as_str() == text).ok_or(NoObject)
    }
}

impl fmt::Display for StandardObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for StandardObject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for StandardObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What a plugin may do with a standard object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Look at all records, whoever wrote them.
    Read,
    /// That, and make, change and delete them.
    Write,
}

impl Access {
    /// As in manifests.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// Who wrote something, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Which plugin.
    pub plugin: PluginId,
    /// In which run.
    pub run: RunId,
    /// When the run ended.
    pub at: Timestamp,
}

/// Fields that somebody was the last to change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Who, and when.
    #[serde(flatten)]
    pub stamp: Stamp,
    /// Which, in order.
    pub fields: Vec<String>,
}

/// A record of a standard object, with where it comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectRecord {
    /// Of which object.
    pub object: StandardObject,
    /// Chosen by the plugin that made it: its own id, a colon, and the vendor's id.
    pub id: String,
    /// 1 when made, one more with each write; of a deleted one, what it had.
    pub version: u64,
    /// Valid by the object's schema; none if it was deleted.
    pub data: Option<Value>,
    /// Who made it.
    pub created: Stamp,
    /// Who wrote or deleted it last.
    pub updated: Stamp,
    /// Who changed each of its fields last.
    pub sources: Vec<Source>,
}

/// A write of a run, committed with it.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectChange {
    /// Of which object.
    pub object: StandardObject,
    /// The record.
    pub id: String,
    /// What it becomes; `None` deletes it.
    pub data: Option<Value>,
    /// The committed version that it must have (0: must not exist); `None` for any.
    pub expected: Option<u64>,
}
