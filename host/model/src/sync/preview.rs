//! What a mapping would do to one pair of records, without doing it.

use serde_json::{Map, Value};

use super::{Base, Conflict, FieldProblem, Mapping, References, Wins, merge, to_hub, to_push};
use crate::Timestamp;

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
}

/// What a mapping would do to a pair of records: what comes in is taken over, then what goes out is written. A vendor's record
/// makes ours, and ours the vendor's, if that is missing.
#[must_use]
pub fn preview(mapping: &Mapping, policy: Wins, subject: Subject<'_>, references: &dyn References) -> Preview {
    let Subject { record, changed_at, item, item_at, base } = subject;
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
        let vendor = to_hub(mapping, item, references);
        let merged = merge(mapping, policy, base, record, changed_at, &vendor, item_at);
        preview.record_after = merged.record.or_else(|| record.cloned());
        preview.conflicts = merged.conflicts;
        preview.problems = vendor.problems;
        known = Some(merged.base);
    }
    if let Some(record) = &preview.record_after {
        let outgoing = to_push(mapping, known.as_ref(), record, references);
        preview.item_after.extend(outgoing.fields);
        preview.problems.extend(outgoing.problems);
    }
    preview
}
