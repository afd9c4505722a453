//! Work for later: durable jobs, done step by step by the connector's own [`crate::Connector::tasks`].

use serde::Serialize;

use crate::{Error, host};

/// Plans a job whose first step is done as soon as there is room, and gives its id; made with this run, and only if it succeeds.
///
/// `kind` must be among the manifest's `[[jobs]]`. The payload has at most 256 KiB as JSON.
///
/// # Errors
/// [`Error::Denied`] for a kind that the manifest does not name, [`Error::Exhausted`] after the hundredth of one call.
pub fn enqueue<T: Serialize + ?Sized>(kind: &str, payload: &T) -> Result<String, Error> {
    Plan::new().enqueue(kind, payload)
}

/// When a job is done, and whether another one would do.
///
/// ```no_run
/// # fn example() -> Result<(), patchbay_sdk::Error> {
/// use patchbay_sdk::jobs;
///
/// // once a minute at most, however often it is asked for
/// jobs::Plan::new().after_ms(60_000).key("sync").enqueue("sync", &())?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use = "nothing is planned before `enqueue`"]
pub struct Plan {
    delay_ms: u64,
    key: Option<String>,
}

impl Plan {
    /// As soon as there is room.
    pub const fn new() -> Self {
        Self { delay_ms: 0, key: None }
    }

    /// Not before so many milliseconds have passed; at most a year.
    pub const fn after_ms(mut self, delay_ms: u64) -> Self {
        self.delay_ms = delay_ms;
        self
    }

    /// While a job of the same kind with this key waits or runs, no other one is made: the id is that one's. 1 to 256 bytes.
    pub fn key(mut self, key: &str) -> Self {
        self.key = Some(key.to_owned());
        self
    }

    /// Plans a job and gives its id.
    ///
    /// # Errors
    /// As [`enqueue`].
    pub fn enqueue<T: Serialize + ?Sized>(&self, kind: &str, payload: &T) -> Result<String, Error> {
        let payload = serde_json::to_string(payload).map_err(|error| Error::Internal(error.to_string()))?;
        host::enqueue(kind, &payload, self.delay_ms, self.key.as_deref())
    }
}
