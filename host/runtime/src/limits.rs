//! What one call may use, and the reasons for which the host stops a guest.
//!
//! A limit that is declared and not enforced is worse than none, so every field of [`CallLimits`] names
//! the place that enforces it. Memory is limited over the whole instance: a limiter per memory would let
//! a guest with two memories have twice its share.

use std::time::Duration;

use patchbay_model::Code;
use patchbay_package::manifest;
use wasmtime::ResourceLimiter;

/// What one call may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallLimits {
    /// All linear memories and tables of the instance together, in bytes. Enforced by [`Limiter`].
    pub memory_bytes: u64,
    /// Elements of all tables together. Enforced by [`Limiter`].
    pub table_elements: u64,
    /// From start to end. Enforced by the epoch callback in guest code and by a timer elsewhere.
    pub timeout: Duration,
    /// In guest code. Enforced by the epoch callback, every 10 ms.
    pub cpu: Duration,
    /// Calls at once per (org, plugin). Enforced when a call starts.
    pub concurrency: u32,
    /// Calls from guest to host. Enforced by every import.
    pub host_calls: u32,
    /// The largest body of a vendor that is held in memory, in bytes. Enforced by `fetch` and
    /// `read-to-end`.
    pub body_bytes: u64,
    /// Handles open at once. Enforced by the resource table.
    pub handles: u32,
    /// Bytes that a guest passes in one host call or gives as its result. Enforced by wasmtime's hostcall
    /// fuel.
    pub hostcall_bytes: usize,
    /// Bytes of log that are kept per run; sixteen times as many stop the guest.
    pub log_bytes: u32,
    /// Documents, events, jobs and hints that wait for the end of the call, in bytes as the hub holds them. Enforced by `put`,
    /// `put-many`, `delete`, `publish`, `enqueue` and `changed`.
    pub effect_bytes: u64,
}

impl Default for CallLimits {
    fn default() -> Self {
        Self {
            memory_bytes: 64 << 20,
            table_elements: 20_000,
            timeout: Duration::from_secs(30),
            cpu: Duration::from_secs(1),
            concurrency: 64,
            host_calls: 10_000,
            body_bytes: 4 << 20,
            handles: 256,
            hostcall_bytes: 8 << 20,
            log_bytes: 64 << 10,
            effect_bytes: 16 << 20,
        }
    }
}

impl CallLimits {
    /// The most that an operator's configuration allows if it says nothing.
    #[must_use]
    pub fn ceilings() -> Self {
        Self {
            timeout: Duration::from_secs(900),
            cpu: Duration::from_secs(30),
            concurrency: 250,
            host_calls: 1_000_000,
            body_bytes: 32 << 20,
            handles: 4096,
            hostcall_bytes: 32 << 20,
            log_bytes: 256 << 10,
            effect_bytes: 64 << 20,
            ..Self::default()
        }
    }

    /// What a plugin gets: its own wish where it has one, else the default; never above the ceiling.
    #[must_use]
    pub fn granted(&self, wish: &manifest::Limits, ceiling: &Self) -> Self {
        let millis = |wish: Option<u32>, default: Duration| wish.map_or(default, |ms| Duration::from_millis(ms.into()));
        let body = wish.body_kib.map_or(self.body_bytes, |kib| u64::from(kib) << 10);
        Self {
            memory_bytes: wish
                .memory_mib
                .map_or(self.memory_bytes, |mib| u64::from(mib) << 20)
                .min(ceiling.memory_bytes),
            table_elements: self.table_elements.min(ceiling.table_elements),
            timeout: millis(wish.timeout_ms, self.timeout).min(ceiling.timeout),
            cpu: millis(wish.cpu_ms, self.cpu).min(ceiling.cpu),
            concurrency: wish.concurrency.unwrap_or(self.concurrency).min(ceiling.concurrency).max(1),
            host_calls: wish.host_calls.unwrap_or(self.host_calls).min(ceiling.host_calls),
            body_bytes: body.min(ceiling.body_bytes),
            handles: self.handles.min(ceiling.handles),
            // a guest must be able to hand back a body that it was allowed to read
            hostcall_bytes: self
                .hostcall_bytes
                .max(usize::try_from(body).unwrap_or(usize::MAX))
                .min(ceiling.hostcall_bytes),
            log_bytes: self.log_bytes.min(ceiling.log_bytes),
            effect_bytes: self.effect_bytes.min(ceiling.effect_bytes),
        }
    }
}

/// Why the host stopped a guest. Travels as the error of a trap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// The instance asked for more memory than it may have.
    #[error("the plugin asked for more than its {0} bytes of memory")]
    Memory(u64),
    /// The instance asked for larger tables than it may have.
    #[error("the plugin asked for more than its {0} table elements")]
    Tables(u64),
    /// Too long in guest code.
    #[error("the plugin used more than its {0:?} of CPU time")]
    Cpu(Duration),
    /// Too long over all.
    #[error("the call did not end within {0:?}")]
    Timeout(Duration),
    /// Too many calls to the host.
    #[error("the plugin made more than its {0} calls to the host")]
    HostCalls(u32),
    /// Too many open handles.
    #[error("the plugin holds more than its {0} handles")]
    Handles(u32),
    /// A flood of log.
    #[error("the plugin wrote more than 16 times its {0} bytes of log")]
    Log(u32),
}

impl Stop {
    /// The code of the failure that the caller sees.
    #[must_use]
    pub const fn code(self) -> Code {
        match self {
            Self::Memory(_) => Code::PluginMemoryExceeded,
            Self::Tables(_) => Code::PluginTableExceeded,
            Self::Cpu(_) => Code::PluginCpuExceeded,
            Self::Timeout(_) => Code::PluginTimeout,
            Self::HostCalls(_) => Code::PluginHostCallsExceeded,
            Self::Handles(_) => Code::PluginHandlesExceeded,
            Self::Log(_) => Code::PluginLogExceeded,
        }
    }
}

/// Sums all memories and tables of one instance, and remembers the most that they were.
#[derive(Debug)]
pub struct Limiter {
    memory_limit: u64,
    table_limit: u64,
    memory: u64,
    table_elements: u64,
    peak: u64,
}

/// What one table element costs the host.
const TABLE_ELEMENT_BYTES: u64 = 8;

impl Limiter {
    pub(crate) fn new(limits: &CallLimits) -> Self {
        Self {
            memory_limit: limits.memory_bytes,
            table_limit: limits.table_elements,
            memory: 0,
            table_elements: 0,
            peak: 0,
        }
    }

    /// The most bytes that memories and tables held at once.
    pub(crate) const fn peak(&self) -> u64 {
        self.peak
    }

    fn settle(&mut self, memory: u64, table_elements: u64) -> Result<(), Stop> {
        if table_elements > self.table_limit {
            return Err(Stop::Tables(self.table_limit));
        }
        let total = memory.saturating_add(table_elements.saturating_mul(TABLE_ELEMENT_BYTES));
        if total > self.memory_limit {
            return Err(Stop::Memory(self.memory_limit));
        }
        self.memory = memory;
        self.table_elements = table_elements;
        self.peak = self.peak.max(total);
        Ok(())
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let grown = self.memory.saturating_add((desired as u64).saturating_sub(current as u64));
        self.settle(grown, self.table_elements)?;
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let grown = self.table_elements.saturating_add((desired as u64).saturating_sub(current as u64));
        self.settle(self.memory, grown)?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter() -> Limiter {
        Limiter::new(&CallLimits { memory_bytes: 1 << 20, table_elements: 100, ..CallLimits::default() })
    }

    #[test]
    fn two_memories_share_one_limit() {
        let mut limiter = limiter();
        assert!(limiter.memory_growing(0, 600 << 10, None).unwrap());
        let error = limiter.memory_growing(0, 600 << 10, None).unwrap_err();
        assert_eq!(error.downcast_ref::<Stop>(), Some(&Stop::Memory(1 << 20)));
    }

    #[test]
    fn tables_are_limited_by_their_own_number() {
        let mut limiter = limiter();
        let error = limiter.table_growing(0, 101, None).unwrap_err();
        assert_eq!(error.downcast_ref::<Stop>(), Some(&Stop::Tables(100)));
    }

    #[test]
    fn the_peak_outlives_what_caused_it() {
        let mut limiter = limiter();
        limiter.memory_growing(0, 1000, None).unwrap();
        limiter.table_growing(0, 10, None).unwrap();
        assert_eq!(limiter.peak(), 1080);
    }

    #[test]
    fn a_plugin_gets_what_it_asks_for_up_to_the_ceiling() {
        let wish = manifest::Limits { memory_mib: Some(1024), timeout_ms: Some(50), ..manifest::Limits::default() };
        let granted = CallLimits::default().granted(&wish, &CallLimits::ceilings());
        assert_eq!(granted.memory_bytes, 64 << 20);
        assert_eq!(granted.timeout, Duration::from_millis(50));
    }
}
