//! Rows that are put straight into the database, where very many are needed: in the way in which runs leave them.

use patchbay_model::{
    Clock as _, Digest, EventId, OrgId, RunId, SystemClock, SystemRandom,
    event::Event,
    run::{Figures, Run, RunKind},
};
use patchbay_storage::RunCommit;
use serde_json::json;

/// What the events that are put there are called.
pub(crate) const EVENT: &str = "bench.event";

/// A run of a plugin that leaves nothing but its row.
pub(crate) fn commit(org: OrgId, plugin: &str) -> anyhow::Result<RunCommit> {
    let now = SystemClock.now();
    let run = Run {
        id: RunId::new(&SystemClock, &SystemRandom),
        org,
        plugin: plugin.parse()?,
        version: "1.0.0".to_owned(),
        digest: Digest([0; 32]),
        kind: RunKind::Job,
        operation: "bench".to_owned(),
        parent: None,
        error_code: None,
        error_detail: None,
        upstream_status: None,
        figures: Figures::default(),
        log: Vec::new(),
        started_at: now,
        finished_at: now,
    };
    Ok(RunCommit {
        run,
        usage: Vec::new(),
        spent: Vec::new(),
        events: Vec::new(),
        plugin_changes: Vec::new(),
        object_changes: Vec::new(),
        sync: None,
        sync_hints: Vec::new(),
        hops: 0,
        webhook: None,
        job: None,
        jobs: Vec::new(),
        idempotency: None,
        told: vec![],
    })
}

/// An event of the hub's own, as large as webhooks commonly are.
pub(crate) fn event(org: OrgId) -> Event {
    let note = "a payload of about the size that webhooks commonly have: a few hundred bytes of names and numbers";
    Event {
        id: EventId::new(&SystemClock, &SystemRandom),
        org,
        source: None,
        kind: EVENT.to_owned(),
        subject: "bench".to_owned(),
        data: json!({ "note": note, "list": [1, 2, 3, 4, 5, 6, 7, 8], "nested": { "amount": 4900, "currency": "eur" } }),
        dedupe: None,
        run: None,
        at: SystemClock.now(),
        hops: 0,
    }
}
