//! What can go wrong between the hub and its database.

use std::{io, sync::Arc};

use patchbay_model::{Code, Failure};
use sqlx::error::ErrorKind;

/// A failure of the database. Can be cloned, because the journal answers many callers with one error.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StorageError {
    /// A unique key is taken; names the constraint, never the values.
    #[error("already exists: {0}")]
    AlreadyExists(String),
    /// What the row belongs to is not there: an org that was never made or is gone.
    #[error("refers to something that does not exist: {0}")]
    Missing(String),
    /// The database was busy for longer than we wait.
    #[error("the database is busy")]
    Busy,
    /// The database or the journal was closed.
    #[error("the database is closed")]
    Closed,
    /// The value is not a decimal number, or the sum passes 64 bits.
    #[error("the value is not a counter, or the sum passes 64 bits")]
    NotACounter,
    /// An index field that cannot be asked for.
    #[error("{0:?} cannot be used as an index: give a JSON Pointer without quotes")]
    InvalidPointer(String),
    /// A database URL that is not understood.
    #[error("{0:?} is not a database URL: give sqlite: and a path")]
    InvalidUrl(String),
    /// A stored value is not what this version writes.
    #[error("a stored value is not readable: {0}")]
    Corrupt(String),
    /// The database's file cannot be made.
    #[error("the database file cannot be opened")]
    Io(#[source] Arc<io::Error>),
    /// The schema could not be brought up to date.
    #[error("the migrations failed")]
    Migration(#[source] Arc<sqlx::migrate::MigrateError>),
    /// Anything else that the database said.
    #[error("the database failed: {0}")]
    Database(#[source] Arc<sqlx::Error>),
}

impl StorageError {
    /// A stored value that cannot be read back; `what` names the column, never the value.
    pub(crate) fn corrupt(what: &str) -> Self {
        Self::Corrupt(what.to_owned())
    }

    /// True if no row can be to blame, so that the same rows one by one would end likewise.
    pub(crate) fn is_about_the_database(&self) -> bool {
        matches!(self, Self::Busy | Self::Closed)
    }
}

impl From<sqlx::Error> for StorageError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::PoolTimedOut => return Self::Busy,
            sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => return Self::Closed,
            sqlx::Error::ColumnDecode { index, .. } => return Self::Corrupt(index.clone()),
            sqlx::Error::Database(database) => match database.kind() {
                ErrorKind::UniqueViolation => return Self::AlreadyExists(constraint(database.message())),
                ErrorKind::ForeignKeyViolation => return Self::Missing(constraint(database.message())),
                // SQLITE_BUSY, SQLITE_LOCKED and what extends them: the low byte says it.
                _ if database
                    .code()
                    .and_then(|code| code.parse::<u32>().ok())
                    .is_some_and(|code| matches!(code & 0xff, 5 | 6)) =>
                {
                    return Self::Busy;
                }
                _ => {}
            },
            _ => {}
        }
        Self::Database(Arc::new(error))
    }
}

/// `org.id` out of SQLite's `UNIQUE constraint failed: org.id`.
fn constraint(message: &str) -> String {
    message.rsplit_once(": ").map_or(message, |(_, constraint)| constraint).to_owned()
}

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Self {
        match &error {
            StorageError::AlreadyExists(_) => Self::new(Code::Conflict, "").with_internal(error),
            StorageError::Missing(_) => Self::new(Code::NotFound, "").with_internal(error),
            StorageError::Busy | StorageError::Closed => {
                Self::new(Code::Unavailable, "the database did not answer in time").with_internal(error)
            }
            StorageError::NotACounter => Self::violation("", "a counter whose sum fits 64 bits"),
            StorageError::InvalidPointer(_) => Self::internal(&error),
            _ => Self::internal(with_sources(&error)),
        }
    }
}

fn with_sources(error: &StorageError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
