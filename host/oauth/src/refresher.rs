//! Renewal of tokens: one request, however many want it.
//!
//! Within a process, callers of one connection share one flight. It is a task of its own: a caller that goes away takes
//! nothing with it, which matters because a vendor that rotates refresh tokens has already ended the old one when its
//! answer is on the way. Among nodes, the flight holds a [`RefreshLease`] and looks what is stored before it asks.
//!
//! New tokens are stored before anybody gets them. Should the database fail just then, they are kept, and so is the lease,
//! until they are stored: see [`saving`].

mod flight;
mod saving;
mod slots;

use std::{fmt, sync::Arc, time::Duration};

use patchbay_model::{Clock, Code, Failure, Random};

use crate::{OauthClient, OauthError, RefreshLease, Stored};
use slots::{Joined, Slots};

/// What a caller is told to wait who learns of a failure first, if the vendor does not say.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);

/// How long renewals take and rest.
#[derive(Debug, Clone, Copy)]
pub struct RefreshSettings {
    /// How long to wait for another node that is at it.
    pub wait: Duration,
    /// The shortest wait before a look whether it is done, or before a failed write is tried again.
    pub look: Duration,
    /// How long a connection is left in peace after its first failure; each time twice as long.
    pub first_rest: Duration,
    /// The longest of these.
    pub longest_rest: Duration,
    /// The longest wait between two tries to store tokens that the database did not take; shorter than a lease lasts.
    pub longest_unsaved: Duration,
}

impl Default for RefreshSettings {
    fn default() -> Self {
        Self {
            wait: Duration::from_secs(20),
            look: Duration::from_millis(50),
            first_rest: Duration::from_secs(1),
            longest_rest: Duration::from_secs(300),
            longest_unsaved: Duration::from_secs(4),
        }
    }
}

/// A connection whose tokens are wanted.
#[derive(Debug, Clone)]
pub struct Job<K> {
    /// The connection.
    pub key: K,
    /// Its client.
    pub client: Arc<OauthClient>,
    /// The tokens that the caller has.
    pub seen: Stored,
}

/// Why there are no tokens that work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefreshError {
    /// Only a person can help, and has been told by an event.
    #[error("the vendor no longer accepts the authorization: authorize the connection again")]
    NeedsAuthorization,
    /// The vendor did not give new ones.
    #[error(transparent)]
    Vendor(OauthError),
    /// It failed a moment ago and is left in peace.
    #[error("{why}; it is tried again in {} s", .left.as_secs().max(1))]
    Resting {
        /// What it failed with.
        why: Box<RefreshError>,
        /// For how long still.
        left: Duration,
    },
    /// The database failed.
    #[error("new tokens cannot be stored")]
    Store(Failure),
    /// Another node is at it for too long.
    #[error("the tokens are being renewed by another node, which takes long")]
    Busy,
    /// The connection was deleted.
    #[error("the connection is gone")]
    Gone,
    /// Our defect: the task ended without a result.
    #[error("the renewal broke off")]
    BrokeOff,
}

impl RefreshError {
    /// When to try again.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Vendor(error) => error.retry_after(),
            Self::Resting { left, .. } => Some(*left),
            _ => None,
        }
    }

    pub(crate) fn waiting(self, left: Duration) -> Self {
        Self::Resting { why: Box::new(self), left }
    }

    /// What it is, as the label of a metric.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::NeedsAuthorization => "reauthorization_needed",
            Self::Vendor(_) => "vendor_failed",
            Self::Resting { .. } => "resting",
            Self::Store(_) => "not_stored",
            Self::Busy => "busy",
            Self::Gone => "gone",
            Self::BrokeOff => "broke_off",
        }
    }

    /// True if asking at once again would most likely end the same.
    const fn calls_for_rest(&self) -> bool {
        matches!(self, Self::Vendor(_) | Self::Store(_) | Self::BrokeOff)
    }
}

impl From<RefreshError> for Failure {
    fn from(error: RefreshError) -> Self {
        match error {
            RefreshError::Vendor(error) => {
                let retry_after = error.retry_after().or_else(|| error.is_transient().then_some(SHORTEST_WAIT));
                Self { retry_after, ..error.into() }
            }
            RefreshError::Store(failure) => failure,
            RefreshError::Resting { why, left } => Self::from(*why).retry_after(left),
            RefreshError::NeedsAuthorization => Self::new(Code::ReauthorizationNeeded, error.to_string()),
            RefreshError::Busy => Self::new(Code::Unavailable, error.to_string()),
            RefreshError::Gone => Self::new(Code::ConnectionMissing, error.to_string()),
            RefreshError::BrokeOff => Self::internal(error),
        }
    }
}

/// Renews tokens. One for the whole hub; cheap to clone.
pub struct Refresher<L: RefreshLease>(Arc<Inner<L>>);

struct Inner<L: RefreshLease> {
    lease: L,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    settings: RefreshSettings,
    slots: Slots<L::Key, L::Lease>,
}

impl<L: RefreshLease> Clone for Refresher<L> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<L: RefreshLease> fmt::Debug for Refresher<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refresher").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}

impl<L: RefreshLease> Refresher<L> {
    /// A refresher that stores through this.
    #[must_use]
    pub fn new(lease: L, clock: Arc<dyn Clock>, random: Arc<dyn Random>, settings: RefreshSettings) -> Self {
        Self(Arc::new(Inner { lease, clock, random, settings, slots: Slots::default() }))
    }

    /// Tokens to use now: those that the caller has, as long as they are good. When it is time to renew them, that
    /// begins beside the call, which does not wait for it; a failure of it changes nothing while they are good. Only
    /// when they are not does the call wait for new ones.
    ///
    /// Costs nothing while the tokens are fresh. Needs a tokio runtime.
    ///
    /// # Errors
    /// See [`RefreshError`].
    pub async fn current(&self, job: &Job<L::Key>) -> Result<Stored, RefreshError> {
        let (now, seen) = (self.0.clock.now(), &job.seen);
        if !seen.tokens.is_due(now) {
            return Ok(seen.clone());
        }
        if seen.tokens.is_usable(now) {
            if !seen.needs_authorization {
                self.0.join(job);
            }
            return Ok(seen.clone());
        }
        self.renew(job).await
    }

    /// Newer tokens than the caller has, whatever their time: the vendor refused those. Whatever else happens at the
    /// same time, in this process or on another node, the vendor is asked at most once for each version.
    ///
    /// Safe to drop: the renewal goes on and its result is stored. Needs a tokio runtime.
    ///
    /// # Errors
    /// See [`RefreshError`].
    pub async fn renew(&self, job: &Job<L::Key>) -> Result<Stored, RefreshError> {
        // A flight that began before the caller's tokens were stored may land with just those: then another follows.
        for _ in 0..3 {
            let landing = match self.0.join(job) {
                Joined::Resting(error) => return Err(error),
                Joined::Flight(mut flight) => {
                    let landed = flight.wait_for(Option::is_some).await;
                    landed.ok().and_then(|landing| landing.clone()).unwrap_or(Err(RefreshError::BrokeOff))
                }
            };
            match landing {
                Ok(stored) if stored.version <= job.seen.version => {}
                landing => return landing,
            }
        }
        Err(RefreshError::Busy)
    }

    /// Says that the connection must be authorized again, for a reason that the token endpoint does not tell. Changes nothing
    /// if the caller's tokens are no longer the stored ones.
    ///
    /// # Errors
    /// See [`RefreshError`].
    pub async fn require_authorization(&self, job: &Job<L::Key>, reason: OauthError) -> Result<(), RefreshError> {
        self.0.refuse(job, reason).await
    }

    /// Waits for the renewals that are under way, and tries once more to store what could not be stored. Before the
    /// database is closed: what a vendor has answered must be stored, or a refresh token that rotates is lost.
    pub async fn settled(&self) {
        for mut flight in self.0.slots.flights() {
            // One that broke off has nothing to store.
            let _ = flight.wait_for(Option::is_some).await;
        }
        for (key, unsaved) in self.0.slots.unsaved() {
            self.0.deliver(&key, &unsaved).await;
            if self.0.slots.with(&key, |slot| slot.keeps(&unsaved)) {
                tracing::error!("new tokens of a connection are lost: the database did not take them");
            }
        }
    }

    /// Forgets what is remembered of a connection that was deleted or authorized anew, or whose client was changed: its
    /// rest, and tokens that could not be stored.
    pub fn forget(&self, key: &L::Key) {
        let Some(unsaved) = self.0.slots.forget(key) else { return };
        let inner = Arc::clone(&self.0);
        tokio::spawn(async move { inner.lease.release(&unsaved.lease).await });
    }

    /// Ends the rest of a connection after a failure: something was put right.
    pub fn wake(&self, key: &L::Key) {
        self.0.slots.with(key, |slot| slot.calm = None);
    }
}
