//! Standard objects: calls, contacts, invoices and the like, which all plugins of an organization share.
//!
//! They are reached by [`crate::records`], with one of these names as the collection, once the manifest asks for them:
//!
//! ```toml
//! [objects]
//! call = "write"      # and with it, read
//! contact = "read"
//! ```
//!
//! A new record has an id that begins with the plugin's own and a colon, as in `telnyx:v3:abc`. Whoever may write may change
//! every record, whoever made it; [`change`] does that without losing what others write at the same time. The schemas are
//! the hub's: `GET /v1/objects` shows them. What came of a write is published as `call.created`, `call.updated` or
//! `call.deleted`, with the run.

use serde_json::{Map, Value};

use crate::{Error, records};

/// A telephone call.
pub const CALL: &str = "call";
/// Sound that was kept of a call.
pub const RECORDING: &str = "recording";
/// What was said in a call, as text.
pub const TRANSCRIPT: &str = "transcript";
/// A text message, an e-mail, a chat message.
pub const MESSAGE: &str = "message";
/// A person.
pub const CONTACT: &str = "contact";
/// A company.
pub const COMPANY: &str = "company";
/// A sale that may come about.
pub const DEAL: &str = "deal";
/// A time that somebody agreed to.
pub const APPOINTMENT: &str = "appointment";
/// A telephone number that the organization has.
pub const PHONE_NUMBER: &str = "phone-number";
/// A contract that is paid for again and again.
pub const SUBSCRIPTION: &str = "subscription";
/// A bill.
pub const INVOICE: &str = "invoice";

/// All of them.
pub const ALL: [&str; 11] =
    [CALL, RECORDING, TRANSCRIPT, MESSAGE, CONTACT, COMPANY, DEAL, APPOINTMENT, PHONE_NUMBER, SUBSCRIPTION, INVOICE];

/// Changes a record, or makes it, upon what is there: `to` gets its fields, none if there is no such record, and leaves what
/// they become. Gives the new version.
///
/// # Errors
/// [`Error::Conflict`] if somebody else wrote it in this very run's time, [`Error::Invalid`] if the object's schema does not
/// allow the result, [`Error::Denied`] for an object that the manifest does not ask to write.
pub fn change(object: &str, id: &str, to: impl FnOnce(&mut Map<String, Value>)) -> Result<u64, Error> {
    let found = records::get::<Map<String, Value>>(object, id)?;
    let (mut fields, version) = found.map(|found| (found.data, found.version)).unwrap_or_default();
    to(&mut fields);
    records::put(object, id, &fields, Some(version))
}

/// The id of the record that a source (a plugin's id) calls like this; `None` if nobody has told.
///
/// # Errors
/// As [`records::query`].
pub fn find_external(object: &str, source: &str, id: &str) -> Result<Option<String>, Error> {
    let mut filter = Map::new();
    filter.insert(format!("external_ids.{source}"), Value::from(id));
    let page = records::query::<Value>(object, &Value::Object(filter), 1, None)?;
    Ok(page.documents.into_iter().next().map(|found| found.id))
}
