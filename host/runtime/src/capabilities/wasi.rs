//! An empty WASI for components made from JavaScript, Python or Go, whose runtimes import it: no
//! directories, no network, no environment, no arguments. Components made from Rust import none of it,
//! so the context is made only when it is asked for.
//!
//! Its clocks are as coarse as the contract's own: a finer one is a tool for timing attacks. Its functions are
//! wasmtime's and do not begin with [`CallState::enter`], but each begins with asking for the context, so that is
//! where they are counted.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use patchbay_model::{Clock, Timestamp};
use wasmtime::component::Linker;
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxView, WasiView};

use crate::call::CallState;

/// The call's WASI context, once something asked for it.
#[derive(Default)]
pub(crate) struct Context(Option<WasiCtx>);

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Context").field(&self.0.is_some()).finish()
    }
}

/// The grain of both clocks.
const GRAIN: Duration = Duration::from_millis(1);

/// The hub's time.
struct Wall(Arc<dyn Clock>);

impl HostWallClock for Wall {
    fn resolution(&self) -> Duration {
        GRAIN
    }

    fn now(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.now().timestamp_millis()).unwrap_or(0))
    }
}

/// Time since the call began. Not the hub's clock, which may be set back.
struct Monotonic(Instant);

impl HostMonotonicClock for Monotonic {
    fn resolution(&self) -> u64 {
        nanos(GRAIN)
    }

    fn now(&self) -> u64 {
        nanos(coarse(self.0.elapsed()))
    }
}

/// A time that does not pass, for a call that judges something of before.
struct Still(Timestamp);

impl Clock for Still {
    fn now(&self) -> Timestamp {
        self.0
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn coarse(duration: Duration) -> Duration {
    Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

fn empty(clock: &Arc<dyn Clock>, began: Instant) -> WasiCtx {
    WasiCtx::builder()
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false)
        .max_random_size(4096)
        .wall_clock(Wall(Arc::clone(clock)))
        .monotonic_clock(Monotonic(began))
        .build()
}

impl WasiView for CallState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.count_host_call();
        let (clock, began) = (&self.services.clock, self.started);
        let wall = || self.as_of.map_or_else(|| Arc::clone(clock), |at| Arc::new(Still(at)) as Arc<dyn Clock>);
        let ctx = self.capabilities.wasi.0.get_or_insert_with(|| empty(&wall(), began));
        WasiCtxView { ctx, table: &mut self.table }
    }
}

pub(crate) fn link(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Fixed(Timestamp);

    impl Clock for Fixed {
        fn now(&self) -> Timestamp {
            self.0
        }
    }

    #[test]
    fn the_clocks_tell_whole_milliseconds() {
        let wall = Wall(Arc::new(Fixed(Timestamp::from_timestamp_nanos(1_234_567_891))));
        assert_eq!(wall.now(), Duration::from_millis(1_234));
        assert_eq!(coarse(Duration::from_nanos(7_999_999)), Duration::from_millis(7));
        assert_eq!(wall.resolution(), GRAIN);
    }
}
