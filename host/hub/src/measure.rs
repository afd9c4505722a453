//! What the hub counts. Labels are plugins, kinds and codes: never orgs, of which there is no end.

use std::time::Duration;

use metrics::{Gauge, counter, gauge, histogram};
use patchbay_model::{Code, PluginId, job::JobKind, object::StandardObject, run::RunKind, sync::SyncCounts};
use patchbay_storage::JobEnd;

/// A call that runs; counted until it is dropped.
pub(crate) struct InFlight(Gauge);

impl InFlight {
    pub(crate) fn new(plugin: &PluginId, kind: RunKind) -> Self {
        let gauge = gauge!("patchbay_calls_in_flight", "plugin" => plugin.to_string(), "kind" => kind.as_str());
        gauge.increment(1.0);
        Self(gauge)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

/// A call that has ended; its code is `ok` or the failure's.
pub(crate) fn called(plugin: &PluginId, kind: RunKind, code: Option<Code>, took: Duration) {
    let code = code.map_or("ok", Code::as_str);
    counter!("patchbay_calls_total", "plugin" => plugin.to_string(), "kind" => kind.as_str(), "code" => code)
        .increment(1);
    histogram!("patchbay_call_duration_seconds", "plugin" => plugin.to_string(), "kind" => kind.as_str()).record(took);
}

/// A step of a job that was settled; the outcome is `done`, `again`, `later`, `failed_once`, `failed` or `cancelled`.
pub(crate) fn job_step(kind: JobKind, end: &JobEnd) {
    let outcome = match end {
        JobEnd::Done(_) => "done",
        JobEnd::Again { .. } => "again",
        JobEnd::Later { error: None, .. } => "later",
        JobEnd::Later { error: Some(_), .. } => "failed_once",
        JobEnd::Failed(..) => "failed",
        JobEnd::Cancelled => "cancelled",
    };
    counter!("patchbay_job_steps_total", "kind" => kind.as_str(), "outcome" => outcome).increment(1);
}

/// A step of a sync that was committed: what became of the vendor's objects and of records, by outcome.
pub(crate) fn synced(plugin: &PluginId, object: StandardObject, counts: &SyncCounts) {
    let SyncCounts { read, created, updated, deleted, merged, unchanged, pushed, skipped, failed, conflicts, calls } =
        *counts;
    let outcomes = [
        ("read", read),
        ("created", created),
        ("updated", updated),
        ("deleted", deleted),
        ("merged", merged),
        ("unchanged", unchanged),
        ("pushed", pushed),
        ("skipped", skipped),
        ("failed", failed),
        ("conflict", conflicts),
    ];
    for (outcome, count) in outcomes.into_iter().filter(|(_, count)| *count > 0) {
        let (plugin, object) = (plugin.to_string(), object.as_str());
        counter!("patchbay_sync_records_total", "plugin" => plugin, "object" => object, "outcome" => outcome)
            .increment(count);
    }
    if calls > 0 {
        counter!("patchbay_sync_calls_total", "plugin" => plugin.to_string(), "object" => object.as_str())
            .increment(calls);
    }
}

/// A run of a sync that has ended; the outcome is `completed`, `failed` or `cancelled`.
pub(crate) fn sync_ended(plugin: &PluginId, object: StandardObject, outcome: &'static str) {
    counter!("patchbay_sync_runs_total", "plugin" => plugin.to_string(), "object" => object.as_str(), "outcome" => outcome)
        .increment(1);
}

/// How many jobs wait or run.
pub(crate) fn job_backlog(jobs: u64) {
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float, and nobody has 2^52 jobs")]
    gauge!("patchbay_job_backlog").set(jobs as f64);
}

/// A package that was put in place, or failed to be.
pub(crate) fn published(plugin: &PluginId, code: Option<Code>) {
    let code = code.map_or("ok", Code::as_str);
    counter!("patchbay_publishes_total", "plugin" => plugin.to_string(), "code" => code).increment(1);
}

/// An installation that moved to another version.
pub(crate) fn swapped(plugin: &PluginId) {
    counter!("patchbay_swaps_total", "plugin" => plugin.to_string()).increment(1);
}

/// A webhook that came; the outcome is `new`, `duplicate`, `refused`, `answered` or `failed`. While the database is away `held`, or
/// `no_room`. Of one that came for all accounts each part counts, and is `unknown_account` if nobody takes it.
pub(crate) fn received(plugin: &PluginId, outcome: &'static str) {
    counter!("patchbay_webhooks_total", "plugin" => plugin.to_string(), "outcome" => outcome).increment(1);
}

/// How many webhooks were answered and could not be stored yet.
pub(crate) fn held(webhooks: usize) {
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float, and nobody has 2^52 webhooks")]
    gauge!("patchbay_webhooks_held").set(webhooks as f64);
}
