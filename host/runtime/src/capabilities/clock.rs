//! The hub's time, coarse on purpose: a finer clock is a tool for timing attacks.

use crate::{bindings::patchbay::connector::clock::Host, call::CallState};

impl Host for CallState {
    async fn now(&mut self) -> wasmtime::Result<u64> {
        self.enter()?;
        let now = self.as_of.unwrap_or_else(|| self.services.clock.now());
        Ok(u64::try_from(now.timestamp_millis()).unwrap_or(0))
    }
}
