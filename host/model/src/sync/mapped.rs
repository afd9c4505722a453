//! One side's fields in the other's terms.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    FieldMap, Mapping, pointer,
    transform::{self, Source, Trouble, no_room},
    values::Room,
};
use crate::object::StandardObject;

/// Which record is whose counterpart, by the links of the syncs of the same plugin.
pub trait References {
    /// The id of the record that a vendor's record is linked to.
    fn record_of(&self, object: StandardObject, vendor_id: &str) -> Option<String>;

    /// The id of the vendor's record that a record is linked to.
    fn vendor_of(&self, object: StandardObject, record_id: &str) -> Option<String>;
}

words! {
    /// Why a field was not taken over.
    Problem {
        /// The value is not what a transform, or the field, takes.
        Invalid = "invalid",
        /// It names a record that is not linked: it can be taken over once that is.
        Unlinked = "unlinked",
    }
}

/// A field that was not taken over, while the rest of its record was. The side that it should have come to keeps what it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldProblem {
    /// Where it is in the record.
    pub hub: String,
    /// Its name at the vendor.
    pub vendor: String,
    /// What is wrong.
    pub problem: Problem,
    /// The same in words, without the value: `lacks the country: …`.
    pub detail: String,
}

impl FieldProblem {
    pub(super) fn of(map: &FieldMap, trouble: Trouble) -> Self {
        let Trouble { problem, detail } = trouble;
        Self { hub: map.hub.clone(), vendor: map.vendor.clone(), problem, detail }
    }
}

/// One side's fields in the other's terms.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Mapped {
    /// By pointer of the hub, or by name of the vendor. `None`: it is cleared. What is not here is not known.
    pub values: BTreeMap<String, Option<Value>>,
    /// Fields that are left out because of what their value is.
    pub problems: Vec<FieldProblem>,
}

impl Mapped {
    /// Leaves a field out after all, for what another check found: that a record with it breaks its schema. `pointer` is the
    /// field, or something within it; `detail` says what was expected, without the value. False if no field is there.
    pub fn refuse(&mut self, mapping: &Mapping, pointer: &str, detail: &str) -> bool {
        let within = |map: &&FieldMap| {
            let rest = pointer.strip_prefix(map.hub.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) && self.values.contains_key(&map.hub)
        };
        let Some(map) = mapping.inward().find(within) else { return false };
        let trouble = Trouble { problem: Problem::Invalid, detail: detail.to_owned() };
        self.values.remove(&map.hub);
        self.problems.push(FieldProblem::of(map, trouble));
        true
    }
}

/// A vendor's fields in the hub's terms. Fields that it does not name stay unknown; null clears.
#[must_use]
pub fn to_hub(mapping: &Mapping, item_fields: &Map<String, Value>, references: &dyn References) -> Mapped {
    let (mut mapped, mut room) = (Mapped::default(), Room::new());
    for map in mapping.inward() {
        if !map.reads(&map.vendor).into_iter().all(|name| item_fields.contains_key(name)) {
            continue;
        }
        let value = item_fields.get(&map.vendor);
        match transform::inward(map, value, Source::Vendor(item_fields), references) {
            Ok(value) if room.takes(value.as_ref()) => {
                mapped.values.insert(map.hub.clone(), value);
            }
            Ok(_) => mapped.problems.push(FieldProblem::of(map, no_room())),
            Err(trouble) => mapped.problems.push(FieldProblem::of(map, trouble)),
        }
    }
    mapped
}

/// A record in the vendor's terms: every field that goes there. Of a change, [`super::to_push`] tells what is to be written.
#[must_use]
pub fn to_vendor(mapping: &Mapping, record: &Value, references: &dyn References) -> Mapped {
    let (mut mapped, mut room) = (Mapped::default(), Room::new());
    for map in mapping.outward() {
        match transform::outward(map, pointer::get(record, &map.hub), Source::Hub(record), references) {
            Ok(value) if room.takes(value.as_ref()) => {
                mapped.values.insert(map.vendor.clone(), value);
            }
            Ok(_) => mapped.problems.push(FieldProblem::of(map, no_room())),
            Err(trouble) => mapped.problems.push(FieldProblem::of(map, trouble)),
        }
    }
    mapped
}
