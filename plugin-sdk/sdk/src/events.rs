//! Facts for the rest of the hub, and from it.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::clock::Timestamp;
use crate::{Error, host};

/// One event that the plugin consumes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Stable over repeats.
    pub id: String,
    /// Its type.
    pub kind: String,
    /// What it is about.
    pub subject: String,
    /// Who published it: a plugin's id, or `patchbay`.
    pub source: String,
    /// When.
    pub time: Timestamp,
    /// JSON text, valid by the type's schema.
    pub data: String,
}

impl Event {
    /// Its data as `T`.
    ///
    /// # Errors
    /// [`Error::Invalid`] if it is not.
    pub fn data<T: DeserializeOwned>(&self) -> Result<T, Error> {
        Ok(serde_json::from_str(&self.data)?)
    }
}

/// Publishes one event and gives its id; committed with this run, and only if it succeeds.
///
/// `kind` must be among those that the manifest emits. An `id` chosen by the plugin (a vendor's event id)
/// makes a repeat harmless: the second is dropped.
///
/// # Errors
/// [`Error::Denied`] for a kind that the manifest does not emit.
pub fn publish<T: Serialize + ?Sized>(kind: &str, subject: &str, data: &T, id: Option<&str>) -> Result<String, Error> {
    let data = serde_json::to_string(data).map_err(|error| Error::Internal(error.to_string()))?;
    host::publish(kind, subject, &data, id)
}
