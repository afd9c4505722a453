//! What the hub's database does for renewals: one node at a time, and what was stored is what counts.
//!
//! A lease keeps other nodes from asking the vendor at the same time; it ends by itself, so that a node that dies does
//! not hold a connection forever. It is the version of the stored tokens, not the lease, that decides what is stored: a
//! node that was slow finds a newer version and takes that. A lock in memory alone was rejected: with a vendor that
//! rotates refresh tokens, two nodes that renew at once end the grant.

use std::{hash::Hash, sync::Arc, time::Duration};

use patchbay_model::{Failure, Timestamp};

use crate::{OauthError, Tokens};

/// A connection's tokens as they are stored.
#[derive(Debug, Clone)]
pub struct Stored {
    /// The tokens.
    pub tokens: Arc<Tokens>,
    /// Counts what was stored for the connection: every commit and every new authorization has a higher one.
    pub version: u64,
    /// The vendor takes the refresh token no more: only a new authorization helps.
    pub needs_authorization: bool,
}

/// What came of asking for a lease.
#[derive(Debug)]
pub enum Acquired<L> {
    /// This node may renew; what is stored now, read after the lease was had.
    Mine(L, Stored),
    /// Another node is at it.
    Theirs,
    /// There is no such connection any more.
    Gone,
}

/// What came of storing.
#[derive(Debug, Clone)]
pub enum Committed {
    /// It is stored, as this.
    Stored(Stored),
    /// Nothing was stored: there is something newer already, which is this.
    Newer(Stored),
    /// Nothing was stored: there is no such connection any more.
    Gone,
}

/// Why a connection must be authorized again: for the event and the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reauthorization {
    /// What the vendor said, redacted.
    pub reason: OauthError,
    /// When it said so.
    pub at: Timestamp,
}

/// How renewing fails while it may still succeed without a new authorization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailingKind {
    /// The vendor does not accept the hub as its client.
    ClientRejected,
    /// The vendor refuses a grant that needs nobody's consent.
    GrantRefused,
}

/// A connection that somebody should look after, though the hub goes on trying.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failing {
    /// How.
    pub kind: FailingKind,
    /// What the vendor said, redacted.
    pub reason: OauthError,
    /// When it said so.
    pub at: Timestamp,
}

/// Renewals of a connection, one at a time among all nodes.
///
/// Failures are the database's. [`commit`](Self::commit) and
/// [`require_authorization`](Self::require_authorization) are called again after a failure, so each must find its own
/// work done if only the news of it was lost: then the stored version is higher and the tokens are the same.
pub trait RefreshLease: Send + Sync + 'static {
    /// Names a connection.
    type Key: Clone + Eq + Hash + Send + Sync + 'static;
    /// The right to renew one.
    type Lease: Send + Sync + 'static;

    /// Asks for the right to renew a connection for at most this time.
    fn acquire(
        &self,
        key: &Self::Key,
        for_at_most: Duration,
    ) -> impl Future<Output = Result<Acquired<Self::Lease>, Failure>> + Send;

    /// Makes a right last for this time from now on. False if it has ended and somebody else has it.
    fn extend(&self, lease: &Self::Lease, for_at_most: Duration) -> impl Future<Output = Result<bool, Failure>> + Send;

    /// What is stored, if its version is higher than this one.
    fn read_newer(&self, key: &Self::Key, than: u64) -> impl Future<Output = Result<Option<Stored>, Failure>> + Send;

    /// Stores tokens under the next version, if the stored version is still `based_on`; durably, before it returns.
    fn commit(
        &self,
        lease: &Self::Lease,
        based_on: u64,
        tokens: &Tokens,
    ) -> impl Future<Output = Result<Committed, Failure>> + Send;

    /// Marks the connection as one that must be authorized again, if the stored version is still `based_on` and it is
    /// not marked yet, and makes the event of it in the same transaction: so there is exactly one, however many nodes
    /// and callers learn of it and whoever dies when. The version stays.
    fn require_authorization(
        &self,
        lease: &Self::Lease,
        based_on: u64,
        why: &Reauthorization,
    ) -> impl Future<Output = Result<Committed, Failure>> + Send;

    /// Writes down how renewing fails, if the stored version is still `based_on`, and makes the event of it in the same
    /// transaction unless it fails so already.
    fn note_failing(
        &self,
        lease: &Self::Lease,
        based_on: u64,
        failing: &Failing,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Sees to it that tokens of a connection that is gone are given back to the vendor some time: it could not be done now.
    fn revoke_later(&self, key: &Self::Key, tokens: &Tokens) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Gives the right back. If that fails, it ends by its time.
    fn release(&self, lease: &Self::Lease) -> impl Future<Output = ()> + Send;
}
