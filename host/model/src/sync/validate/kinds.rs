//! Whether what comes out of a field's transforms is what the other side holds.
//!
//! Vendors write numbers and truth values as text, so this looks at what a field is for, not at how it is written; what a
//! value really is shows when it comes.

use super::hub::{Place, Shape};
use crate::{
    Violation,
    sync::{FieldKind, FieldMap, Transform, WrittenTime},
};

/// What does not fit. `vendor` is the kind of the vendor's field, if it is known.
pub(super) fn of(at: &str, map: &FieldMap, hub: &Place<'_>, vendor: Option<FieldKind>) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut refuse = |pointer: String, expected: String| violations.push(Violation { pointer, expected });
    let kind = vendor.map_or(Shape::Any, shape_of);
    if map.direction.is_inward() {
        match through(kind, map.transforms.iter().enumerate(), true) {
            Ok(comes) if fits_hub(comes, hub.shape) => {}
            Ok(comes) => refuse(
                format!("{at}/transforms"),
                format!(
                    "transforms that make {} of it, which the hub has there, not {}{}",
                    hub.shape.as_str(),
                    comes.as_str(),
                    hint(hub.shape)
                ),
            ),
            Err((index, expected)) => refuse(format!("{at}/transforms/{index}"), expected),
        }
    }
    if map.direction.is_outward() {
        match through(hub.shape, map.transforms.iter().enumerate().rev(), false) {
            Ok(goes) if vendor.is_none_or(|kind| fits_vendor(goes, kind)) => {}
            Ok(goes) => refuse(
                format!("{at}/transforms"),
                format!("transforms that make {} of {}, as the vendor has it", kind.as_str(), goes.as_str()),
            ),
            Err((index, expected)) => refuse(format!("{at}/transforms/{index}"), expected),
        }
    }
    if let Some(words) = hub.words.filter(|_| map.direction.is_inward())
        && let Some((index, Transform::Lookup { table, otherwise })) = map.transforms.iter().enumerate().next_back()
    {
        let mut taken = table.values().chain(otherwise).filter(|value| !value.is_null());
        if taken.any(|value| !words.contains(value)) {
            let words: Vec<String> = words.iter().map(ToString::to_string).collect();
            let expected = format!("only values that the hub has there: {}", words.join(", "));
            refuse(format!("{at}/transforms/{index}/table"), expected);
        }
    }
    violations
}

const fn shape_of(kind: FieldKind) -> Shape {
    match kind {
        FieldKind::Text | FieldKind::Choice | FieldKind::Reference => Shape::Text,
        FieldKind::Number => Shape::Number,
        FieldKind::Boolean => Shape::Truth,
        FieldKind::Date => Shape::Day,
        FieldKind::Time => Shape::Time,
    }
}

/// What transforms that make it are called.
const fn hint(shape: Shape) -> &'static str {
    match shape {
        Shape::Text => " (as `trim`)",
        Shape::Number => " (as `number`)",
        Shape::Truth => " (as `boolean`)",
        Shape::Day => " (as `date`)",
        Shape::Time => " (as `time`)",
        Shape::Money => " (as `money`)",
        Shape::List => " (as `split`)",
        Shape::Object | Shape::Kept | Shape::Any => "",
    }
}

/// What comes out, or the place of a transform that cannot take what comes to it.
fn through<'t>(
    begun: Shape,
    transforms: impl Iterator<Item = (usize, &'t Transform)>,
    inward: bool,
) -> Result<Shape, (usize, String)> {
    let mut shape = begun;
    for (index, transform) in transforms {
        let of_list = matches!(
            transform,
            Transform::Split { .. } | Transform::Join { .. } | Transform::Money { .. } | Transform::Template { .. }
        );
        if shape == Shape::List && !of_list {
            // item by item
            continue;
        }
        let (takes, gives) = if inward { inward_shapes(transform) } else { outward_shapes(transform) };
        if shape != Shape::Any && !takes.is_empty() && !takes.contains(&shape) {
            let (shape, kind) = (shape.as_str(), transform.as_str());
            return Err((index, format!("a transform that takes {shape}, which `{kind}` does not")));
        }
        shape = gives.unwrap_or(shape);
    }
    Ok(shape)
}

const SCALARS: &[Shape] = &[Shape::Text, Shape::Number, Shape::Truth, Shape::Day, Shape::Time];
const NUMBERS: &[Shape] = &[Shape::Text, Shape::Number];
const TIMES: &[Shape] = &[Shape::Text, Shape::Number, Shape::Day, Shape::Time];
const LISTS: &[Shape] = &[Shape::Text, Shape::List];

/// What a transform takes from the vendor's side (empty: anything), and what it makes of it; none: what it was.
const fn inward_shapes(transform: &Transform) -> (&'static [Shape], Option<Shape>) {
    match transform {
        Transform::SecondsToMinutes { .. } | Transform::MsToSeconds | Transform::Number => {
            (NUMBERS, Some(Shape::Number))
        }
        Transform::Money { .. } => (NUMBERS, Some(Shape::Money)),
        Transform::Time { .. } => (TIMES, Some(Shape::Time)),
        Transform::Split { .. } => (LISTS, Some(Shape::List)),
        Transform::Join { .. } => (LISTS, Some(Shape::Text)),
        _ => either_way(transform),
    }
}

/// The same from the hub's side.
const fn outward_shapes(transform: &Transform) -> (&'static [Shape], Option<Shape>) {
    match transform {
        Transform::SecondsToMinutes { .. } | Transform::MsToSeconds | Transform::Number => {
            (NUMBERS, Some(Shape::Number))
        }
        Transform::Money { .. } => (&[Shape::Money], Some(Shape::Number)),
        Transform::Time { written: WrittenTime::Iso } => (TIMES, Some(Shape::Time)),
        Transform::Time { written: WrittenTime::Ms } => (TIMES, Some(Shape::Number)),
        Transform::Split { .. } => (LISTS, Some(Shape::Text)),
        Transform::Join { .. } => (LISTS, Some(Shape::List)),
        _ => either_way(transform),
    }
}

const fn either_way(transform: &Transform) -> (&'static [Shape], Option<Shape>) {
    match transform {
        Transform::Upper | Transform::Lower | Transform::Trim => (SCALARS, Some(Shape::Text)),
        Transform::E164 { .. } => (NUMBERS, Some(Shape::Text)),
        Transform::Date => (TIMES, Some(Shape::Day)),
        Transform::Boolean => (SCALARS, Some(Shape::Truth)),
        Transform::Lookup { .. } => (SCALARS, Some(Shape::Any)),
        Transform::Reference { .. } => (NUMBERS, Some(Shape::Text)),
        Transform::Template { .. } => (&[], Some(Shape::Text)),
        _ => (&[], None),
    }
}

/// True if the hub can have it there. Days and times are texts, too.
const fn fits_hub(comes: Shape, hub: Shape) -> bool {
    match hub {
        Shape::Any => true,
        Shape::Text => matches!(comes, Shape::Any | Shape::Text | Shape::Day | Shape::Time),
        Shape::Number => matches!(comes, Shape::Any | Shape::Number),
        Shape::Truth => matches!(comes, Shape::Any | Shape::Truth),
        Shape::Day => matches!(comes, Shape::Any | Shape::Day),
        Shape::Time => matches!(comes, Shape::Any | Shape::Time),
        Shape::Money => matches!(comes, Shape::Any | Shape::Money),
        Shape::List => matches!(comes, Shape::Any | Shape::List),
        Shape::Object | Shape::Kept => false,
    }
}

/// True if the vendor can have it there. What vendors have as text takes whatever can be written in it.
const fn fits_vendor(goes: Shape, vendor: FieldKind) -> bool {
    match vendor {
        FieldKind::Text | FieldKind::Choice => {
            !matches!(goes, Shape::Money | Shape::List | Shape::Object | Shape::Kept)
        }
        FieldKind::Number => matches!(goes, Shape::Any | Shape::Number),
        FieldKind::Boolean => matches!(goes, Shape::Any | Shape::Truth),
        FieldKind::Date => matches!(goes, Shape::Any | Shape::Day),
        FieldKind::Time => matches!(goes, Shape::Any | Shape::Time | Shape::Number),
        FieldKind::Reference => matches!(goes, Shape::Any | Shape::Text),
    }
}
