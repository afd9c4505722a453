//! What a sync would do to one pair of records.

use patchbay_hub::SyncPreviewView;
use patchbay_model::sync::{self, Problem, Side};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// What a sync would do to one pair of records. Nothing of it was done.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SyncPreview {
    /// The record's id; null if it would be made.
    record: Option<String>,
    /// The vendor's id; null if it would be made there.
    vendor_id: Option<String>,
    /// The record as it is and as it would be.
    hub: BeforeAndAfter,
    /// The vendor's fields that the mapping names, as they are and as they would be.
    vendor: BeforeAndAfter,
    /// Fields that both sides changed.
    conflicts: Vec<PreviewConflict>,
    /// Fields that would be left out, and why.
    problems: Vec<FieldProblem>,
    /// Why the vendor's would not be taken over at all, and ours stay as it is; empty: it would be.
    refused: Vec<super::Violation>,
}

/// One side of a preview.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BeforeAndAfter {
    /// As it is; null: it is not there.
    #[schema(value_type = Option<Object>)]
    before: Option<Value>,
    /// As it would be.
    #[schema(value_type = Option<Object>)]
    after: Option<Value>,
}

/// A field that both sides changed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PreviewConflict {
    /// A JSON Pointer into the record.
    #[schema(example = "/title")]
    field: String,
    /// The hub's value; null: none.
    hub: Value,
    /// The vendor's, as the hub would have it; null: none.
    vendor: Value,
    /// Whose would stay: `hub` or `vendor`.
    #[schema(value_type = String, example = "vendor")]
    winner: Side,
}

/// A field that would be left out.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FieldProblem {
    /// Where it is in the record.
    #[schema(example = "/phone")]
    hub: String,
    /// Its name at the vendor.
    #[schema(example = "phone")]
    vendor: String,
    /// `invalid` or `unlinked`.
    #[schema(value_type = String, example = "invalid")]
    problem: Problem,
    /// What is wrong and how to mend it.
    detail: String,
}

impl From<SyncPreviewView> for SyncPreview {
    fn from(view: SyncPreviewView) -> Self {
        let SyncPreviewView { record, vendor_id, preview } = view;
        let sync::Preview { record_before, record_after, item_before, item_after, conflicts, problems, refused } =
            preview;
        let is_there = vendor_id.is_some();
        let fields = |fields: Map<String, Value>, shown: bool| shown.then_some(Value::Object(fields));
        // what would not even be made is not there either
        let would_be = is_there || !item_after.is_empty();
        Self {
            record,
            vendor_id,
            hub: BeforeAndAfter { before: record_before, after: record_after },
            vendor: BeforeAndAfter { before: fields(item_before, is_there), after: fields(item_after, would_be) },
            conflicts: super::all(conflicts),
            problems: super::all(problems),
            refused: super::all(refused),
        }
    }
}

impl From<sync::Conflict> for PreviewConflict {
    fn from(conflict: sync::Conflict) -> Self {
        let sync::Conflict { field, hub, vendor, winner } = conflict;
        Self { field, hub, vendor, winner }
    }
}

impl From<sync::FieldProblem> for FieldProblem {
    fn from(problem: sync::FieldProblem) -> Self {
        let sync::FieldProblem { hub, vendor, problem, detail } = problem;
        Self { hub, vendor, problem, detail }
    }
}
