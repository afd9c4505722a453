//! Who guesses passwords is slowed down: by account and by address, across all hubs.
//!
//! A wait grows with each failure and ends by itself, so that nobody needs help to get in again, and somebody who keeps an
//! account locked on purpose keeps nobody out who is signed in, or who signs in by an identity provider.

use std::net::IpAddr;

use chrono::Duration;
use patchbay_model::{Code, Failure, Timestamp};
use patchbay_storage::{Attempt, Attempts, Tx};

use crate::{hub::Inner, network::network};

/// For one account: five mistakes are people's own.
const OF_AN_ACCOUNT: Attempts = Attempts {
    free: 5,
    first_wait: Duration::seconds(2),
    longest_wait: Duration::minutes(15),
    forgotten_after: Duration::hours(24),
};
/// From one address, which an office may share.
const FROM_AN_ADDRESS: Attempts = Attempts {
    free: 50,
    first_wait: Duration::seconds(2),
    longest_wait: Duration::minutes(15),
    forgotten_after: Duration::hours(24),
};
/// After so long without an attempt nothing is known any more.
pub(crate) const FORGOTTEN_AFTER: Duration = Duration::hours(24);

/// An attempt that was counted.
pub(crate) struct Counted {
    account: [u8; 32],
    address: Option<[u8; 32]>,
}

impl Inner {
    /// Counts an attempt to sign in to an account, whether there is one or not. `rate_limited` while one has to wait.
    pub(crate) async fn count_attempt(&self, email: &str, address: Option<IpAddr>) -> Result<Counted, Failure> {
        let counted = Counted {
            account: self.hasher.hash(&format!("sign-in account {email}")),
            address: address.map(|address| self.hasher.hash(&format!("sign-in address {}", network(address)))),
        };
        let now = self.clock.now();
        let mut tx = self.database.begin().await?;
        let mut hub = tx.hub();
        let mut identities = hub.identities();
        // in this order everywhere: who waits for a row holds none that the other waits for
        if let Attempt::Locked(until) = identities.attempt(&counted.account, now, OF_AN_ACCOUNT).await? {
            return Err(wait(until, now));
        }
        if let Some(address) = &counted.address
            && let Attempt::Locked(until) = identities.attempt(address, now, FROM_AN_ADDRESS).await?
        {
            return Err(wait(until, now));
        }
        tx.commit().await?;
        Ok(counted)
    }

    /// Takes a counted attempt back: it was no guess. In the transaction that signs in.
    pub(crate) async fn attempt_succeeded(&self, tx: &mut Tx, counted: &Counted) -> Result<(), Failure> {
        let mut hub = tx.hub();
        let mut identities = hub.identities();
        identities.forget_attempts(&counted.account).await?;
        if let Some(address) = &counted.address {
            identities.take_attempt_back(address).await?;
        }
        Ok(())
    }

    /// Forgets what was guessed for an account.
    pub(crate) async fn forget_attempts(&self, tx: &mut Tx, email: &str) -> Result<(), Failure> {
        let account = self.hasher.hash(&format!("sign-in account {email}"));
        Ok(tx.hub().identities().forget_attempts(&account).await?)
    }
}

fn wait(until: Timestamp, now: Timestamp) -> Failure {
    let wait = (until - now).to_std().unwrap_or_default();
    Failure::new(Code::RateLimited, "too many sign-ins failed: wait before the next one").retry_after(wait)
}
