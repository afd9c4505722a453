//! Those who may become members.

use patchbay_model::{InvitationId, OrgId, identity::Invitation};
use uuid::Uuid;

use super::Identities;
use crate::{
    StorageError, Tx,
    column::{after, limit as row_limit, time, word},
    text::Text,
};

/// An org's invitations that nobody has accepted yet, ended ones too until they are swept.
#[derive(Debug)]
pub struct Invitations<'a> {
    pub(crate) tx: &'a mut Tx,
    pub(crate) org: OrgId,
}

#[derive(sqlx::FromRow)]
struct Row {
    org_id: Uuid,
    id: Uuid,
    email: Text,
    role: String,
    invited_by: Text,
    created_at: i64,
    expires_at: i64,
}

impl TryFrom<Row> for Invitation {
    type Error = StorageError;

    fn try_from(row: Row) -> Result<Self, StorageError> {
        Ok(Self {
            id: InvitationId(row.id),
            org: OrgId(row.org_id),
            email: row.email.0,
            role: word(&row.role)?,
            invited_by: row.invited_by.0,
            created_at: time(row.created_at)?,
            expires_at: time(row.expires_at)?,
        })
    }
}

macro_rules! columns {
    ($before:literal, $after:literal) => {
        concat!($before, " org_id, id, email, role, invited_by, created_at, expires_at ", $after)
    };
}

impl Invitations<'_> {
    /// Adds an invitation under the keyed hash of its token, in the place of another one for the same address.
    ///
    /// # Errors
    /// `Missing` if there is no such org.
    pub async fn put(&mut self, invitation: &Invitation, hash: &[u8; 32]) -> Result<(), StorageError> {
        execute!(
            self.tx,
            "DELETE FROM invitation WHERE org_id = $1 AND email = $2",
            self.org.0,
            Text(&invitation.email),
        )?;
        execute!(
            self.tx,
            "INSERT INTO invitation (org_id, id, hash, email, role, invited_by, created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            self.org.0,
            invitation.id.0,
            hash.as_slice(),
            Text(&invitation.email),
            invitation.role.as_str(),
            Text(&invitation.invited_by),
            invitation.created_at.timestamp_micros(),
            invitation.expires_at.timestamp_micros(),
        )?;
        Ok(())
    }

    /// One invitation.
    ///
    /// # Errors
    /// The database fails.
    pub async fn get(&mut self, id: InvitationId) -> Result<Option<Invitation>, StorageError> {
        let sql = columns!("SELECT", "FROM invitation WHERE org_id = $1 AND id = $2");
        fetch_optional!(self.tx, Row, sql, self.org.0, id.0)?.map(Invitation::try_from).transpose()
    }

    /// Invitations after one, in the order in which they were made.
    ///
    /// # Errors
    /// The database fails.
    pub async fn list(&mut self, after_id: Option<InvitationId>, limit: u32) -> Result<Vec<Invitation>, StorageError> {
        let sql = columns!("SELECT", "FROM invitation WHERE org_id = $1 AND id > $2 ORDER BY id LIMIT $3");
        fetch_all!(self.tx, Row, sql, self.org.0, after(after_id.map(|id| id.0)), row_limit(limit))?
            .into_iter()
            .map(Invitation::try_from)
            .collect()
    }

    /// Takes an invitation back. False if there is none.
    ///
    /// # Errors
    /// The database fails.
    pub async fn delete(&mut self, id: InvitationId) -> Result<bool, StorageError> {
        let rows = execute!(self.tx, "DELETE FROM invitation WHERE org_id = $1 AND id = $2", self.org.0, id.0)?;
        Ok(rows > 0)
    }
}

impl Identities<'_> {
    /// The invitation that a token stands for, also an ended one.
    ///
    /// # Errors
    /// The database fails.
    pub async fn invitation_by_hash(&mut self, hash: &[u8; 32]) -> Result<Option<Invitation>, StorageError> {
        let sql = columns!("SELECT", "FROM invitation WHERE hash = $1");
        fetch_optional!(self.tx, Row, sql, hash.as_slice())?.map(Invitation::try_from).transpose()
    }

    /// Takes an invitation out of the database: whoever gets it is the only one. Also an ended one, which its taker must not
    /// go on with.
    ///
    /// # Errors
    /// The database fails.
    pub async fn take_invitation(&mut self, hash: &[u8; 32]) -> Result<Option<Invitation>, StorageError> {
        let sql = columns!("DELETE FROM invitation WHERE hash = $1 RETURNING", "");
        fetch_optional!(self.tx, Row, sql, hash.as_slice())?.map(Invitation::try_from).transpose()
    }
}
