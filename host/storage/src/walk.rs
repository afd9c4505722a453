//! Going through a table in the order of its keys, page by page, from a first row to a last one that was fixed at the start.
//!
//! By key and never by number (`OFFSET` reads what it skips), so a page costs the same wherever it is; and up to a key, so
//! that it ends although rows are added meanwhile.

use patchbay_model::{PluginId, Timestamp};

/// A page to read, the oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walk<K> {
    /// Behind this key; none: from the first one on.
    pub after: Option<K>,
    /// Up to this key, and with it.
    pub upto: K,
    /// Of this plugin.
    pub plugin: Option<PluginId>,
    /// Not before this.
    pub from: Option<Timestamp>,
    /// Before this.
    pub to: Option<Timestamp>,
    /// At most so many rows.
    pub limit: u32,
}

impl<K> Walk<K> {
    pub(crate) fn plugin(&self) -> Option<&str> {
        self.plugin.as_ref().map(PluginId::as_str)
    }

    /// In microseconds.
    pub(crate) fn from(&self) -> i64 {
        self.from.map_or(i64::MIN, |at| at.timestamp_micros())
    }

    /// In microseconds.
    pub(crate) fn to(&self) -> i64 {
        self.to.map_or(i64::MAX, |at| at.timestamp_micros())
    }
}
