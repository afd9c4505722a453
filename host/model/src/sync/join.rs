//! What tells that two records are the same one, before one of them is made a second time.

use serde_json::Value;

use super::{Mapped, Mapping, References, pointer, to_vendor, values};

/// The fields of a record of the vendor's by which one of ours may be the same: a name of a field and its value, the best
/// first. Empty values join nothing.
#[must_use]
pub fn join_in(mapping: &Mapping, vendor: &Mapped) -> Vec<(String, Value)> {
    let joined = mapping.join.iter().filter_map(|hub| {
        let value = values::found(vendor.values.get(hub)?.as_ref())?;
        Some((pointer::field(hub), value.clone()))
    });
    joined.collect()
}

/// The fields of one of our records by which one of the vendor's may be the same: the vendor's name and the value as text, the
/// best first.
#[must_use]
pub fn join_out(mapping: &Mapping, record: &Value, references: &dyn References) -> Vec<(String, String)> {
    let ours = to_vendor(mapping, record, references);
    let joined = mapping.join.iter().filter_map(|hub| {
        let map = mapping.outward().find(|map| map.hub == *hub)?;
        let value = values::found(ours.values.get(&map.vendor)?.as_ref())?;
        Some((map.vendor.clone(), values::text(value)?))
    });
    joined.collect()
}
