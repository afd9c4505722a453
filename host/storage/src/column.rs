//! How the model's types are kept in columns, the same on every database.

use chrono::DateTime;
use patchbay_model::{Digest, PluginId, Timestamp};
use serde::{Deserialize, de::IntoDeserializer as _};
use uuid::Uuid;

use crate::StorageError;

/// Reads an instant: microseconds since the Unix epoch.
pub(crate) fn time(micros: i64) -> Result<Timestamp, StorageError> {
    DateTime::from_timestamp_micros(micros).ok_or_else(|| StorageError::corrupt("an instant"))
}

/// Reads an instant that may be missing.
pub(crate) fn optional_time(micros: Option<i64>) -> Result<Option<Timestamp>, StorageError> {
    micros.map(time).transpose()
}

/// An instant for a column.
pub(crate) fn micros(at: Option<Timestamp>) -> Option<i64> {
    at.map(|at| at.timestamp_micros())
}

/// A quantity for a column; one that passes 63 bits is kept as the largest that fits.
pub(crate) fn signed(quantity: u64) -> i64 {
    i64::try_from(quantity).unwrap_or(i64::MAX)
}

/// Reads a quantity.
pub(crate) fn unsigned(quantity: i64) -> u64 {
    u64::try_from(quantity).unwrap_or(0)
}

/// Reads a plugin's id.
pub(crate) fn plugin(text: &str) -> Result<PluginId, StorageError> {
    text.parse().map_err(|_| StorageError::corrupt("a plugin's id"))
}

/// Reads a package's digest.
pub(crate) fn digest(bytes: &[u8]) -> Result<Digest, StorageError> {
    bytes.try_into().map(Digest).map_err(|_| StorageError::corrupt("a digest"))
}

/// Reads a word of an enum as serde spells it.
pub(crate) fn word<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, StorageError> {
    let word: serde::de::value::StrDeserializer<'de, serde::de::value::Error> = text.into_deserializer();
    T::deserialize(word).map_err(|_| StorageError::corrupt(std::any::type_name::<T>()))
}

/// The id that a page forwards starts after: the given one, or the least of all.
pub(crate) fn after(id: Option<Uuid>) -> Uuid {
    id.unwrap_or(Uuid::nil())
}

/// The id that a page backwards starts before: the given one, or the greatest of all.
pub(crate) fn before(id: Option<Uuid>) -> Uuid {
    id.unwrap_or(Uuid::max())
}

/// The least id that can have been made at a time: ids begin with theirs (RFC 9562, version 7), in whole
/// milliseconds.
pub(crate) fn first_id(at: Timestamp) -> Uuid {
    let millis = u64::try_from(at.timestamp_millis()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &[0; 10]).into_uuid()
}

/// A row limit for a query.
pub(crate) fn limit(limit: u32) -> i64 {
    i64::from(limit)
}
