//! What a mapping would do to one pair of records, without doing it.

use serde_json::{Map, Value};

use super::{Base, Conflict, FieldProblem, Mapped, Mapping, Merged, References, Wins, merge, to_hub, to_push};
use crate::{Timestamp, Violation};

/// A pair of records, of which one may be missing.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// Ours.
    pub record: Option<&'a Value>,
    /// When each of its fields was changed last.
    pub changed_at: &'a dyn Fn(&str) -> Option<Timestamp>,
    /// The vendor's fields.
    pub item: Option<&'a Map<String, Value>>,
    /// When the vendor's was changed last.
    pub item_at: Option<Timestamp>,
    /// What the vendor is known to have; none if the two are not linked.
    pub base: Option<&'a Base>,
    /// What is wrong with a record by its object's schema.
    pub violations: &'a dyn Fn(&Value) -> Vec<Violation>,
    /// Whether a record is written at the vendor, by what the organization decided.
    pub goes_out: &'a dyn Fn(&Value) -> bool,
}

/// What a mapping would do to a pair of records.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Preview {
    /// The record as it is.
    pub record_before: Option<Value>,
    /// The record as it would be.
    pub record_after: Option<Value>,
    /// The vendor's fields as they are, of those that the mapping names.
    pub item_before: Map<String, Value>,
    /// The same as they would be.
    pub item_after: Map<String, Value>,
    /// Fields that both changed.
    pub conflicts: Vec<Conflict>,
    /// Fields that would be left out.
    pub problems: Vec<FieldProblem>,
    /// Why the vendor's would not be taken over at all, and ours stay as it is; empty: it would be.
    pub refused: Vec<Violation>,
}

/// What a mapping would do to a pair of records: what comes in is taken over, without the fields that break the object's schema,
/// then what goes out is written. A vendor's record makes ours, and ours the vendor's, if that is missing.
#[must_use]
pub fn preview(mapping: &Mapping, policy: Wins, subject: Subject<'_>, references: &dyn References) -> Preview {
    let Subject { record, item, base, goes_out, .. } = subject;
    let mut named = mapping.vendor_fields();
    named.extend(mapping.fields.iter().map(|map| map.vendor.as_str()));
    let item_before: Map<String, Value> = item
        .into_iter()
        .flatten()
        .filter(|(name, _)| named.contains(name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let mut preview = Preview {
        record_before: record.cloned(),
        record_after: record.cloned(),
        item_after: item_before.clone(),
        item_before,
        ..Preview::default()
    };
    let mut known = base.cloned();
    if let Some(item) = item {
        let mut vendor = to_hub(mapping, item, references);
        let (merged, refused) = valid(mapping, policy, subject, &mut vendor);
        preview.problems = vendor.problems;
        preview.refused = refused;
        if !preview.refused.is_empty() {
            return preview;
        }
        preview.record_after = merged.record.or_else(|| record.cloned());
        preview.conflicts = merged.conflicts;
        known = Some(merged.base);
    }
    if let Some(record) = &preview.record_after
        && goes_out(record)
    {
        let outgoing = to_push(mapping, known.as_ref(), record, references);
        preview.item_after.extend(outgoing.fields);
        preview.problems.extend(outgoing.problems);
    }
    preview
}

/// What becomes of a record without the fields that break its schema, and what breaks it all the same.
fn valid(mapping: &Mapping, policy: Wins, subject: Subject<'_>, vendor: &mut Mapped) -> (Merged, Vec<Violation>) {
    let Subject { record, changed_at, item_at, base, violations, .. } = subject;
    loop {
        let merged = merge(mapping, policy, base, record, changed_at, vendor, item_at);
        let found = merged.record.as_ref().map(violations).unwrap_or_default();
        let mut any_is_left_out = false;
        for Violation { pointer, expected } in &found {
            any_is_left_out |= vendor.refuse(mapping, pointer, expected);
        }
        if !any_is_left_out {
            return (merged, found);
        }
    }
}
