//! What transforms do to a value, towards the hub and back.

mod lists;
mod number;
mod time;

use patchbay_telephony::phone;
use serde_json::{Map, Value};

use super::{
    FieldMap, Problem, References, Round, Transform, pointer, template,
    values::{self, normal, some},
};
use crate::object::StandardObject;

/// Why a value could not be taken over. It holds nothing of the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) problem: Problem,
    pub(super) detail: String,
}

/// A value that a transform cannot read.
fn invalid(detail: impl Into<String>) -> Trouble {
    Trouble { problem: Problem::Invalid, detail: detail.into() }
}

/// A value for which its record has no room any more.
pub(super) fn no_room() -> Trouble {
    invalid("is too long beside the record's other fields: leave some out, or map it less often")
}

/// The value that comes out; none for an empty one.
pub(super) type Changed = Result<Option<Value>, Trouble>;

/// The side that values come from.
#[derive(Clone, Copy)]
pub(super) enum Source<'s> {
    Vendor(&'s Map<String, Value>),
    Hub(&'s Value),
    /// Only the one value is known, which is compared with another.
    Nothing,
}

impl<'s> Source<'s> {
    fn named(self, name: &str) -> Option<&'s Value> {
        match self {
            Self::Vendor(fields) => values::found(fields.get(name)),
            Self::Hub(record) => pointer::named(record, name),
            Self::Nothing => None,
        }
    }
}

/// Ids as they are, for comparing.
pub(super) struct AsTheyAre;

impl References for AsTheyAre {
    fn record_of(&self, _: StandardObject, vendor_id: &str) -> Option<String> {
        Some(vendor_id.to_owned())
    }

    fn vendor_of(&self, _: StandardObject, record_id: &str) -> Option<String> {
        Some(record_id.to_owned())
    }
}

/// A vendor's value as the hub has it.
pub(super) fn inward(map: &FieldMap, value: Option<&Value>, source: Source<'_>, ids: &dyn References) -> Changed {
    let begun = value.and_then(normal);
    let changed = map.transforms.iter().try_fold(begun, |value, transform| transform.inward(value, source, ids))?;
    Ok(changed.as_ref().and_then(normal))
}

/// The hub's value as the vendor has it.
pub(super) fn outward(map: &FieldMap, value: Option<&Value>, source: Source<'_>, ids: &dyn References) -> Changed {
    let begun = value.and_then(normal);
    let mut undone = map.transforms.iter().rev();
    let changed = undone.try_fold(begun, |value, transform| transform.outward(value, source, ids))?;
    Ok(changed.as_ref().and_then(normal))
}

/// A hub value in terms in which two are equal if the vendor could not tell them apart: 61 seconds and 62 of a field that has
/// minutes there, a telephone number in two ways of writing it, a list in another order. What a default makes of nothing is
/// nothing, so that it never holds against a value.
pub(super) fn terms(map: &FieldMap, value: Option<&Value>) -> Option<Value> {
    let begun = value.and_then(normal).filter(|value| !is_default(map, value));
    let begun = begun.map(|value| if has_sets(map) { lists::sorted(value) } else { value });
    if !map.is_two_way() {
        return begun;
    }
    let mut undone = map.transforms.iter().rev().filter(|transform| !matches!(transform, Transform::Default { .. }));
    let changed =
        undone.try_fold(begun.clone(), |value, transform| transform.outward(value, Source::Nothing, &AsTheyAre));
    // what the vendor could not have is equal to itself alone
    changed.map_or(begun, |changed| changed.as_ref().and_then(normal))
}

fn is_default(map: &FieldMap, value: &Value) -> bool {
    let has_default = map.transforms.iter().any(|transform| matches!(transform, Transform::Default { .. }));
    has_default && map.is_two_way() && inward(map, None, Source::Nothing, &AsTheyAre) == Ok(Some(value.clone()))
}

fn has_sets(map: &FieldMap) -> bool {
    map.transforms.iter().any(|transform| matches!(transform, Transform::Split { .. }))
}

impl Transform {
    fn inward(&self, value: Option<Value>, source: Source<'_>, ids: &dyn References) -> Changed {
        match (self, value) {
            (Self::Split { separator }, Some(value)) => lists::split(value, separator),
            (Self::Join { separator }, Some(value)) => lists::joined(value, separator),
            (Self::Money { currency }, Some(value)) => number::money(&value, currency).map(Some),
            (transform, value) => transform.either_way(value, source, |one| transform.one_inward(&one, ids)),
        }
    }

    fn outward(&self, value: Option<Value>, source: Source<'_>, ids: &dyn References) -> Changed {
        match (self, value) {
            (Self::Split { separator }, Some(value)) => lists::joined(value, separator),
            (Self::Join { separator }, Some(value)) => lists::split(value, separator),
            (Self::Money { currency }, Some(value)) => number::amount(&value, currency).map(Some),
            (transform, value) => transform.either_way(value, source, |one| transform.one_outward(&one, ids)),
        }
    }

    /// What goes the same both ways, or item by item.
    fn either_way(&self, value: Option<Value>, source: Source<'_>, one: impl Fn(Value) -> Changed) -> Changed {
        match (self, value) {
            (Self::Template { text }, own) => {
                let filled = template::filled(text, own.as_ref(), |name| source.named(name));
                filled.map(|filled| filled.map(Value::String)).map_err(|error| invalid(error.to_string()))
            }
            (Self::Default { value }, None) => Ok(some(value.clone())),
            (Self::Default { .. }, value) | (_, value @ None) => Ok(value),
            (_, Some(Value::Array(items))) => {
                let mut changed = Vec::with_capacity(items.len());
                for item in items.into_iter().filter_map(some) {
                    changed.extend(one(item)?);
                }
                Ok(some(Value::Array(changed)))
            }
            (_, Some(value)) => one(value),
        }
    }

    fn one_inward(&self, value: &Value, ids: &dyn References) -> Changed {
        match self {
            Self::SecondsToMinutes { .. } => number::times(value, 60),
            Self::MsToSeconds => number::divided(value, 1_000, Round::Nearest),
            Self::Time { .. } => time::rfc3339(value).map(Some),
            Self::Lookup { table, otherwise } => looked_up(table, otherwise.as_ref(), value),
            Self::Reference { object } => {
                let id = text_of(value)?;
                ids.record_of(*object, &id).map(|id| Some(Value::String(id))).ok_or_else(|| Trouble {
                    problem: Problem::Unlinked,
                    detail: format!("names a {object} of the vendor's that is not linked to a record"),
                })
            }
            _ => self.on_both_sides(value),
        }
    }

    fn one_outward(&self, value: &Value, ids: &dyn References) -> Changed {
        match self {
            Self::SecondsToMinutes { round } => number::divided(value, 60, *round),
            Self::MsToSeconds => number::times(value, 1_000),
            Self::Time { written } => time::written(value, *written).map(Some),
            Self::Lookup { table, .. } => {
                let wanted = normal(value);
                let word = table.iter().find(|(_, hub)| normal(hub) == wanted);
                let unknown = || invalid("is a value that the look-up table has no word of the vendor's for");
                word.map(|(word, _)| Some(Value::String(word.clone()))).ok_or_else(unknown)
            }
            Self::Reference { object } => {
                let id = text_of(value)?;
                ids.vendor_of(*object, &id).map(|id| Some(Value::String(id))).ok_or_else(|| Trouble {
                    problem: Problem::Unlinked,
                    detail: format!("names a {object} that is not linked to one of the vendor's"),
                })
            }
            _ => self.on_both_sides(value),
        }
    }

    /// What makes the same of a value wherever it comes from.
    fn on_both_sides(&self, value: &Value) -> Changed {
        let text = |change: fn(&str) -> String| text_of(value).map(|text| some(Value::String(change(&text))));
        match self {
            Self::Upper => text(str::to_uppercase),
            Self::Lower => text(str::to_lowercase),
            Self::Trim => text(|text| text.trim().to_owned()),
            Self::E164 { region } => phone::Number::parse(&text_of(value)?, region.as_deref())
                .map(|number| Some(Value::from(number.as_str())))
                .map_err(|error| invalid(error.to_string())),
            Self::Date => time::day(value).map(Some),
            Self::Number => number::read(value).map(|decimal| Some(number::value(decimal))),
            Self::Boolean => truth(value).map(|flag| Some(Value::Bool(flag))),
            // the others are taken above
            _ => Ok(Some(value.clone())),
        }
    }
}

fn looked_up(table: &Map<String, Value>, otherwise: Option<&Value>, value: &Value) -> Changed {
    let found = values::text(value).and_then(|word| table.get(&word)).or(otherwise);
    found.map(|found| some(found.clone())).ok_or_else(|| {
        invalid("is a word that the look-up table does not have: add it, or say what is taken `otherwise`")
    })
}

fn truth(value: &Value) -> Result<bool, Trouble> {
    let word = text_of(value)?.trim().to_ascii_lowercase();
    match word.as_str() {
        "true" | "yes" | "1" => Ok(true),
        "false" | "no" | "0" => Ok(false),
        _ => Err(invalid("is neither true nor false")),
    }
}

fn text_of(value: &Value) -> Result<String, Trouble> {
    values::text(value).ok_or_else(|| invalid("is no text: an object, or a list within a list"))
}
