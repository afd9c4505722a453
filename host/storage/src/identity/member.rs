//! Users in an org.

use patchbay_model::{
    OrgId, Timestamp, UserId,
    identity::{Member, Role},
};
use uuid::Uuid;

use crate::{
    StorageError, Tx,
    column::{after, limit as row_limit, time, word},
    text::Text,
};

/// An org's members.
#[derive(Debug)]
pub struct Members<'a> {
    pub(crate) tx: &'a mut Tx,
    pub(crate) org: OrgId,
}

#[derive(sqlx::FromRow)]
struct Row {
    org_id: Uuid,
    user_id: Uuid,
    email: Text,
    name: Text,
    role: String,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<Row> for Member {
    type Error = StorageError;

    fn try_from(row: Row) -> Result<Self, StorageError> {
        Ok(Self {
            org: OrgId(row.org_id),
            user: UserId(row.user_id),
            email: row.email.0,
            name: row.name.0,
            role: word(&row.role)?,
            created_at: time(row.created_at)?,
            updated_at: time(row.updated_at)?,
        })
    }
}

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT org_id, user_id, email, name, role, created_at, updated_at FROM member ", $rest)
    };
}

impl Members<'_> {
    /// Adds a member.
    ///
    /// # Errors
    /// `AlreadyExists` if the user is one, `Missing` if there is no such org or user.
    pub async fn insert(&mut self, member: &Member) -> Result<(), StorageError> {
        execute!(
            self.tx,
            "INSERT INTO member (org_id, user_id, email, name, role, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            self.org.0,
            member.user.0,
            Text(&member.email),
            Text(&member.name),
            member.role.as_str(),
            member.created_at.timestamp_micros(),
            member.updated_at.timestamp_micros(),
        )?;
        Ok(())
    }

    /// One member.
    ///
    /// # Errors
    /// The database fails.
    pub async fn get(&mut self, user: UserId) -> Result<Option<Member>, StorageError> {
        fetch_optional!(self.tx, Row, select!("WHERE org_id = $1 AND user_id = $2"), self.org.0, user.0)?
            .map(Member::try_from)
            .transpose()
    }

    /// The member with this e-mail address, which is in lower case.
    ///
    /// # Errors
    /// The database fails.
    pub async fn by_email(&mut self, email: &str) -> Result<Option<Member>, StorageError> {
        fetch_optional!(self.tx, Row, select!("WHERE org_id = $1 AND email = $2"), self.org.0, Text(email))?
            .map(Member::try_from)
            .transpose()
    }

    /// Members after one, in the order of their users' ids.
    ///
    /// # Errors
    /// The database fails.
    pub async fn list(&mut self, after_user: Option<UserId>, limit: u32) -> Result<Vec<Member>, StorageError> {
        fetch_all!(
            self.tx,
            Row,
            select!("WHERE org_id = $1 AND user_id > $2 ORDER BY user_id LIMIT $3"),
            self.org.0,
            after(after_user.map(|id| id.0)),
            row_limit(limit),
        )?
        .into_iter()
        .map(Member::try_from)
        .collect()
    }

    /// How many members have a role. To rely on it, lock the org first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn count(&mut self, role: Role) -> Result<u64, StorageError> {
        let row: Option<(i64,)> = fetch_optional!(
            self.tx,
            (i64,),
            "SELECT count(*) FROM member WHERE org_id = $1 AND role = $2",
            self.org.0,
            role.as_str(),
        )?;
        Ok(row.map_or(0, |(count,)| crate::column::unsigned(count)))
    }

    /// Gives a member another role. False if there is no such member.
    ///
    /// # Errors
    /// The database fails.
    pub async fn set_role(&mut self, user: UserId, role: Role, at: Timestamp) -> Result<bool, StorageError> {
        let rows = execute!(
            self.tx,
            "UPDATE member SET role = $3, updated_at = $4 WHERE org_id = $1 AND user_id = $2",
            self.org.0,
            user.0,
            role.as_str(),
            at.timestamp_micros(),
        )?;
        Ok(rows > 0)
    }

    /// Removes a member, and with it their sessions in the org. False if there is no such member.
    ///
    /// # Errors
    /// The database fails.
    pub async fn delete(&mut self, user: UserId) -> Result<bool, StorageError> {
        let rows = execute!(self.tx, "DELETE FROM member WHERE org_id = $1 AND user_id = $2", self.org.0, user.0)?;
        Ok(rows > 0)
    }
}
