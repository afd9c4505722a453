//! `[limits]`: what a call may use.

use std::time::Duration;

use patchbay_runtime::{CallLimits, RuntimeConfig};
use serde::Deserialize;

/// `[limits]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Calls at once over all orgs and plugins.
    pub max_calls: Option<u32>,
    /// Calls at once of one org; half of all if it is missing.
    pub max_calls_per_org: Option<u32>,
    /// CPU time and wall time of one compilation, in seconds.
    pub compile_timeout_s: Option<u64>,
    /// Memory of one compilation, in MiB.
    pub compile_memory_mib: Option<u64>,
    /// The files of one org together, in MiB.
    pub org_files_mib: Option<u64>,
    /// Answers of vendors that are kept for one org, together, in MiB; 0: none.
    pub org_answers_mib: Option<u64>,
    /// Webhooks that are worked on at once.
    pub webhook_concurrency: Option<usize>,
    /// Webhooks that are answered and not stored yet while the database is away.
    pub held_webhooks: Option<usize>,
    /// Those together, in MiB.
    pub held_webhooks_mib: Option<usize>,
    /// Documents that plugins have the hub keep in memory, together, in MiB.
    pub kept_documents_mib: Option<u64>,
    /// Jobs that run at once.
    pub job_concurrency: Option<usize>,
    /// Jobs of one organization and plugin that run at once.
    pub job_lane_concurrency: Option<u32>,
    /// Streams of events that one org has open at once, on one hub.
    pub event_streams: Option<usize>,
    /// `[limits.call]`: what a plugin gets that asks for nothing.
    pub call: Call,
    /// `[limits.ceiling]`: what no plugin gets more than, whatever its manifest asks for.
    pub ceiling: Call,
}

/// Limits of one call; what is missing stays as the hub has it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Call {
    /// Memories and tables together, in MiB.
    pub memory_mib: Option<u64>,
    /// From start to end, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// In the plugin's own code, in milliseconds.
    pub cpu_ms: Option<u64>,
    /// Calls at once per org and plugin.
    pub concurrency: Option<u32>,
    /// Calls from the plugin to the host.
    pub host_calls: Option<u32>,
    /// The largest body of a vendor that is held in memory, in KiB.
    pub body_kib: Option<u64>,
    /// Log that is kept per run, in KiB.
    pub log_kib: Option<u32>,
    /// Documents and events that wait for the end of the call, in KiB as the hub holds them.
    pub effects_kib: Option<u64>,
}

impl Limits {
    /// Puts them into the runtime's configuration.
    pub fn apply(&self, runtime: &mut RuntimeConfig) {
        set(&mut runtime.max_instances, self.max_calls);
        runtime.max_org_instances = self.max_calls_per_org.or(runtime.max_org_instances);
        set(&mut runtime.compile_timeout, self.compile_timeout_s.map(Duration::from_secs));
        set(&mut runtime.compile_memory, self.compile_memory_mib.map(|mib| mib << 20));
        self.call.apply(&mut runtime.defaults);
        self.ceiling.apply(&mut runtime.ceilings);
    }
}

impl Call {
    fn apply(&self, limits: &mut CallLimits) {
        set(&mut limits.memory_bytes, self.memory_mib.map(|mib| mib << 20));
        set(&mut limits.timeout, self.timeout_ms.map(Duration::from_millis));
        set(&mut limits.cpu, self.cpu_ms.map(Duration::from_millis));
        set(&mut limits.concurrency, self.concurrency);
        set(&mut limits.host_calls, self.host_calls);
        set(&mut limits.body_bytes, self.body_kib.map(|kib| kib << 10));
        set(&mut limits.log_bytes, self.log_kib.map(|kib| kib << 10));
        set(&mut limits.effect_bytes, self.effects_kib.map(|kib| kib << 10));
    }
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}
