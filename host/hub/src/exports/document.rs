//! Rows as documents: what the API shows of the same.
//!
//! Written down once more and not taken from there, because the API is above the use cases and describes its documents for
//! OpenAPI; a test from outside compares the two.

use std::collections::BTreeMap;

use patchbay_model::{
    AuditId, DeliveryId, Digest, EndpointId, EventId, OrgId, PluginId, RequestId, RunId, Timestamp, UsageId,
    delivery::Delivery,
    object::{ObjectRecord, Source, Stamp},
    record::Record,
    run::{Figures, LogLine, Run, UsageRecord},
};
use patchbay_storage::chain::{AuditLine, Hash};
use serde::Serialize;
use serde_json::Value;

use crate::{events::envelope::CloudEvent, queries::events::SequencedEvent};

#[derive(Serialize)]
struct RunDocument {
    id: RunId,
    org: OrgId,
    plugin: PluginId,
    version: String,
    digest: Digest,
    kind: &'static str,
    operation: String,
    parent_run: Option<RunId>,
    status: &'static str,
    error_code: Option<String>,
    error_detail: Option<String>,
    upstream_status: Option<u16>,
    figures: Figures,
    log: Vec<LogLine>,
    started_at: Timestamp,
    finished_at: Timestamp,
}

impl From<Run> for RunDocument {
    fn from(run: Run) -> Self {
        let Run {
            id,
            org,
            plugin,
            version,
            digest,
            kind,
            operation,
            parent,
            error_code,
            error_detail,
            upstream_status,
            figures,
            log,
            started_at,
            finished_at,
        } = run;
        let (kind, status) = (kind.as_str(), if error_code.is_none() { "succeeded" } else { "failed" });
        Self {
            id,
            org,
            plugin,
            version,
            digest,
            kind,
            operation,
            parent_run: parent,
            status,
            error_code,
            error_detail,
            upstream_status,
            figures,
            log,
            started_at,
            finished_at,
        }
    }
}

#[derive(Serialize)]
struct UsageDocument {
    id: UsageId,
    plugin: PluginId,
    run: RunId,
    meter: String,
    quantity: u64,
    basis: &'static str,
    dedupe: Option<String>,
    at: Timestamp,
}

#[derive(Serialize)]
struct AuditDocument {
    seq: u64,
    id: AuditId,
    at: Timestamp,
    actor: String,
    action: String,
    resource: String,
    detail: Value,
    request_id: Option<RequestId>,
    hash: Option<Hash>,
}

#[derive(Serialize)]
struct ObjectDocument {
    id: String,
    object: &'static str,
    version: u64,
    data: Option<Value>,
    created: Stamp,
    updated: Stamp,
    fields: BTreeMap<String, Stamp>,
}

#[derive(Serialize)]
struct DeliveryDocument {
    id: DeliveryId,
    endpoint: EndpointId,
    event: EventId,
    sequence: i64,
    #[serde(rename = "type")]
    kind: String,
    status: &'static str,
    attempts: u32,
    next_attempt_at: Option<Timestamp>,
    created_at: Timestamp,
    finished_at: Option<Timestamp>,
}

pub(super) fn delivery(delivery: Delivery) -> serde_json::Result<Value> {
    let Delivery {
        id,
        org: _,
        endpoint,
        event,
        sequence,
        kind,
        status,
        attempts,
        next_attempt_at,
        created_at,
        finished_at,
    } = delivery;
    let status = status.as_str();
    serde_json::to_value(DeliveryDocument {
        id,
        endpoint,
        event,
        sequence,
        kind,
        status,
        attempts,
        next_attempt_at,
        created_at,
        finished_at,
    })
}

pub(super) fn run(run: Run) -> serde_json::Result<Value> {
    serde_json::to_value(RunDocument::from(run))
}

pub(super) fn event(event: SequencedEvent) -> serde_json::Result<Value> {
    serde_json::to_value(CloudEvent::new(event.sequence, event.event))
}

pub(super) fn usage(record: UsageRecord) -> serde_json::Result<Value> {
    let UsageRecord { id, org: _, plugin, run, meter, quantity, basis, dedupe, at, counts: _ } = record;
    serde_json::to_value(UsageDocument { id, plugin, run, meter, quantity, basis: basis.as_str(), dedupe, at })
}

pub(super) fn audit(line: AuditLine) -> serde_json::Result<Value> {
    let AuditLine { seq, entry, detail: _, hash } = line;
    let patchbay_model::org::AuditEntry { id, org: _, actor, action, subject, detail, at, request } = entry;
    let document = AuditDocument { seq, id, at, actor, action, resource: subject, detail, request_id: request, hash };
    serde_json::to_value(document)
}

/// Of a standard object.
pub(super) fn object(record: ObjectRecord) -> serde_json::Result<Value> {
    let ObjectRecord { object, id, version, data, created, updated, sources } = record;
    let of = |Source { stamp, fields }: Source| fields.into_iter().map(move |field| (field, stamp.clone()));
    let shown = |field: &String| data.as_ref().is_some_and(|data| data.get(field).is_some());
    let fields = sources.into_iter().flat_map(of).filter(|(field, _)| shown(field)).collect();
    serde_json::to_value(ObjectDocument { id, object: object.as_str(), version, data, created, updated, fields })
}

/// Of a plugin's collection, which no list of the API shows.
pub(super) fn record(record: Record) -> serde_json::Result<Value> {
    serde_json::to_value(record)
}
