//! One renewal, from the lease to the stored tokens.

use std::{sync::Arc, time::Duration};

use backon::{BackoffBuilder as _, Retryable as _};
use metrics::counter;
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use super::{
    Inner, Job, RefreshError,
    slots::{Joined, Landing, Unsaved},
};
use crate::{Acquired, Committed, OauthError, Reauthorization, RefreshLease, Stored, Tokens, backoff};

/// What a lease lasts beyond the request: for the database, and for a clock that runs faster. Short, because a node that
/// dies between the vendor's answer and the save leaves a refresh token that is spent, and vendors that forgive its
/// second use do so for half a minute or so.
const SLACK: Duration = Duration::from_secs(10);

/// A flight that is under way. Dropped without a landing, it leaves the connection free for another.
struct Airborne<L: RefreshLease> {
    inner: Arc<Inner<L>>,
    key: L::Key,
    landing: watch::Sender<Option<Landing>>,
}

impl<L: RefreshLease> Inner<L> {
    /// The flight of a connection, which begins if there is none.
    pub(super) fn join(self: &Arc<Self>, job: &Job<L::Key>) -> Joined {
        let now = self.clock.now();
        let (landing, joined) = self.slots.with(&job.key, |slot| {
            if let Some(flight) = &slot.flight {
                return (None, Joined::Flight(flight.clone()));
            }
            if let Some(error) = slot.calm.as_ref().and_then(|calm| calm.holds(now)) {
                return (None, Joined::Resting(error));
            }
            let (landing, flight) = watch::channel(None);
            slot.flight = Some(flight.clone());
            (Some(landing), Joined::Flight(flight))
        });
        if let Some(landing) = landing {
            let airborne = Airborne { inner: Arc::clone(self), key: job.key.clone(), landing };
            tokio::spawn(airborne.fly(job.clone()));
        }
        joined
    }

    /// Gets the lease, and with it what is stored; or what another node has stored meanwhile.
    async fn hold(&self, job: &Job<L::Key>) -> Result<Held<L::Lease>, RefreshError> {
        let mut waits = backoff::short(self.settings.look, Some(self.settings.wait)).build();
        let until = Instant::now() + self.settings.wait;
        loop {
            let lasts = job.client.timeout() + SLACK;
            match self.lease.acquire(&job.key, lasts).await.map_err(RefreshError::Store)? {
                Acquired::Mine(lease, stored) => return Ok(Held::Lease(lease, stored)),
                Acquired::Gone => return Err(RefreshError::Gone),
                Acquired::Theirs => {}
            }
            let wait = waits.next().filter(|_| Instant::now() < until).ok_or(RefreshError::Busy)?;
            sleep(wait).await;
            let newer = self.lease.read_newer(&job.key, job.seen.version).await.map_err(RefreshError::Store)?;
            if let Some(stored) = newer {
                return Ok(Held::Newer(stored));
            }
        }
    }

    /// Renews what is stored. Nobody else does at this time.
    async fn renew_under(&self, lease: &L::Lease, stored: &Stored, job: &Job<L::Key>) -> Landing {
        if stored.version > job.seen.version {
            return Ok(stored.clone());
        }
        if stored.needs_authorization {
            return Err(RefreshError::NeedsAuthorization);
        }
        let unsaved = self.slots.with(&job.key, |slot| slot.unsaved.take());
        if let Some(Unsaved { tokens, .. }) = unsaved.filter(|unsaved| unsaved.based_on == stored.version) {
            return self.save(lease, stored.version, tokens, job).await;
        }
        match job.client.renew(&stored.tokens).await {
            Ok(tokens) => self.save(lease, stored.version, Arc::new(tokens), job).await,
            Err(error) if error.needs_authorization() => self.give_up(lease, stored.version, error).await,
            Err(error) => Err(RefreshError::Vendor(error)),
        }
    }

    async fn save(&self, lease: &L::Lease, based_on: u64, tokens: Arc<Tokens>, job: &Job<L::Key>) -> Landing {
        let commit = || self.lease.commit(lease, based_on, &tokens);
        match commit.retry(backoff::short(self.settings.look, None)).sleep(sleep).await {
            Ok(Committed::Stored(stored) | Committed::Newer(stored)) => Ok(stored),
            Ok(Committed::Gone) => {
                // Nobody would give them back later.
                if let Err(error) = job.client.revoke(&tokens).await {
                    tracing::warn!(%error, "tokens of a deleted connection could not be revoked");
                }
                Err(RefreshError::Gone)
            }
            Err(failure) => {
                self.slots.with(&job.key, |slot| slot.unsaved = Some(Unsaved { based_on, tokens }));
                Err(RefreshError::Store(failure))
            }
        }
    }

    async fn give_up(&self, lease: &L::Lease, based_on: u64, reason: OauthError) -> Landing {
        let why = Reauthorization { reason, at: self.clock.now() };
        let require = || self.lease.require_authorization(lease, based_on, &why);
        match require.retry(backoff::short(self.settings.look, None)).sleep(sleep).await {
            Ok(Committed::Newer(stored)) => Ok(stored),
            Ok(Committed::Stored(_)) => Err(RefreshError::NeedsAuthorization),
            Ok(Committed::Gone) => Err(RefreshError::Gone),
            Err(failure) => Err(RefreshError::Store(failure)),
        }
    }
}

enum Held<L> {
    Lease(L, Stored),
    Newer(Stored),
}

impl<L: RefreshLease> Airborne<L> {
    async fn fly(self, job: Job<L::Key>) {
        let inner = &self.inner;
        let plugin = &job.client.provider().plugin;
        let (landing, good) = match inner.hold(&job).await {
            Err(error) => (Err(error), "renewed"),
            Ok(Held::Newer(stored)) => (Ok(stored), "elsewhere"),
            Ok(Held::Lease(lease, stored)) => {
                let landing = inner.renew_under(&lease, &stored, &job).await;
                inner.lease.release(lease).await;
                (landing, "renewed")
            }
        };
        let outcome = landing.as_ref().err().map_or(good, RefreshError::kind);
        counter!("patchbay_oauth_renewals_total", "plugin" => plugin.to_string(), "outcome" => outcome).increment(1);
        if let Err(error) = &landing {
            tracing::warn!(%plugin, org = %job.client.org, %error, "tokens were not renewed");
        }
        self.land(landing);
    }

    fn land(self, landing: Landing) {
        let inner = &self.inner;
        inner.slots.with(&self.key, |slot| {
            slot.flight = None;
            let former = slot.calm.take();
            slot.calm = landing.as_ref().err().filter(|error| error.calls_for_rest()).map(|error| {
                let bounds = (inner.settings.first_rest, inner.settings.longest_rest);
                backoff::Calm::after(former, error.clone(), inner.clock.now(), bounds, &*inner.random)
            });
        });
        self.landing.send_replace(Some(landing));
    }
}

impl<L: RefreshLease> Drop for Airborne<L> {
    fn drop(&mut self) {
        if self.landing.borrow().is_none() {
            self.inner.slots.with(&self.key, |slot| slot.flight = None);
        }
    }
}
