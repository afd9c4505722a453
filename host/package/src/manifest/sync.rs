//! What a plugin keeps in step with its vendor.
//!
//! In `plugin.toml` the mapping is the path of a JSON file beside it; in a package it is the mapping itself, as with schemas.

use std::fmt;

use patchbay_model::{
    object::StandardObject,
    sync::{Direction, Mapping},
};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{MapAccess, Visitor, value::MapAccessDeserializer},
};

/// The most items of a page, as a manifest may ask for them.
pub const MOST_PAGE: u32 = 2_000;
/// The most writes of a batch.
pub const MOST_BATCH: u32 = 200;
/// The longest overlap, in seconds.
pub const MOST_OVERLAP_S: u32 = 86_400;

/// A standard object that is kept in step with what the vendor has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Written", rename_all = "kebab-case")]
pub struct SyncDecl {
    /// Which; one that [`crate::Manifest::objects`] lets it write, or read if it goes out only. One sync for each.
    pub object: StandardObject,
    /// What the vendor calls what corresponds to it.
    pub resource: String,
    /// For people.
    pub title: String,
    /// Which ways it can go: `in`, from the vendor, and `out`, to the vendor. At least one.
    pub directions: Vec<Direction>,
    /// Which ways deletions can go; of the directions. Default: `in`, if that is one of them.
    pub deletes: Vec<Direction>,
    /// Items of one page at most: 1 to 2,000. Default: 200.
    pub page: u32,
    /// Writes at once at most: 1 to 200. Default: 100.
    pub batch: u32,
    /// How far behind the vendor's mark a run reads once more, in seconds, for vendors that show changes late: at most a day.
    /// Default: 60.
    pub overlap_s: u32,
    /// Which field is which, as long as the org says nothing else.
    pub mapping: Mapping,
    /// In `plugin.toml`, where the mapping is: a path relative to it. Never in a package.
    #[serde(skip_serializing)]
    pub mapping_file: Option<String>,
}

/// As it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    object: StandardObject,
    resource: String,
    title: String,
    directions: Vec<Direction>,
    #[serde(default)]
    deletes: Option<Vec<Direction>>,
    #[serde(default = "page")]
    page: u32,
    #[serde(default = "batch")]
    batch: u32,
    #[serde(default = "overlap_s")]
    overlap_s: u32,
    mapping: Place,
}

const fn page() -> u32 {
    200
}

const fn batch() -> u32 {
    100
}

const fn overlap_s() -> u32 {
    60
}

impl From<Written> for SyncDecl {
    fn from(written: Written) -> Self {
        let Written { object, resource, title, directions, deletes, page, batch, overlap_s, mapping } = written;
        let inward = || directions.contains(&Direction::In).then_some(Direction::In).into_iter().collect();
        let deletes = deletes.unwrap_or_else(inward);
        let (mapping, mapping_file) = match mapping {
            Place::File(path) => (Mapping::default(), Some(path)),
            Place::Here(mapping) => (mapping, None),
        };
        Self { object, resource, title, directions, deletes, page, batch, overlap_s, mapping, mapping_file }
    }
}

/// Where a mapping is. Not an untagged enum, whose errors would say nothing of what is wrong with it.
enum Place {
    File(String),
    Here(Mapping),
}

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Place;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping, or the path of its file")
            }

            fn visit_str<E: serde::de::Error>(self, path: &str) -> Result<Place, E> {
                Ok(Place::File(path.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Place, A::Error> {
                Mapping::deserialize(MapAccessDeserializer::new(map)).map(Place::Here)
            }
        }

        deserializer.deserialize_any(Either)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_said_has_its_default() {
        let of = |directions: &[&str]| -> SyncDecl {
            let sync = json!({
                "object": "contact", "resource": "contacts", "title": "Contacts", "directions": directions,
                "mapping": "syncs/contact.json",
            });
            serde_json::from_value(sync).unwrap()
        };
        let both = of(&["in", "out"]);
        assert_eq!((both.page, both.batch, both.overlap_s), (200, 100, 60));
        assert_eq!(both.deletes, [Direction::In]);
        assert_eq!(both.mapping_file.as_deref(), Some("syncs/contact.json"));
        assert!(of(&["out"]).deletes.is_empty(), "nothing comes in, and no deletion either");
    }

    #[test]
    fn in_a_package_the_mapping_stands_in_its_place() {
        let sync = json!({
            "object": "contact", "resource": "contacts", "title": "Contacts", "directions": ["in"], "deletes": [],
            "page": 50, "batch": 1, "overlap-s": 0,
            "mapping": {"fields": [{"hub": "/email", "vendor": "email", "direction": "in"}], "join": ["/email"]},
        });
        let read: SyncDecl = serde_json::from_value(sync.clone()).unwrap();
        assert_eq!(read.mapping.fields[0].vendor, "email");
        assert_eq!((read.mapping_file.as_ref(), read.page, read.overlap_s), (None, 50, 0));
        assert_eq!(serde_json::to_value(&read).unwrap(), sync);
    }

    #[test]
    fn what_is_wrong_with_a_mapping_is_said() {
        let refused = |mapping: serde_json::Value| {
            let sync = json!({
                "object": "contact", "resource": "contacts", "title": "Contacts", "directions": ["in"],
                "mapping": mapping,
            });
            serde_json::from_value::<SyncDecl>(sync).unwrap_err().to_string()
        };
        assert!(refused(json!({"fields": [], "joins": []})).contains("joins"));
        assert!(refused(json!(7)).contains("a mapping, or the path of its file"));
        let sync = json!({
            "object": "contact", "resource": "contacts", "title": "C", "directions": ["in"], "mapping": "a", "pages": 3,
        });
        assert!(serde_json::from_value::<SyncDecl>(sync).unwrap_err().to_string().contains("pages"));
    }
}
