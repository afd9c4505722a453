//! What of a record is to be written at the vendor.

use serde_json::{Map, Value};

use super::{
    Base, Direction, FieldMap, FieldProblem, Mapping, References, pointer,
    transform::{self, AsTheyAre, Changed, Source, Trouble, no_room, terms},
    values::Room,
};

/// What of a record is to be written at the vendor.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outgoing {
    /// By the vendor's names; null clears. Empty: the vendor has all of it.
    pub fields: Map<String, Value>,
    /// What the vendor is known to have once they are written.
    pub base: Base,
    /// Fields that are left out because of what their value is.
    pub problems: Vec<FieldProblem>,
}

/// What of a record is to be written at the vendor: the fields that differ from what it is known to have, so that nothing
/// that people changed there meanwhile in other fields is overwritten. Without a base the vendor has no such record yet, and
/// all fields with a value are written.
#[must_use]
pub fn to_push(mapping: &Mapping, base: Option<&Base>, record: &Value, references: &dyn References) -> Outgoing {
    let mut outgoing = Outgoing { base: base.cloned().unwrap_or_default(), ..Outgoing::default() };
    let mut room = Room::new();
    for map in mapping.outward() {
        if let Err(trouble) = push_field(map, base, record, references, &mut room, &mut outgoing) {
            outgoing.problems.push(FieldProblem::of(map, trouble));
        }
    }
    outgoing
}

fn push_field(
    map: &FieldMap,
    base: Option<&Base>,
    record: &Value,
    references: &dyn References,
    room: &mut Room,
    outgoing: &mut Outgoing,
) -> Result<(), Trouble> {
    let ours = pointer::get(record, &map.hub);
    let is_two_way = map.direction == Direction::Both;
    if let Some(base) = base.filter(|_| is_two_way)
        && !differs(map, ours, base.get(&map.hub))
    {
        return Ok(());
    }
    let written = transform::outward(map, ours, Source::Hub(record), references)?;
    let is_news = match base {
        None => written.is_some(),
        Some(_) if is_two_way => true,
        Some(base) => base.get(&map.vendor) != written.as_ref(),
    };
    if is_news && !room.takes(written.as_ref()) {
        return Err(no_room());
    }
    if is_news {
        outgoing.fields.insert(map.vendor.clone(), written.clone().unwrap_or_default());
        if is_two_way {
            // a default that was taken for nothing is what the vendor has then
            let known = match ours {
                Some(ours) => Some(ours.clone()),
                None => transform::inward(map, written.as_ref(), Source::Nothing, references)?,
            };
            outgoing.base.set(&map.hub, known);
        } else {
            outgoing.base.set(&map.vendor, written);
        }
    }
    Ok(())
}

/// True if the vendor would be told something else of `ours` than of what it has.
pub(super) fn differs(map: &FieldMap, ours: Option<&Value>, theirs: Option<&Value>) -> bool {
    terms(map, ours) != terms(map, theirs) && as_written(map, ours) != as_written(map, theirs)
}

/// A value as the vendor is told it, ids apart.
fn as_written(map: &FieldMap, value: Option<&Value>) -> Changed {
    transform::outward(map, value, Source::Nothing, &AsTheyAre)
}

/// What the vendor is told of a field that only goes out, ids apart; none of what cannot be told.
pub(super) fn told(map: &FieldMap, record: &Value) -> Option<Value> {
    transform::outward(map, pointer::get(record, &map.hub), Source::Hub(record), &AsTheyAre).ok().flatten()
}
