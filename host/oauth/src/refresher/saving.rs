//! From the vendor's answer to the database.
//!
//! A vendor that rotates refresh tokens has ended the old one by then, so what it gave exists nowhere but here. Until it is
//! stored, the lease is kept and extended: no other node may spend the old refresh token meanwhile. It is tried again by
//! itself, however long the database is away, and once more before this node stops.

use std::{sync::Arc, time::Duration};

use backon::BackoffBuilder as _;
use patchbay_model::{Code, Failure};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use super::{
    Inner, RefreshError,
    flight::{Airborne, SLACK},
    slots::{Landing, Unsaved},
};
use crate::{Committed, RefreshLease, backoff};

/// For one try to store or to extend a lease: both together fit into what a lease lasts beyond the request.
const ONE_TRY: Duration = Duration::from_secs(SLACK.as_secs() / 2);

type Held<L> = Arc<Unsaved<<L as RefreshLease>::Lease>>;

impl<L: RefreshLease> Inner<L> {
    /// Stores new tokens, or keeps them until the database takes them. The lease is given back once there is nothing to
    /// store any more.
    pub(super) async fn save(self: &Arc<Self>, key: &L::Key, unsaved: Held<L>) -> Landing {
        let landing = match self.store(&unsaved).await {
            Ok(Committed::Stored(stored) | Committed::Newer(stored)) => Ok(stored),
            Ok(Committed::Gone) => {
                self.give_back(key, &unsaved).await;
                Err(RefreshError::Gone)
            }
            Err(failure) => {
                self.keep(key, unsaved);
                return Err(RefreshError::Store(failure));
            }
        };
        self.slots.with(key, |slot| {
            if slot.keeps(&unsaved) {
                slot.unsaved = None;
            }
        });
        self.lease.release(&unsaved.lease).await;
        landing
    }

    /// A handful of tries.
    async fn store(&self, unsaved: &Unsaved<L::Lease>) -> Result<Committed, Failure> {
        let late = || Failure::new(Code::Unavailable, "the database did not answer in time");
        let mut waits = backoff::short(self.settings.look, None).build();
        loop {
            let commit = self.lease.commit(&unsaved.lease, unsaved.based_on, &unsaved.tokens);
            // One that comes to its end all the same is found by the next.
            let failure = match timeout(ONE_TRY, commit).await {
                Ok(Ok(committed)) => return Ok(committed),
                Ok(Err(failure)) => failure,
                Err(_) => late(),
            };
            match timeout(ONE_TRY, self.lease.extend(&unsaved.lease, self.lasts(&unsaved.client))).await {
                Ok(Ok(true)) => {}
                // Another node may be at it, with a refresh token that the vendor has ended: it is the version that
                // decides what counts, so storing is right all the same.
                Ok(Ok(false)) => tracing::warn!("the right to renew tokens ended before they were stored"),
                Ok(Err(error)) => tracing::warn!(%error, "the right to renew tokens was not extended"),
                Err(_) => tracing::warn!(error = %late(), "the right to renew tokens was not extended"),
            }
            let Some(wait) = waits.next() else { return Err(failure) };
            sleep(wait).await;
        }
    }

    /// Keeps tokens that the database did not take, and tries again beside whatever callers do.
    fn keep(self: &Arc<Self>, key: &L::Key, unsaved: Held<L>) {
        let known = self.slots.with(key, |slot| {
            let known = slot.keeps(&unsaved);
            slot.unsaved = Some(Arc::clone(&unsaved));
            known
        });
        if known {
            return;
        }
        let (weak, key) = (Arc::downgrade(self), key.clone());
        let longest = self.settings.longest_unsaved;
        let mut waits = backoff::patient(longest / 8, longest).build();
        tokio::spawn(async move {
            loop {
                sleep(waits.next().unwrap_or(longest)).await;
                let Some(inner) = weak.upgrade() else { return };
                if !inner.slots.with(&key, |slot| slot.keeps(&unsaved)) {
                    return;
                }
                inner.deliver(&key, &unsaved).await;
            }
        });
    }

    /// Tries to store what is kept, unless somebody does so at this moment, and waits for what comes of it.
    pub(super) async fn deliver(self: &Arc<Self>, key: &L::Key, unsaved: &Held<L>) {
        let (landing, flight) = self.slots.with(key, |slot| match &slot.flight {
            Some(flight) => (None, Some(flight.clone())),
            None if slot.keeps(unsaved) => {
                let (landing, flight) = watch::channel(None);
                slot.flight = Some(flight.clone());
                (Some(landing), Some(flight))
            }
            None => (None, None),
        });
        if let Some(landing) = landing {
            let airborne = Airborne { inner: Arc::clone(self), key: key.clone(), landing };
            tokio::spawn(airborne.save(Arc::clone(unsaved), false));
        }
        if let Some(mut flight) = flight {
            // One that broke off is tried again.
            let _ = flight.wait_for(Option::is_some).await;
        }
    }

    /// Gives tokens back of which nobody wants to know any more.
    async fn give_back(&self, key: &L::Key, unsaved: &Unsaved<L::Lease>) {
        let Err(error) = unsaved.client.revoke(&unsaved.tokens).await else { return };
        tracing::warn!(%error, "tokens of a deleted connection were not revoked: it is tried again");
        if let Err(error) = self.lease.revoke_later(key, &unsaved.tokens).await {
            tracing::error!(%error, "tokens of a deleted connection are not revoked");
        }
    }
}
