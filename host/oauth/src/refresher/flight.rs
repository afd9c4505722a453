//! One renewal, from the lease to the stored tokens.

use std::{sync::Arc, time::Duration};

use backon::{BackoffBuilder as _, Retryable as _};
use metrics::counter;
use patchbay_package::manifest::oauth::Grant;
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use super::{
    Inner, Job, RefreshError,
    slots::{Joined, Landing, Unsaved},
};
use crate::{
    Acquired, Committed, Failing, FailingKind, OauthClient, OauthError, Reauthorization, RefreshLease, Stored, backoff,
};

/// What a lease lasts beyond the request: for the database. Short, because a node that dies between the vendor's answer and
/// the save leaves a refresh token that is spent, and vendors that forgive its second use do so for half a minute or so.
pub(super) const SLACK: Duration = Duration::from_secs(10);

/// A flight that is under way. Dropped without a landing, it leaves the connection free for another.
pub(super) struct Airborne<L: RefreshLease> {
    pub(super) inner: Arc<Inner<L>>,
    pub(super) key: L::Key,
    pub(super) landing: watch::Sender<Option<Landing>>,
}

enum Held<L> {
    Lease(L, Stored),
    Newer(Stored),
}

impl<L: RefreshLease> Inner<L> {
    /// The flight of a connection, which begins if there is none. Tokens that wait to be stored come first: the vendor is
    /// not asked while there are any.
    pub(super) fn join(self: &Arc<Self>, job: &Job<L::Key>) -> Joined {
        let now = self.clock.now();
        let (begins, joined) = self.slots.with(&job.key, |slot| {
            if let Some(flight) = &slot.flight {
                return (None, Joined::Flight(flight.clone()));
            }
            if let Some(error) = slot.calm.as_ref().and_then(|calm| calm.holds(now)) {
                return (None, Joined::Resting(error));
            }
            let (landing, flight) = watch::channel(None);
            slot.flight = Some(flight.clone());
            (Some((landing, slot.unsaved.clone())), Joined::Flight(flight))
        });
        if let Some((landing, unsaved)) = begins {
            let airborne = Airborne { inner: Arc::clone(self), key: job.key.clone(), landing };
            match unsaved {
                Some(unsaved) => tokio::spawn(airborne.save(unsaved, true)),
                None => tokio::spawn(airborne.fly(job.clone())),
            };
        }
        joined
    }

    /// How long a lease is asked for.
    pub(super) fn lasts(&self, client: &OauthClient) -> Duration {
        client.timeout() + SLACK
    }

    /// Gets the lease, and with it what is stored; or what another node has stored meanwhile.
    async fn hold(&self, job: &Job<L::Key>) -> Result<Held<L::Lease>, RefreshError> {
        let mut waits = backoff::short(self.settings.look, Some(self.settings.wait)).build();
        let until = Instant::now() + self.settings.wait;
        loop {
            match self.lease.acquire(&job.key, self.lasts(&job.client)).await.map_err(RefreshError::Store)? {
                Acquired::Mine(lease, stored) => return Ok(Held::Lease(lease, stored)),
                Acquired::Gone => return Err(RefreshError::Gone),
                Acquired::Theirs => {}
            }
            let plugin = job.client.provider().plugin.to_string();
            counter!("patchbay_oauth_lease_waits_total", "plugin" => plugin).increment(1);
            let wait = waits.next().filter(|_| Instant::now() < until).ok_or(RefreshError::Busy)?;
            sleep(wait).await;
            let newer = self.lease.read_newer(&job.key, job.seen.version).await.map_err(RefreshError::Store)?;
            if let Some(stored) = newer {
                return Ok(Held::Newer(stored));
            }
        }
    }

    /// Renews what is stored. Nobody else does at this time.
    async fn renew_under(self: &Arc<Self>, lease: L::Lease, stored: Stored, job: &Job<L::Key>) -> Landing {
        let landing = if stored.version > job.seen.version {
            Ok(stored)
        } else if stored.needs_authorization {
            Err(RefreshError::NeedsAuthorization)
        } else {
            match job.client.renew(&stored.tokens).await {
                Ok(tokens) => {
                    let client = Arc::clone(&job.client);
                    let unsaved = Unsaved { based_on: stored.version, tokens: Arc::new(tokens), lease, client };
                    return self.save(&job.key, Arc::new(unsaved)).await;
                }
                Err(error) => self.failed(&lease, &stored, error).await,
            }
        };
        self.lease.release(&lease).await;
        landing
    }

    /// What the vendor's refusal means for the connection, and who is to know of it.
    async fn failed(&self, lease: &L::Lease, stored: &Stored, error: OauthError) -> Landing {
        let needs_nobody = stored.tokens.grant != Grant::AuthorizationCode;
        let kind = match &error {
            OauthError::InvalidClient(_) => FailingKind::ClientRejected,
            error if error.is_final() && needs_nobody => FailingKind::GrantRefused,
            error if error.is_final() => return self.give_up(lease, stored.version, error.clone()).await,
            _ => return Err(RefreshError::Vendor(error)),
        };
        let failing = Failing { kind, reason: error.clone(), at: self.clock.now() };
        if let Err(error) = self.lease.note_failing(lease, stored.version, &failing).await {
            tracing::warn!(%error, "it is not noted that tokens cannot be renewed");
        }
        Err(RefreshError::Vendor(error))
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

    /// See [`Refresher::require_authorization`](super::Refresher::require_authorization).
    pub(super) async fn refuse(&self, job: &Job<L::Key>, reason: OauthError) -> Result<(), RefreshError> {
        let Held::Lease(lease, stored) = self.hold(job).await? else { return Ok(()) };
        let landing = if stored.version == job.seen.version && !stored.needs_authorization {
            self.give_up(&lease, stored.version, reason).await
        } else {
            Ok(stored)
        };
        self.lease.release(&lease).await;
        match landing {
            Ok(_) | Err(RefreshError::NeedsAuthorization) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl<L: RefreshLease> Airborne<L> {
    async fn fly(self, job: Job<L::Key>) {
        let (landing, good) = match self.inner.hold(&job).await {
            Err(error) => (Err(error), "renewed"),
            Ok(Held::Newer(stored)) => (Ok(stored), "elsewhere"),
            Ok(Held::Lease(lease, stored)) => (self.inner.renew_under(lease, stored, &job).await, "renewed"),
        };
        self.report(&job.client, &landing, good);
        self.land(landing, true);
    }

    /// Stores what was kept from an earlier flight. `rests`: callers are left to rest after a failure.
    pub(super) async fn save(self, unsaved: Arc<Unsaved<L::Lease>>, rests: bool) {
        let landing = self.inner.save(&self.key, Arc::clone(&unsaved)).await;
        self.report(&unsaved.client, &landing, "stored_late");
        self.land(landing, rests);
    }

    fn report(&self, client: &OauthClient, landing: &Landing, good: &'static str) {
        let plugin = &client.provider().plugin;
        let outcome = landing.as_ref().err().map_or(good, RefreshError::kind);
        counter!("patchbay_oauth_renewals_total", "plugin" => plugin.to_string(), "outcome" => outcome).increment(1);
        if let Err(error) = landing {
            tracing::warn!(%plugin, org = %client.org, %error, "tokens were not renewed");
        }
    }

    fn land(self, landing: Landing, rests: bool) {
        let inner = &self.inner;
        inner.slots.with(&self.key, |slot| {
            slot.flight = None;
            if landing.is_err() && !rests {
                return;
            }
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
