//! Where the database is. A URL of PostgreSQL has a password in it, so it can be told to nobody but the server:
//! it shows itself without one, and an error quotes nothing of it.

use std::{collections::BTreeSet, fmt, path::PathBuf, str::FromStr};

use secrecy::{ExposeSecret as _, SecretString};
use sqlx::{ConnectOptions as _, postgres::PgConnectOptions};
use url::Url;

use crate::StorageError;

/// How many connections one hub opens, unless its URL says otherwise. A server takes 100 in all as it comes.
const CONNECTIONS: u32 = 16;

/// What a PostgreSQL URL may say after its question mark. Others are refused: the driver would log them, with
/// their values, and go on without.
const PARAMETERS: [&str; 16] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "max_connections",
    "options",
    "password",
    "port",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "sslmode",
    "sslrootcert",
    "statement-cache-capacity",
    "user",
];

/// Where the database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// A file of SQLite, made when it is missing.
    Sqlite(PathBuf),
    /// A database of PostgreSQL, 14 or newer, which must be there.
    Postgres(PostgresUrl),
}

impl DatabaseUrl {
    /// The SQLite file at this path.
    pub fn sqlite(path: impl Into<PathBuf>) -> Self {
        Self::Sqlite(path.into())
    }
}

impl FromStr for DatabaseUrl {
    type Err = StorageError;

    /// `sqlite:` and a path, relative or absolute (`sqlite://` is taken too); or
    /// `postgres://user:password@host:port/database`, with `postgresql:` as well, and with libpq's parameters for TLS
    /// (`sslmode`, `sslrootcert`), for a socket (`host=/run/postgresql`), and `max_connections`, 1 to 1000 per hub.
    fn from_str(text: &str) -> Result<Self, StorageError> {
        if text.starts_with("postgres:") || text.starts_with("postgresql:") {
            return PostgresUrl::parse(text).map(Self::Postgres);
        }
        let path = text.strip_prefix("sqlite:").map(|rest| rest.strip_prefix("//").unwrap_or(rest));
        match path {
            // Each connection would have a memory of its own, so this could never work.
            Some(path) if !path.is_empty() && !path.starts_with(':') => Ok(Self::sqlite(path)),
            // What has an @ may have a password before it.
            _ => Err(StorageError::InvalidUrl(if text.contains('@') { "…".to_owned() } else { text.to_owned() })),
        }
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) => url.fmt(f),
        }
    }
}

/// A URL of PostgreSQL. Shown without password and parameters.
#[derive(Clone)]
pub struct PostgresUrl {
    url: SecretString,
    shown: String,
    connections: u32,
}

impl PostgresUrl {
    fn parse(text: &str) -> Result<Self, StorageError> {
        let invalid = |reason: &str| StorageError::InvalidPostgresUrl(reason.to_owned());
        let mut url = Url::parse(text).map_err(|error| invalid(&error.to_string()))?;
        let known: BTreeSet<&str> = PARAMETERS.into();
        let mut connections = CONNECTIONS;
        let mut parameters = Vec::new();
        for (key, value) in url.query_pairs() {
            if key == "max_connections" {
                connections = value
                    .parse()
                    .ok()
                    .filter(|number| (1..=1000).contains(number))
                    .ok_or_else(|| invalid("max_connections must be a number from 1 to 1000"))?;
            } else if known.contains(&*key) || key.starts_with("options[") {
                parameters.push((key.into_owned(), value.into_owned()));
            } else {
                return Err(StorageError::InvalidPostgresUrl(format!("there is no parameter {key:?}")));
            }
        }
        url.set_query(None);
        if !parameters.is_empty() {
            url.query_pairs_mut().extend_pairs(parameters);
        }
        let options = PgConnectOptions::from_str(url.as_str()).map_err(|error| invalid(&error.to_string()))?;
        let place = match options.get_socket() {
            Some(socket) => socket.display().to_string(),
            None => options.get_host().to_owned(),
        };
        let (user, port) = (options.get_username(), options.get_port());
        let shown = format!("postgres://{user}@{place}:{port}/{}", options.get_database().unwrap_or(user));
        Ok(Self { url: String::from(url).into(), shown, connections })
    }

    /// What the driver takes.
    pub(crate) fn options(&self) -> Result<PgConnectOptions, StorageError> {
        let options = PgConnectOptions::from_str(self.url.expose_secret())?;
        let named = options.get_application_name().is_some();
        let options = if named { options } else { options.application_name("patchbay") };
        // Formatting a log line per statement costs more than many of the statements.
        Ok(options.disable_statement_logging())
    }

    /// How many connections one hub may open.
    pub(crate) fn connections(&self) -> u32 {
        self.connections
    }
}

impl PartialEq for PostgresUrl {
    fn eq(&self, other: &Self) -> bool {
        self.connections == other.connections && self.url.expose_secret() == other.url.expose_secret()
    }
}

impl Eq for PostgresUrl {}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PostgresUrl").field(&self.shown).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_schemes_of_postgres_are_taken_and_shown_without_secrets() {
        for scheme in ["postgres", "postgresql"] {
            let text = format!("{scheme}://hub:hunter2@db.example:6432/patchbay?sslmode=require&password=hunter3");
            let url: DatabaseUrl = text.parse().unwrap();
            assert_eq!(url.to_string(), "postgres://hub@db.example:6432/patchbay");
            let debug = format!("{url:?} {url:#?}");
            assert!(!debug.contains("hunter"), "{debug}");
        }
    }

    #[test]
    fn the_number_of_connections_is_ours_and_the_rest_is_the_drivers() {
        let url: DatabaseUrl = "postgres://hub@db/patchbay?max_connections=5&sslmode=disable".parse().unwrap();
        let DatabaseUrl::Postgres(url) = url else { panic!("not PostgreSQL") };
        assert_eq!(url.connections(), 5);
        assert_eq!(url.options().unwrap().get_application_name(), Some("patchbay"));
    }

    #[test]
    fn a_socket_is_a_place_too() {
        let url: DatabaseUrl = "postgres://hub@localhost/patchbay?host=/run/postgresql".parse().unwrap();
        assert_eq!(url.to_string(), "postgres://hub@/run/postgresql:5432/patchbay");
    }

    #[test]
    fn an_error_says_what_is_wrong_and_quotes_no_secret() {
        for (text, expected) in [
            ("postgres://hub:hunter2@db:port/patchbay", "invalid port number"),
            ("postgres://hub:hunter2@db/patchbay?sslmode=sometimes", "sometimes"),
            ("postgres://hub:hunter2@db/patchbay?sslpassword=hunter3", "sslpassword"),
            ("postgres://hub:hunter2@db/patchbay?max_connections=0", "1 to 1000"),
            ("mysql://hub:hunter2@db/patchbay", "postgres://"),
            ("data/patchbay.db", "data/patchbay.db"),
        ] {
            let error = text.parse::<DatabaseUrl>().unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(shown.contains(expected), "{shown}");
            assert!(!shown.contains("hunter"), "{shown}");
        }
    }
}
