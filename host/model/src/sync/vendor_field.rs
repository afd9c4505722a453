//! What a vendor says of a field of its records.

use serde::{Deserialize, Serialize};

words! {
    /// What a vendor's field holds.
    FieldKind {
        /// Text.
        Text = "text",
        /// A number, also one that the vendor writes as text.
        Number = "number",
        /// True or false.
        Boolean = "boolean",
        /// A day.
        Date = "date",
        /// A time.
        Time = "time",
        /// One of several words, or some of them.
        Choice = "choice",
        /// The id of another of its records.
        Reference = "reference",
    }
}

/// A field of a vendor's records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VendorField {
    /// Its name, as in mappings.
    pub name: String,
    /// For people.
    pub title: String,
    /// What it holds.
    pub kind: FieldKind,
    /// A record must have it.
    pub required: bool,
    /// It can be read.
    pub readable: bool,
    /// It can be written.
    pub writable: bool,
    /// No two records have the same value.
    pub unique: bool,
    /// The vendor's customer made it.
    pub custom: bool,
    /// The words of a choice; none if they are not known.
    pub choices: Vec<String>,
}
