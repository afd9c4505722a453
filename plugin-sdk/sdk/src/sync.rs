//! Syncs: what the vendor keeps, in step with standard objects of the hub.
//!
//! The manifest names each pair, an object and the vendor's resource that corresponds to it:
//!
//! ```toml
//! [objects]
//! contact = "write"
//!
//! [[syncs]]
//! object = "contact"
//! resource = "contacts"
//! title = "Contacts"
//! directions = ["in", "out"]
//! mapping = "syncs/contact.json"
//! ```
//!
//! The hub does the rest: when to ask, from where on, which field is which, what changed on which side, and who wins. A connector reads
//! pages ([`crate::Connector::pull`]), writes what it is given ([`crate::Connector::push`]) and tells which fields there are
//! ([`crate::Connector::describe`]), each in the vendor's own names. A webhook that says what changed gives [`changed`].

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::clock::Timestamp;
use crate::{Error, host};

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FieldKind {
    /// Text.
    Text,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// A day.
    Date,
    /// An instant.
    Time,
    /// One of the field's choices, or several.
    Choice,
    /// The vendor's id of something else.
    Reference,
}

/// A field of a resource, as the vendor's own schema has it for this account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// As the vendor calls it in its API; 1 to 256 bytes.
    pub name: String,
    /// As the vendor shows it to people; at most 1,024 bytes.
    pub title: String,
    /// What it holds.
    pub kind: FieldKind,
    /// The vendor makes nothing without it.
    pub required: bool,
    /// It can be read.
    pub readable: bool,
    /// It can be written.
    pub writable: bool,
    /// No two have the same value.
    pub unique: bool,
    /// Made for this account; other accounts of the vendor need not have it.
    pub custom: bool,
    /// The values of a [`FieldKind::Choice`], as they are read and written; at most 5,000.
    pub choices: Vec<String>,
}

impl Field {
    /// One that is read and written, and of which nothing else is known.
    pub fn new(name: impl Into<String>, title: impl Into<String>, kind: FieldKind) -> Self {
        Self {
            name: name.into(),
            title: title.into(),
            kind,
            required: false,
            readable: true,
            writable: true,
            unique: false,
            custom: false,
            choices: Vec::new(),
        }
    }
}

/// What to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All that there is.
    All,
    /// What was made, changed, deleted or merged at this time or later. The manifest's overlap is taken off already.
    Since(Timestamp),
    /// These, by the vendor's ids; at most 100. Each is answered: found, deleted, or merged into another.
    Ids(Vec<String>),
    /// Those of which a field equals one of the values, as the vendor compares them; at most 100 values.
    Matching {
        /// The vendor's name of the field.
        field: String,
        /// Some of its values.
        values: Vec<String>,
    },
}

/// What to read, and from where on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pull {
    /// The vendor's resource.
    pub resource: String,
    /// The vendor's names of the fields that are wanted; others may be left out.
    pub fields: Vec<String>,
    /// What to read.
    pub scope: Scope,
    /// What the page before gave as `next`; `None` on the first.
    pub cursor: Option<Value>,
    /// What the last page that had a `state` gave, in this run or one before.
    pub state: Option<Value>,
    /// Items that one page may have.
    pub limit: u32,
}

impl Pull {
    /// The first page of all that a resource has, a hundred items at most: for tests.
    pub fn all(resource: &str, fields: &[&str]) -> Self {
        Self {
            resource: resource.to_owned(),
            fields: fields.iter().map(|field| (*field).to_owned()).collect(),
            scope: Scope::All,
            cursor: None,
            state: None,
            limit: 100,
        }
    }

    /// What the page before gave as its cursor; `None` on the first.
    ///
    /// # Errors
    /// [`Error::Internal`] if it is not a `T`: another version of the connector gave it.
    pub fn cursor<T: DeserializeOwned>(&self) -> Result<Option<T>, Error> {
        decode(self.cursor.as_ref(), "cursor")
    }

    /// What was kept by pages before; `None` if nothing was.
    ///
    /// # Errors
    /// As [`Pull::cursor`].
    pub fn state<T: DeserializeOwned>(&self) -> Result<Option<T>, Error> {
        decode(self.state.as_ref(), "state")
    }
}

/// What the vendor has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The vendor's id of it; 1 to 256 bytes.
    pub id: String,
    /// When it was last changed, by the vendor's clock.
    pub modified_at: Option<Timestamp>,
    /// Where a person sees it at the vendor; https, at most 2,048 bytes.
    pub url: Option<String>,
    /// The vendor's names of fields to their values, each a scalar or a list of scalars.
    pub fields: Map<String, Value>,
}

/// One thing that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It is there, like this.
    Found(Item),
    /// The one with this id is not there any more.
    Deleted(String),
    /// Several became one.
    Merged {
        /// The id of the one that is left.
        into: String,
        /// The ids of those that are gone.
        gone: Vec<String>,
    },
}

/// A part of an answer.
///
/// Nothing that changes at the vendor while pages are read may be lost: page by time of change and id, not by numbers of pages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// At most as many items as [`Pull::limit`], and 2,000 changes in all, of which each id that is gone is one. A change may come twice.
    pub changes: Vec<Change>,
    /// [`Pull::cursor`] of the next page, committed with this one; `None` on the last. At most 64 KiB as JSON.
    pub next: Option<Value>,
    /// The vendor's time up to which all has been read once this page is.
    pub mark: Option<Timestamp>,
    /// To be kept between runs, and given to the next pull; `None` leaves what is kept. At most 64 KiB as JSON.
    pub state: Option<Value>,
    /// How many items there are in all, if known.
    pub total: Option<u64>,
    /// The vendor is not to be asked for more before so many milliseconds have passed; at most a day.
    pub pause_ms: Option<u64>,
}

impl Page {
    /// A page with these changes, the last one until [`Page::then`] says otherwise.
    #[must_use]
    pub fn of(changes: Vec<Change>) -> Self {
        Self { changes, ..Self::default() }
    }

    /// There is another page, from this cursor on.
    ///
    /// # Errors
    /// [`Error::Internal`] if it cannot be written as JSON.
    pub fn then<T: Serialize>(self, cursor: &T) -> Result<Self, Error> {
        Ok(Self { next: Some(encode(cursor)?), ..self })
    }

    /// Keeps this between runs.
    ///
    /// # Errors
    /// As [`Page::then`].
    pub fn keep<T: Serialize>(self, state: &T) -> Result<Self, Error> {
        Ok(Self { state: Some(encode(state)?), ..self })
    }
}

/// What is to become of something at the vendor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// The same if the write is tried again, and of no other write: for vendors that know repeats by it. Of what is to be made the
    /// same until it is, also if the record has changed meanwhile.
    pub key: String,
    /// The hub's id of the record.
    pub record: String,
    /// The vendor's id; `None` to make it.
    pub id: Option<String>,
    /// The vendor's names of the fields to set, to their values. Fields that are not named stay.
    pub fields: Map<String, Value>,
    /// It is to be deleted; there are no fields then.
    pub delete: bool,
    /// The whole record, valid by its object's schema, for what no field says.
    pub data: Value,
    /// Whom the record has to do with: by the name of a standard object the vendor's ids of its records, the nearest first; of a
    /// call the contact, the contact's company and open deals. At most 20 of each. An object without any is left out.
    pub references: BTreeMap<String, Vec<String>>,
}

/// What became of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// The vendor took it. Of a deletion, too.
    Done {
        /// The vendor's id of it.
        id: String,
        /// When it was last changed, by the vendor's clock, with this write.
        modified_at: Option<Timestamp>,
        /// It was not there before.
        created: bool,
        /// Where a person sees it at the vendor, as in [`Item::url`].
        url: Option<String>,
    },
    /// The vendor has nothing with that id any more, or has merged it into another.
    Gone,
    /// Left out.
    Skipped {
        /// Why, in words that people of the organization may read.
        reason: String,
    },
    /// The vendor does not take it, and would not take it again.
    Refused {
        /// Why, in words that people of the organization may read.
        message: String,
        /// The vendor's name of the field that is to blame.
        field: Option<String>,
    },
}

/// What became of all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pushed {
    /// One for each write, in their order.
    pub written: Vec<Written>,
    /// The vendor is not to be asked for more before so many milliseconds have passed; at most a day.
    pub pause_ms: Option<u64>,
}

/// Says that the vendor has made, changed, deleted or merged those with these ids: [`crate::Connector::pull`] is asked for them soon, also
/// while a run is under way. Committed with this run, and only if it succeeds; to say it twice is to say it once.
///
/// # Errors
/// [`Error::Denied`] for an object that the manifest has no sync of, [`Error::Invalid`] for ids that have not 1 to 256 bytes,
/// [`Error::Exhausted`] after a thousand ids in one call of the connector.
pub fn changed(object: &str, ids: &[String]) -> Result<(), Error> {
    host::sync_changed(object, ids)
}

fn encode<T: Serialize>(value: &T) -> Result<Value, Error> {
    serde_json::to_value(value).map_err(|error| Error::Internal(error.to_string()))
}

/// Its own earlier words, and not the caller's: that they are not understood is a defect.
fn decode<T: DeserializeOwned>(value: Option<&Value>, what: &str) -> Result<Option<T>, Error> {
    let parsed = value.cloned().map(serde_json::from_value).transpose();
    parsed.map_err(|error| Error::Internal(format!("the {what} of a sync: {error}")))
}
