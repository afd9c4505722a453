//! The way of a guest's call to the database, with its org's place in the queue.
//!
//! All orgs share a few connections that read and the one that writes, on which their runs are committed too. An org
//! has a bounded number of places in front of those: however many of its calls read or write, whoever else comes
//! waits for a few of them at most. Rejected: a rate, which has to be guessed for each machine, and refuses a burst
//! that nobody would have noticed.
//!
//! A vendor that waits for an answer cannot wait for a database that is away. Such a call says how long it has for one
//! ([`Reach`]): what does not come in that time is `unavailable` to the guest, at once from then on.

use std::{sync::Arc, time::Duration};

use patchbay_storage::Tx;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::HostError;
use crate::{bindings::types::Error, call::CallState, tenant::Tenant};

/// Snapshots of one org at once.
const READS: usize = 2;

/// Small values and rows of files that one org writes at once.
const WRITES: usize = 1;

/// What a guest is told of storage that does not answer.
const AWAY: &str = "the hub's storage";

/// How far the hub's storage is within a call's reach.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reach {
    /// As far as it takes.
    #[default]
    Full,
    /// Each answer of the database is waited for so long. Once one did not come, none is asked for any more in this call.
    Within(Duration),
    /// Not at all: the database is away. What is kept in memory is read from there, everything else is `unavailable`, requests to
    /// vendors among it: they would be made once more when the work is done in earnest. What the call publishes, meters and
    /// plans is dropped by whoever made it.
    Nowhere,
}

/// One call's way to the database.
#[derive(Debug)]
pub(crate) struct Way {
    reach: Reach,
    is_cut: bool,
    has_lacked: bool,
}

impl Way {
    pub(crate) fn new(reach: Reach) -> Self {
        Self { reach, is_cut: false, has_lacked: false }
    }

    /// True if the guest was told that there is no storage.
    pub(crate) fn has_lacked(&self) -> bool {
        self.has_lacked
    }

    /// True if the database is not to be asked.
    pub(crate) fn is_closed(&self) -> bool {
        self.reach == Reach::Nowhere || self.is_cut && self.reach != Reach::Full
    }

    /// The database did not answer.
    pub(crate) fn cut(&mut self) {
        self.is_cut = true;
    }

    /// Takes note of what the guest is told.
    pub(crate) fn note(&mut self, error: &Error) {
        if matches!(error, Error::Unavailable(text) if text == AWAY) {
            self.is_cut = true;
            self.has_lacked = true;
        }
    }

    /// For how long the database is waited for; nothing: for as long as it takes.
    fn patience(&self) -> Result<Option<Duration>, HostError> {
        match self.reach {
            _ if self.is_closed() => Err(away()),
            Reach::Within(patience) => Ok(Some(patience)),
            Reach::Full | Reach::Nowhere => Ok(None),
        }
    }
}

/// For the guest: there is no storage now.
pub(crate) fn away() -> HostError {
    HostError::Guest(Error::Unavailable(AWAY.to_owned()))
}

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
    place.map_err(|_| away())
}

/// The same, for who waits so long at most, if for anything less than as long as it takes.
async fn place_within(places: &Arc<Semaphore>, patience: Option<Duration>) -> Result<OwnedSemaphorePermit, HostError> {
    match patience {
        None => place(places).await,
        Some(patience) => timeout(patience, place(places)).await.unwrap_or_else(|_| Err(away())),
    }
}

impl CallState {
    /// A snapshot to read from. Keep the place for as long as the transaction, and take only one at a time.
    pub(crate) async fn reading(&mut self) -> Result<(OwnedSemaphorePermit, Tx), HostError> {
        let patience = self.way.patience()?;
        let place = place_within(&self.tenant.share.org.places.reads, patience).await?;
        let database = &self.services.database;
        let tx = match patience {
            None => database.read().await?,
            Some(patience) => database.read_within(patience).await?,
        };
        Ok((place, tx))
    }

    /// A transaction that writes. Keep the place for as long as the transaction, and take only one at a time.
    pub(crate) async fn writing(&mut self) -> Result<(OwnedSemaphorePermit, Tx), HostError> {
        let patience = self.way.patience()?;
        let place = place_within(&self.tenant.share.org.places.writes, patience).await?;
        let database = &self.services.database;
        let tx = match patience {
            None => database.begin().await?,
            Some(patience) => database.begin_within(patience).await?,
        };
        Ok((place, tx))
    }

    /// Fails for a call that is made for its answer alone, while the database is away.
    pub(crate) fn demand_storage(&self) -> Result<(), HostError> {
        match self.way.reach {
            Reach::Nowhere => Err(away()),
            Reach::Full | Reach::Within(_) => Ok(()),
        }
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

    #[tokio::test]
    async fn who_has_little_time_waits_for_no_place() {
        let ours = Places::default();
        let _first = place(&ours.writes).await.unwrap();
        let none = place_within(&ours.writes, Some(Duration::ZERO)).await;
        assert!(matches!(none, Err(HostError::Guest(Error::Unavailable(text))) if text == AWAY));
    }

    #[test]
    fn once_the_database_has_not_answered_a_call_in_a_hurry_asks_no_more() {
        let told = Error::Unavailable(AWAY.to_owned());
        let mut hurried = Way::new(Reach::Within(Duration::from_secs(1)));
        hurried.note(&Error::Unavailable("the vendor".to_owned()));
        assert!(matches!(hurried.patience(), Ok(Some(_))) && !hurried.has_lacked());
        hurried.note(&told);
        assert!(hurried.patience().is_err() && hurried.has_lacked());
        let mut patient = Way::new(Reach::Full);
        patient.note(&told);
        assert!(matches!(patient.patience(), Ok(None)));
        assert!(Way::new(Reach::Nowhere).patience().is_err());
    }
}
