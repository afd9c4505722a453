//! Bytes that flow, without holding them in memory.

use crate::{Error, host};

/// Where bytes come from: a request, a vendor's response, a blob. Dropping it tells the other side that
/// nobody reads on.
#[derive(Debug)]
pub struct Source(pub(crate) host::Source);

impl Source {
    /// Up to `max` bytes (at least one), or `None` at the end. Waits without using CPU. The host caps `max`
    /// at 1 MiB.
    ///
    /// # Errors
    /// What cut the flow off: [`Error::Unavailable`], [`Error::Timeout`], [`Error::Exhausted`].
    pub fn read(&self, max: u32) -> Result<Option<Vec<u8>>, Error> {
        self.0.read(max)
    }

    /// All that is left, up to `limit` bytes.
    ///
    /// # Errors
    /// [`Error::Exhausted`] if there is more, else as [`Source::read`].
    pub fn read_to_end(&self, limit: u32) -> Result<Vec<u8>, Error> {
        self.0.read_to_end(limit)
    }

    /// The declared length in bytes, where there is one.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        self.0.size()
    }
}
