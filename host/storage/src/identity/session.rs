//! Members who signed in.

use patchbay_model::{
    OrgId, SessionId, Timestamp, UserId,
    identity::{Role, Session},
};
use uuid::Uuid;

use super::Identities;
use crate::{
    StorageError, Tx,
    column::{time, word},
    text::{Text, optional},
};

/// An org's sessions.
#[derive(Debug)]
pub struct Sessions<'a> {
    pub(crate) tx: &'a mut Tx,
    pub(crate) org: OrgId,
}

/// A session, and what its member is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundSession {
    /// The session, also one that has ended by time: telling is the caller's.
    pub session: Session,
    /// The member's role.
    pub role: Role,
}

#[derive(sqlx::FromRow)]
struct Row {
    org_id: Uuid,
    id: Uuid,
    user_id: Uuid,
    method: String,
    user_agent: Option<Text>,
    address: Option<Text>,
    created_at: i64,
    used_at: i64,
    expires_at: i64,
    role: String,
}

impl TryFrom<Row> for FoundSession {
    type Error = StorageError;

    fn try_from(row: Row) -> Result<Self, StorageError> {
        let session = Session {
            id: SessionId(row.id),
            org: OrgId(row.org_id),
            user: UserId(row.user_id),
            method: word(&row.method)?,
            user_agent: optional(row.user_agent),
            address: optional(row.address),
            created_at: time(row.created_at)?,
            used_at: time(row.used_at)?,
            expires_at: time(row.expires_at)?,
        };
        Ok(Self { session, role: word(&row.role)? })
    }
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT session.org_id, session.id, session.user_id, session.method, session.user_agent, session.address,
               session.created_at, session.used_at, session.expires_at, member.role
             FROM session JOIN member ON member.org_id = session.org_id AND member.user_id = session.user_id ",
            $rest
        )
    };
}

impl Sessions<'_> {
    /// Adds a session under the keyed hash of its token.
    ///
    /// # Errors
    /// `Missing` if the user is no member of the org.
    pub async fn insert(&mut self, session: &Session, hash: &[u8; 32]) -> Result<(), StorageError> {
        execute!(
            self.tx,
            "INSERT INTO session
               (org_id, id, user_id, hash, method, user_agent, address, created_at, used_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            self.org.0,
            session.id.0,
            session.user.0,
            hash.as_slice(),
            session.method.as_str(),
            session.user_agent.as_deref().map(Text),
            session.address.as_deref().map(Text),
            session.created_at.timestamp_micros(),
            session.used_at.timestamp_micros(),
            session.expires_at.timestamp_micros(),
        )?;
        Ok(())
    }

    /// Notes that a session was used; never goes back.
    ///
    /// # Errors
    /// The database fails.
    pub async fn used(&mut self, id: SessionId, at: Timestamp) -> Result<(), StorageError> {
        execute!(
            self.tx,
            "UPDATE session SET used_at = $3 WHERE org_id = $1 AND id = $2 AND used_at < $3",
            self.org.0,
            id.0,
            at.timestamp_micros(),
        )?;
        Ok(())
    }
}

impl Identities<'_> {
    /// The session that a token stands for.
    ///
    /// # Errors
    /// The database fails.
    pub async fn session_by_hash(&mut self, hash: &[u8; 32]) -> Result<Option<FoundSession>, StorageError> {
        fetch_optional!(self.tx, Row, select!("WHERE session.hash = $1"), hash.as_slice())?
            .map(FoundSession::try_from)
            .transpose()
    }

    /// A user's sessions in all orgs, the newest first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn sessions(&mut self, user: UserId) -> Result<Vec<FoundSession>, StorageError> {
        fetch_all!(self.tx, Row, select!("WHERE session.user_id = $1 ORDER BY session.id DESC"), user.0)?
            .into_iter()
            .map(FoundSession::try_from)
            .collect()
    }

    /// Ends one session of a user, and gives the org that it was in. None if there is none.
    ///
    /// # Errors
    /// The database fails.
    pub async fn end_session(&mut self, user: UserId, id: SessionId) -> Result<Option<OrgId>, StorageError> {
        let ended: Option<(Uuid,)> = fetch_optional!(
            self.tx,
            (Uuid,),
            "DELETE FROM session WHERE user_id = $1 AND id = $2 RETURNING org_id",
            user.0,
            id.0,
        )?;
        Ok(ended.map(|(org,)| OrgId(org)))
    }

    /// Keeps at most so many sessions of a user: the newest.
    ///
    /// # Errors
    /// The database fails.
    pub async fn keep_newest_sessions(&mut self, user: UserId, most: u32) -> Result<u64, StorageError> {
        execute!(
            self.tx,
            "DELETE FROM session WHERE user_id = $1 AND id NOT IN
               (SELECT id FROM session WHERE user_id = $1 ORDER BY id DESC LIMIT $2)",
            user.0,
            i64::from(most),
        )
    }
}

pub(super) async fn end_all(tx: &mut Tx, user: UserId) -> Result<Vec<OrgId>, StorageError> {
    let ended: Vec<(Uuid,)> =
        fetch_all!(tx, (Uuid,), "DELETE FROM session WHERE user_id = $1 RETURNING org_id", user.0)?;
    Ok(ended.into_iter().map(|(org,)| OrgId(org)).collect())
}
