//! Two records and what both were: who changed what, and what each becomes.

use serde_json::{Map, Value};

use super::{
    Base, Direction, FieldMap, Mapped, Mapping, Side, Transform, Wins,
    outgoing::{differs, told},
    pointer,
    transform::terms,
};
use crate::{Timestamp, object::Source};

/// Two values of a field of which one had to give way.
#[derive(Debug, Clone, PartialEq)]
pub struct Conflict {
    /// Of which field: a JSON Pointer into the record.
    pub field: String,
    /// The hub's value; null for none.
    pub hub: Value,
    /// The vendor's in the hub's terms; null for none.
    pub vendor: Value,
    /// Whose stays.
    pub winner: Side,
}

/// What becomes of a record and its counterpart.
#[derive(Debug, Clone, PartialEq)]
pub struct Merged {
    /// What the record becomes; none if it stays as it is.
    pub record: Option<Value>,
    /// The vendor lacks something of the record: [`super::to_push`] tells what.
    pub push: bool,
    /// Fields that both changed.
    pub conflicts: Vec<Conflict>,
    /// What the vendor is known to have now.
    pub base: Base,
}

/// When a field of a record was changed last, for [`merge`].
#[must_use]
pub fn changed_at(sources: &[Source], field: &str) -> Option<Timestamp> {
    sources.iter().find(|source| source.fields.iter().any(|name| name == field)).map(|source| source.stamp.at)
}

/// What becomes of a record and its counterpart at the vendor, field by field: what only one side changed since `base` is
/// taken over, and of what both changed, one value stays as the field or else `policy` says. Values are compared as the
/// vendor would tell them apart.
///
/// `base` is what the vendor was known to have; none for two records that have just been found to be the same one, which then
/// fill each other's gaps. `hub` is the record; none if there is none yet. `hub_changed_at` is asked for the name of a field of
/// the record, as [`changed_at`] answers; `vendor` is what [`to_hub`](super::to_hub) made of the vendor's, and `vendor_at` when
/// that was changed.
#[must_use]
pub fn merge(
    mapping: &Mapping,
    policy: Wins,
    base: Option<&Base>,
    hub: Option<&Value>,
    hub_changed_at: impl Fn(&str) -> Option<Timestamp>,
    vendor: &Mapped,
    vendor_at: Option<Timestamp>,
) -> Merged {
    let before = hub.cloned().unwrap_or_else(|| Value::Object(Map::new()));
    let mut merged =
        Merged { record: None, push: false, conflicts: Vec::new(), base: base.cloned().unwrap_or_default() };
    let mut record = before.clone();
    for map in mapping.inward() {
        let Some(theirs) = vendor.values.get(&map.hub) else { continue };
        let ours = pointer::get(&before, &map.hub);
        let field = Field { map, ours, theirs: theirs.as_ref(), known: merged.base.get(&map.hub) };
        let stays = match field.verdict() {
            // only a default is the same as nothing: it is taken once
            Verdict::Same if field.ours.is_none() && field.known != field.theirs => Side::Vendor,
            Verdict::Same => {
                let known = field.ours.or(field.theirs).cloned();
                merged.base.set(&map.hub, known);
                continue;
            }
            // what is known stays as exact as it was
            Verdict::OnlyOurs => {
                merged.push |= field.is_to_push();
                continue;
            }
            Verdict::OnlyTheirs => Side::Vendor,
            Verdict::Both => {
                let at = || hub_changed_at(&pointer::field(&map.hub));
                let winner = winner(map.wins.unwrap_or(policy), at, vendor_at);
                merged.conflicts.push(field.conflict(winner));
                winner
            }
        };
        match stays {
            Side::Vendor => pointer::put(&mut record, &map.hub, theirs.clone()),
            Side::Hub => merged.push |= field.is_to_push(),
        }
        merged.base.set(&map.hub, theirs.clone());
    }
    // what only goes out may follow from what came in, or was not mapped yet when the record went there
    let was = base.filter(|base| !base.is_empty()).map(|base| (base, &before));
    merged.push |= outward_only(mapping).any(|map| match was {
        Some((base, was)) => told(map, was) != told(map, &record) || lacks(base, map, &record),
        None => told(map, &record).is_some(),
    });
    merged.record = (hub.is_none() || record != before).then_some(record);
    merged
}

fn outward_only(mapping: &Mapping) -> impl Iterator<Item = &FieldMap> {
    mapping.fields.iter().filter(|map| map.direction == Direction::Out)
}

/// True if the vendor was never told a value of a field that only goes out. Ids wait for their records to be linked, and are told
/// by those who link them.
fn lacks(base: &Base, map: &FieldMap, record: &Value) -> bool {
    let refers = map.transforms.iter().any(|transform| matches!(transform, Transform::Reference { .. }));
    !refers && base.get(&map.vendor).is_none() && told(map, record).is_some()
}

/// A field of the three.
struct Field<'v> {
    map: &'v FieldMap,
    ours: Option<&'v Value>,
    theirs: Option<&'v Value>,
    known: Option<&'v Value>,
}

/// Who changed a field.
enum Verdict {
    /// Nobody, or both to the same.
    Same,
    OnlyOurs,
    OnlyTheirs,
    Both,
}

impl Field<'_> {
    fn verdict(&self) -> Verdict {
        let [ours, theirs, known] = [self.ours, self.theirs, self.known].map(|value| terms(self.map, value));
        match (ours == theirs, ours == known, theirs == known) {
            (true, ..) => Verdict::Same,
            (_, _, true) => Verdict::OnlyOurs,
            (_, true, _) => Verdict::OnlyTheirs,
            _ => Verdict::Both,
        }
    }

    fn is_to_push(&self) -> bool {
        self.map.direction.is_outward() && differs(self.map, self.ours, self.theirs)
    }

    fn conflict(&self, winner: Side) -> Conflict {
        let value = |side: Option<&Value>| side.cloned().unwrap_or_default();
        Conflict { field: self.map.hub.clone(), hub: value(self.ours), vendor: value(self.theirs), winner }
    }
}

fn winner(wins: Wins, hub_at: impl Fn() -> Option<Timestamp>, vendor_at: Option<Timestamp>) -> Side {
    match wins {
        Wins::Hub => Side::Hub,
        Wins::Vendor => Side::Vendor,
        // an instant is later than one that is not known
        Wins::Latest if hub_at() > vendor_at => Side::Hub,
        Wins::Latest => Side::Vendor,
    }
}
