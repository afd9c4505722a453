//! Users of the hub, whatever their orgs.

use patchbay_model::{
    OrgId, Timestamp, UserId,
    identity::{Membership, User},
};
use uuid::Uuid;

use super::Identities;
use crate::{
    StorageError,
    column::{micros, optional_time, time, word},
    text::{Text, optional},
};

/// A user with what is stored of their password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Who.
    pub user: User,
    /// In the PHC's form; none if they sign in by an identity provider.
    pub password_hash: Option<String>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    email: Text,
    email_verified_at: Option<i64>,
    name: Text,
    password_hash: Option<Text>,
    created_at: i64,
}

impl TryFrom<Row> for Credentials {
    type Error = StorageError;

    fn try_from(row: Row) -> Result<Self, StorageError> {
        let user = User {
            id: UserId(row.id),
            email: row.email.0,
            email_verified_at: optional_time(row.email_verified_at)?,
            name: row.name.0,
            created_at: time(row.created_at)?,
        };
        Ok(Self { user, password_hash: optional(row.password_hash) })
    }
}

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT id, email, email_verified_at, name, password_hash, created_at FROM user_account ", $rest)
    };
}

impl Identities<'_> {
    /// Adds a user.
    ///
    /// # Errors
    /// `AlreadyExists` if another user has the e-mail address.
    pub async fn insert_user(&mut self, user: &User, password_hash: Option<&str>) -> Result<(), StorageError> {
        execute!(
            self.tx,
            "INSERT INTO user_account (id, email, email_verified_at, name, password_hash, created_at)
             VALUES ($1, $2, $3, $4, $5, $6)",
            user.id.0,
            Text(&user.email),
            micros(user.email_verified_at),
            Text(&user.name),
            password_hash.map(Text),
            user.created_at.timestamp_micros(),
        )?;
        Ok(())
    }

    /// A user.
    ///
    /// # Errors
    /// The database fails.
    pub async fn user(&mut self, id: UserId) -> Result<Option<Credentials>, StorageError> {
        fetch_optional!(self.tx, Row, select!("WHERE id = $1"), id.0)?.map(Credentials::try_from).transpose()
    }

    /// The user with this e-mail address, which is in lower case.
    ///
    /// # Errors
    /// The database fails.
    pub async fn user_by_email(&mut self, email: &str) -> Result<Option<Credentials>, StorageError> {
        fetch_optional!(self.tx, Row, select!("WHERE email = $1"), Text(email))?.map(Credentials::try_from).transpose()
    }

    /// Whom an identity provider means.
    ///
    /// # Errors
    /// The database fails.
    pub async fn user_by_subject(&mut self, issuer: &str, subject: &str) -> Result<Option<Credentials>, StorageError> {
        fetch_optional!(
            self.tx,
            Row,
            select!("WHERE id = (SELECT user_id FROM user_subject WHERE issuer = $1 AND subject = $2)"),
            Text(issuer),
            Text(subject),
        )?
        .map(Credentials::try_from)
        .transpose()
    }

    /// Says that an identity provider means this user from now on.
    ///
    /// # Errors
    /// `AlreadyExists` if it means somebody already.
    pub async fn insert_subject(
        &mut self,
        issuer: &str,
        subject: &str,
        user: UserId,
        at: Timestamp,
    ) -> Result<(), StorageError> {
        execute!(
            self.tx,
            "INSERT INTO user_subject (issuer, subject, user_id, created_at) VALUES ($1, $2, $3, $4)",
            Text(issuer),
            Text(subject),
            user.0,
            at.timestamp_micros(),
        )?;
        Ok(())
    }

    /// Puts a password in the place of the one that somebody looked at before; false if it is another one by now. With the
    /// same one twice it changes nothing, and keeps others from changing it until this transaction ends.
    ///
    /// # Errors
    /// The database fails.
    pub async fn replace_password(&mut self, id: UserId, before: &str, after: &str) -> Result<bool, StorageError> {
        let rows = execute!(
            self.tx,
            "UPDATE user_account SET password_hash = $3 WHERE id = $1 AND password_hash = $2",
            id.0,
            Text(before),
            Text(after),
        )?;
        Ok(rows > 0)
    }

    /// Sets a password whatever was there, or takes it away. False if there is no such user.
    ///
    /// # Errors
    /// The database fails.
    pub async fn set_password(&mut self, id: UserId, hash: Option<&str>) -> Result<bool, StorageError> {
        let rows = execute!(self.tx, "UPDATE user_account SET password_hash = $2 WHERE id = $1", id.0, hash.map(Text))?;
        Ok(rows > 0)
    }

    /// Notes that the user's e-mail address is theirs; the first time stays.
    ///
    /// # Errors
    /// The database fails.
    pub async fn set_email_verified(&mut self, id: UserId, at: Timestamp) -> Result<(), StorageError> {
        execute!(
            self.tx,
            "UPDATE user_account SET email_verified_at = $2 WHERE id = $1 AND email_verified_at IS NULL",
            id.0,
            at.timestamp_micros(),
        )?;
        Ok(())
    }

    /// The orgs that a user is a member of, the oldest first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn memberships(&mut self, user: UserId) -> Result<Vec<Membership>, StorageError> {
        type MembershipRow = (Uuid, Text, String);
        fetch_all!(
            self.tx,
            MembershipRow,
            "SELECT member.org_id, org.name, member.role FROM member JOIN org ON org.id = member.org_id
             WHERE member.user_id = $1 ORDER BY member.org_id",
            user.0,
        )?
        .into_iter()
        .map(|(org, name, role)| Ok(Membership { org: OrgId(org), name: name.0, role: word(&role)? }))
        .collect()
    }
}
