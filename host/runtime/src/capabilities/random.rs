//! Unpredictable bytes, a little at a time.

use crate::{bindings::patchbay::connector::random::Host, call::CallState};

/// The most that one call gives.
const CAP: usize = 4096;

impl Host for CallState {
    async fn bytes(&mut self, length: u32) -> wasmtime::Result<Vec<u8>> {
        self.enter()?;
        let mut bytes = vec![0; (length as usize).min(CAP)];
        self.services.random.fill(&mut bytes);
        Ok(bytes)
    }
}
