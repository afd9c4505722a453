//! What can go wrong between the hub and its database.

use std::{io, sync::Arc};

use patchbay_model::{Code, Failure};
use sqlx::{
    error::{DatabaseError, ErrorKind},
    postgres::PgDatabaseError,
};

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
    /// Another transaction holds a row, or the org's lock, for longer than we wait.
    #[error("another transaction holds what this one needs")]
    Locked,
    /// Another transaction got in the way, on this hub or on another one; nothing of this one is kept.
    #[error("another transaction got in the way: try again")]
    Contended,
    /// The server does not answer. If it was lost during a commit, it is not known whether that was done.
    #[error("the database cannot be reached: {0}")]
    Unreachable(String),
    /// The database would not keep orgs apart, or the hub may not use it; says what to do about it.
    #[error("the database is not safe to serve from: {0}")]
    Unsafe(String),
    /// The hub's user may serve, and not do this.
    #[error(
        "the user of the database URL may not become patchbay_operator: run this with the URL of the tables' owner, or \
         GRANT patchbay_operator TO it"
    )]
    NotOperator,
    /// Asked of SQLite, which has no such thing.
    #[error("{0} is PostgreSQL's: the configured database is SQLite")]
    OnlyPostgres(&'static str),
    /// The database or the journal was closed.
    #[error("the database is closed")]
    Closed,
    /// The value is not a decimal number, or the sum passes 64 bits.
    #[error("the value is not a counter, or the sum passes 64 bits")]
    NotACounter,
    /// An index field that cannot be asked for.
    #[error("{0:?} cannot be used as an index: give a JSON Pointer without quotes")]
    InvalidPointer(String),
    /// A database URL that is not understood; without what may be a password.
    #[error("{0:?} is not a database URL: give sqlite: and a path, or postgres://user:password@host/database")]
    InvalidUrl(String),
    /// What is wrong with a URL of PostgreSQL; never the URL.
    #[error("the PostgreSQL URL is not usable: {0}: give postgres://user:password@host:port/database")]
    InvalidPostgresUrl(String),
    /// A stored value is not what this version writes.
    #[error("a stored value is not readable: {0}")]
    Corrupt(String),
    /// The database's file cannot be made.
    #[error("the database file cannot be opened")]
    Io(#[source] Arc<io::Error>),
    /// The schema could not be brought up to date.
    #[error("the migrations failed")]
    Migration(#[source] Arc<sqlx::migrate::MigrateError>),
    /// PostgreSQL refused a statement. Without its detail, which may quote a row.
    #[error("the database failed: {message} (SQLSTATE {code})")]
    Postgres {
        /// Its SQLSTATE.
        code: String,
        /// Its message.
        message: String,
    },
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
        matches!(self, Self::Busy | Self::Closed | Self::Contended | Self::Unreachable(_))
    }
}

impl From<sqlx::Error> for StorageError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::PoolTimedOut => return Self::Busy,
            sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => return Self::Closed,
            sqlx::Error::ColumnDecode { index, .. } => return Self::Corrupt(index.clone()),
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) | sqlx::Error::BeginFailed => {
                return Self::Unreachable(error.to_string());
            }
            sqlx::Error::Database(database) if database.try_downcast_ref::<PgDatabaseError>().is_some() => {
                return postgres(&**database);
            }
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

fn postgres(error: &dyn DatabaseError) -> StorageError {
    let constraint = error.constraint().unwrap_or("a constraint");
    by_code(&error.code().unwrap_or_default(), constraint, error.message())
}

fn by_code(code: &str, constraint: &str, message: &str) -> StorageError {
    match code {
        "23505" => StorageError::AlreadyExists(constraint.to_owned()),
        "23503" => StorageError::Missing(constraint.to_owned()),
        // serialization_failure, deadlock_detected
        "40001" | "40P01" => StorageError::Contended,
        // lock_not_available
        "55P03" => StorageError::Locked,
        // query_canceled, too_many_connections
        "57014" | "53300" => StorageError::Busy,
        // The server stops, has crashed, or has ended this session. Or it is a standby and takes no writes
        // (read_only_sql_transaction): the one that does is elsewhere.
        _ if code.starts_with("57P") || code.starts_with("08") || matches!(code, "25P03" | "25006") => {
            StorageError::Unreachable(message.to_owned())
        }
        _ => StorageError::Postgres { code: code.to_owned(), message: message.to_owned() },
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
            StorageError::Busy
            | StorageError::Locked
            | StorageError::Closed
            | StorageError::Contended
            | StorageError::Unreachable(_) => {
                Self::new(Code::Unavailable, "the database did not answer in time").with_internal(error)
            }
            StorageError::NotOperator => Self::new(Code::Conflict, error.to_string()),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_takes_no_writes_is_one_that_is_not_there() {
        for code in ["25006", "57P01", "08006"] {
            let error = by_code(code, "", "cannot execute INSERT in a read-only transaction");
            assert!(matches!(error, StorageError::Unreachable(_)), "{code}: {error:?}");
            assert_eq!(Failure::from(error).code, Code::Unavailable);
        }
    }

    #[test]
    fn a_row_that_is_held_is_about_rows_and_a_full_server_is_not() {
        assert!(!by_code("55P03", "", "").is_about_the_database());
        assert!(by_code("53300", "", "").is_about_the_database());
    }
}
