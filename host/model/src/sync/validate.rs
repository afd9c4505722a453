//! Whether a mapping fits both sides, told all at once and by place, when it is saved or a package is made.

mod hub;
mod kinds;
mod rules;

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    Direction, FieldMap, MOST_FIELDS, MOST_JOIN_FIELDS, MOST_NAME_BYTES, Mapping, Transform, VendorField, pointer,
    template,
};
use crate::{Violation, object::StandardObject};

/// All that is wrong with a mapping: the place as a JSON Pointer into it, and what would be right there.
///
/// `hub_schema` is the JSON Schema of the object. `vendor` is what the vendor says of its fields; none while nobody can ask
/// it, as when a package is made. `directions` are those that the plugin can.
#[must_use]
pub fn validate(
    mapping: &Mapping,
    hub_schema: &Value,
    vendor: Option<&[VendorField]>,
    directions: &[Direction],
) -> Vec<Violation> {
    let mut check = Check { hub_schema, vendor, directions, violations: Vec::new() };
    if !(1..=MOST_FIELDS).contains(&mapping.fields.len()) {
        check.refuse("/fields", format!("1 to {MOST_FIELDS} fields"));
        return check.violations;
    }
    for (index, map) in mapping.fields.iter().enumerate() {
        check.field(&format!("/fields/{index}"), map);
    }
    check.written_once(mapping);
    check.join(mapping);
    check.violations
}

struct Check<'c> {
    hub_schema: &'c Value,
    vendor: Option<&'c [VendorField]>,
    directions: &'c [Direction],
    violations: Vec<Violation>,
}

impl<'c> Check<'c> {
    fn refuse(&mut self, pointer: impl Into<String>, expected: impl Into<String>) {
        self.violations.push(Violation { pointer: pointer.into(), expected: expected.into() });
    }

    fn field(&mut self, at: &str, map: &FieldMap) {
        let can = |way: fn(Direction) -> bool| self.directions.iter().any(|direction| way(*direction));
        let (can_in, can_out) = (can(Direction::is_inward), can(Direction::is_outward));
        if (map.direction.is_inward() && !can_in) || (map.direction.is_outward() && !can_out) {
            let only = if can_in { Direction::In } else { Direction::Out };
            self.refuse(format!("{at}/direction"), format!("`{only}`: the plugin goes no other way"));
        }
        let hub = self.hub_field(at, map);
        let vendor = self.vendor_field(at, map);
        let before = self.violations.len();
        self.violations.extend(rules::transforms(at, map));
        self.named_by_templates(at, map);
        // what a transform makes of it can only be said if it is one
        if let (Some(hub), true) = (hub, before == self.violations.len()) {
            self.violations.extend(kinds::of(at, map, &hub, vendor.map(|field| field.kind)));
        }
    }

    fn hub_field(&mut self, at: &str, map: &FieldMap) -> Option<hub::Place<'c>> {
        let found = hub::place(self.hub_schema, &map.hub).filter(|_| map.hub.len() <= MOST_NAME_BYTES);
        match &found {
            None => self.refuse(
                format!("{at}/hub"),
                format!("a field of the object, as /email or /address/city: {}", hub::names(self.hub_schema)),
            ),
            Some(place) if place.shape == hub::Shape::Kept => {
                self.refuse(format!("{at}/hub"), "another field: the hub itself keeps the vendors' ids");
            }
            Some(place) if place.shape == hub::Shape::Object => {
                self.refuse(format!("{at}/hub"), format!("a field within it, as {}/name", map.hub));
            }
            Some(_) => {}
        }
        found.filter(|place| !matches!(place.shape, hub::Shape::Kept | hub::Shape::Object))
    }

    fn vendor_field(&mut self, at: &str, map: &FieldMap) -> Option<&'c VendorField> {
        let name = &map.vendor;
        let is_name = (1..=MOST_NAME_BYTES).contains(&name.len()) && !name.starts_with('/');
        if !is_name || name.chars().any(char::is_control) {
            self.refuse(format!("{at}/vendor"), format!("the name of a field of at most {MOST_NAME_BYTES} bytes"));
            return None;
        }
        let Some(field) = self.vendor?.iter().find(|field| field.name == *name) else {
            self.refuse(format!("{at}/vendor"), "a field that the vendor has");
            return None;
        };
        if map.direction.is_inward() && !field.readable {
            self.refuse(format!("{at}/vendor"), "a field that can be read at the vendor, or the direction `out`");
        }
        if map.direction.is_outward() && !field.writable {
            self.refuse(format!("{at}/vendor"), "a field that can be written at the vendor, or the direction `in`");
        }
        Some(field)
    }

    /// What a template names is there, on the side that it comes from.
    fn named_by_templates(&mut self, at: &str, map: &FieldMap) {
        for (index, transform) in map.transforms.iter().enumerate() {
            let Transform::Template { text } = transform else { continue };
            let Ok(names) = template::names(text) else { continue };
            for name in names.into_iter().filter(|name| !name.is_empty()) {
                let is_there = match (map.direction, self.vendor) {
                    (Direction::Out, _) => hub::place(self.hub_schema, &pointer::of_name(name)).is_some(),
                    (_, Some(vendor)) => vendor.iter().any(|field| field.name == name && field.readable),
                    (_, None) => true,
                };
                if !is_there {
                    let side = if map.direction == Direction::Out { "the object" } else { "the vendor" };
                    self.refuse(
                        format!("{at}/transforms/{index}/text"),
                        format!("names of fields that {side} has, which {{{name}}} is not"),
                    );
                }
            }
        }
    }

    /// Two fields that write the same place would undo each other.
    fn written_once(&mut self, mapping: &Mapping) {
        let (mut hub, mut vendor) = (Vec::<&str>::new(), BTreeSet::new());
        for (index, map) in mapping.fields.iter().enumerate() {
            if map.direction.is_inward() {
                if hub.iter().any(|other| overlaps(other, &map.hub)) {
                    self.refuse(
                        format!("/fields/{index}/hub"),
                        "a field that no other one writes at the hub, or the direction `out` for one of the two",
                    );
                }
                hub.push(&map.hub);
            }
            if map.direction.is_outward() && !vendor.insert(map.vendor.as_str()) {
                self.refuse(
                    format!("/fields/{index}/vendor"),
                    "a field that no other one writes at the vendor, or the direction `in` for one of the two",
                );
            }
        }
    }

    fn join(&mut self, mapping: &Mapping) {
        if mapping.join.len() > MOST_JOIN_FIELDS {
            self.refuse("/join", format!("at most {MOST_JOIN_FIELDS} fields"));
        }
        let object = self.hub_schema.get("title").and_then(Value::as_str);
        let object = object.and_then(|title| title.parse::<StandardObject>().ok());
        for (index, hub) in mapping.join.iter().enumerate().take(MOST_JOIN_FIELDS) {
            let at = format!("/join/{index}");
            let Some(map) = mapping.fields.iter().find(|map| map.hub == *hub) else {
                self.refuse(at, "a hub field that is among `fields`");
                continue;
            };
            if !map.is_two_way() {
                self.refuse(at, "a field without a template: both sides must have the same value");
            } else if let Some(object) = object
                // at the vendor it can be looked for by any field
                && !map.direction.is_outward()
                && !pointer::tokens(hub).is_some_and(|tokens| object.is_indexed(&tokens.join(".")))
            {
                let found_by: Vec<String> = object.indexes().iter().map(|index| format!("/{index}")).collect();
                self.refuse(at, format!("a field that records are found by: {}", found_by.join(", ")));
            }
        }
    }
}

/// True if writing the one writes the other.
fn overlaps(one: &str, other: &str) -> bool {
    let below =
        |long: &str, short: &str| long.strip_prefix(short).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    below(one, other) || below(other, one)
}
