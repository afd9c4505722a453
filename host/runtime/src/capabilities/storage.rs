//! The way of a guest's call to the database, with its org's place in the queue.
//!
//! All orgs share a few connections that read and the one that writes, on which their runs are committed too. An org
//! has a bounded number of places in front of those: however many of its calls read or write, whoever else comes
//! waits for a few of them at most. Rejected: a rate, which has to be guessed for each machine, and refuses a burst
//! that nobody would have noticed.

use std::sync::Arc;

use patchbay_storage::Tx;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::HostError;
use crate::{bindings::types::Error, call::CallState, tenant::Tenant};

/// Snapshots of one org at once.
const READS: usize = 2;

/// Small values and rows of files that one org writes at once.
const WRITES: usize = 1;

/// One org's places.
#[derive(Debug)]
pub(crate) struct Places {
    reads: Arc<Semaphore>,
    writes: Arc<Semaphore>,
}

impl Default for Places {
    fn default() -> Self {
        Self { reads: Arc::new(Semaphore::new(READS)), writes: Arc::new(Semaphore::new(WRITES)) }
    }
}

async fn place(places: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, HostError> {
    let place = Arc::clone(places).acquire_owned().await;
    // they are never closed
    place.map_err(|_| HostError::Guest(Error::Unavailable("the hub's storage".to_owned())))
}

impl CallState {
    /// A snapshot to read from. Keep the place for as long as the transaction, and take only one at a time.
    pub(crate) async fn reading(&mut self) -> Result<(OwnedSemaphorePermit, Tx), HostError> {
        let place = place(&self.tenant.share.org.places.reads).await?;
        Ok((place, self.services.database.read().await?))
    }

    /// A transaction that writes. Keep the place for as long as the transaction, and take only one at a time.
    pub(crate) async fn writing(&mut self) -> Result<(OwnedSemaphorePermit, Tx), HostError> {
        let place = place(&self.tenant.share.org.places.writes).await?;
        Ok((place, self.services.database.begin().await?))
    }
}

/// The same for what outlives the call that began it.
pub(crate) async fn place_to_write(tenant: &Tenant) -> Option<OwnedSemaphorePermit> {
    // they are never closed
    Arc::clone(&tenant.share.org.places.writes).acquire_owned().await.ok()
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn one_of_an_orgs_writes_is_in_front_of_the_writer_at_once() {
        let (ours, theirs) = (Places::default(), Places::default());
        let first = place(&ours.writes).await.unwrap();
        assert!(place(&ours.writes).now_or_never().is_none(), "the second waits");
        assert!(place(&theirs.writes).now_or_never().is_some(), "another org does not");
        drop(first);
        assert!(place(&ours.writes).now_or_never().is_some());
    }
}
