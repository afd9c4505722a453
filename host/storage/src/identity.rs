//! People: the tables of users, members, invitations, sessions and sign-ins.
//!
//! A user is nobody's: [`Identities`] asks and changes what concerns all orgs, under the hub's role. What an org has of
//! its people are its own rows, as everywhere: [`Members`], [`Invitations`], [`Sessions`], [`ConnectSessions`].

mod attempt;
mod connect_session;
mod invitation;
mod member;
mod session;
mod user;

use patchbay_model::{OrgId, Timestamp, UserId};

use crate::{HubTx, StorageError, Tx, column::limit as row_limit};

pub use attempt::{Attempt, Attempts};
pub use connect_session::ConnectSessions;
pub use invitation::Invitations;
pub use member::Members;
pub use session::{FoundSession, Sessions};
pub use user::Credentials;

/// Users, and who is behind a token: questions before the org is known.
#[derive(Debug)]
pub struct Identities<'a> {
    tx: &'a mut Tx,
}

impl HubTx<'_> {
    /// Users of the hub, and what tokens stand for.
    pub fn identities(&mut self) -> Identities<'_> {
        Identities { tx: self.tx }
    }
}

/// What may have ended by itself and is cleared away.
#[derive(Debug, Clone, Copy)]
pub struct Ended {
    /// Invitations, sessions and connect sessions that end by now.
    pub now: Timestamp,
    /// Sessions that were not used since.
    pub idle_since: Timestamp,
    /// Failed sign-ins before that are forgotten.
    pub forget_before: Timestamp,
}

impl Identities<'_> {
    /// Deletes what has ended, at most `limit` rows of each kind, and gives the largest of the numbers. A connect session is
    /// kept for a day after its end, so that what came of it can be asked.
    ///
    /// # Errors
    /// The database fails.
    pub async fn sweep(&mut self, ended: Ended, limit: u32) -> Result<u64, StorageError> {
        let limit = row_limit(limit);
        let now = ended.now.timestamp_micros();
        // What can change while the deletion waits for the row is asked again outside: on PostgreSQL only that is looked at
        // anew then.
        let sessions = execute!(
            self.tx,
            "DELETE FROM session WHERE (expires_at <= $1 OR used_at <= $2) AND hash IN
               (SELECT hash FROM session WHERE expires_at <= $1 OR used_at <= $2 LIMIT $3)",
            now,
            ended.idle_since.timestamp_micros(),
            limit,
        )?;
        let invitations = execute!(
            self.tx,
            "DELETE FROM invitation WHERE hash IN (SELECT hash FROM invitation WHERE expires_at <= $1 LIMIT $2)",
            now,
            limit,
        )?;
        let a_day_ago = now - 86_400_000_000;
        let connects = execute!(
            self.tx,
            "DELETE FROM connect_session WHERE hash IN
               (SELECT hash FROM connect_session WHERE expires_at <= $1 LIMIT $2)",
            a_day_ago,
            limit,
        )?;
        let attempts = execute!(
            self.tx,
            "DELETE FROM sign_in_attempt WHERE last_at <= $1 AND locked_until <= $2 AND subject IN
               (SELECT subject FROM sign_in_attempt WHERE last_at <= $1 AND locked_until <= $2 LIMIT $3)",
            ended.forget_before.timestamp_micros(),
            now,
            limit,
        )?;
        Ok(sessions.max(invitations).max(connects).max(attempts))
    }

    /// Ends all sessions of a user in all orgs, and gives for each in which org it was.
    ///
    /// # Errors
    /// The database fails.
    pub async fn end_sessions(&mut self, user: UserId) -> Result<Vec<OrgId>, StorageError> {
        session::end_all(self.tx, user).await
    }
}
