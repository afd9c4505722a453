//! The schema, and how far the database's own is.

use std::{collections::BTreeMap, sync::Arc};

use serde::Serialize;
use sqlx::{
    Connection as _, PgConnection, SqliteConnection,
    migrate::{MigrateError, Migrator},
};

use crate::{
    DatabaseUrl, StorageError,
    database::Store,
    postgres::{Server, connect},
    sqlite,
};

static SQLITE: Migrator = sqlx::migrate!("../../migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("../../migrations/postgres");

/// One migration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MigrationStatus {
    /// Its number, which is the same on both databases.
    pub number: i64,
    /// What it makes; nothing if this program does not know it.
    pub name: Option<String>,
    /// How it stands.
    pub state: MigrationState,
}

/// How a migration stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MigrationState {
    /// It was made.
    Applied,
    /// It is missing.
    Pending,
    /// Another text of it was made than the one that this program has.
    Changed,
    /// It was made by a newer version of this program.
    Unknown,
}

/// Number and checksum of what was made.
type Applied = Vec<(i64, Vec<u8>)>;

/// Which migrations of a database were made and which are missing. Makes nothing, neither the file nor roles.
///
/// # Errors
/// The database fails or is not there, which a file of SQLite may be; `Unsafe` if the user may not know.
pub async fn migration_status(url: &DatabaseUrl) -> Result<Vec<MigrationStatus>, StorageError> {
    match url {
        DatabaseUrl::Sqlite(path) => {
            let applied = match path.try_exists() {
                Ok(false) => Vec::new(),
                _ => applied_on_sqlite(&mut sqlite::look(path).await?).await?,
            };
            Ok(compare(&SQLITE, applied))
        }
        DatabaseUrl::Postgres(url) => {
            let applied = applied_on_postgres(&mut connect(&url.options()?).await?).await?;
            let applied = applied.ok_or_else(|| {
                StorageError::Unsafe("its user may not read _sqlx_migrations: give the owner's URL".to_owned())
            })?;
            Ok(compare(&POSTGRES, applied))
        }
    }
}

pub(crate) async fn status(store: &Store) -> Result<Vec<MigrationStatus>, StorageError> {
    match store {
        Store::Sqlite(file) => Ok(compare(&SQLITE, applied_on_sqlite(&mut *file.writer.acquire().await?).await?)),
        Store::Postgres(server) => {
            // The first migration gives the right to read them, so where it is missing, so is the migration.
            let applied = applied_on_postgres(&mut *server.pool().acquire().await?).await?;
            Ok(compare(&POSTGRES, applied.unwrap_or_default()))
        }
    }
}

pub(crate) async fn run(store: &Store) -> Result<(), StorageError> {
    match store {
        Store::Sqlite(file) => SQLITE.run(&file.writer).await.map_err(failed),
        Store::Postgres(server) => run_on_postgres(server).await,
    }
}

async fn run_on_postgres(server: &Server) -> Result<(), StorageError> {
    // The roles that migrations grant to are there: nobody has a server that was not opened, and opening makes them.
    let mut login = server.login().await?;
    let (may,): (bool,) =
        sqlx::query_as("SELECT has_schema_privilege(current_schema(), 'CREATE')").fetch_one(&mut login).await?;
    if may {
        POSTGRES.run(&mut login).await.map_err(failed)?;
    } else {
        let missing: Vec<String> = status(&Store::Postgres(server.clone()))
            .await?
            .into_iter()
            .filter(|migration| migration.state != MigrationState::Applied)
            .map(|migration| migration.number.to_string())
            .collect();
        if !missing.is_empty() {
            let missing = missing.join(", ");
            return Err(StorageError::Unsafe(format!(
                "the migrations {missing} are not as this program needs them, and its user may not make tables: run \
                 `patchbay db migrate` with the URL of the tables' owner"
            )));
        }
    }
    // How it ends changes nothing any more.
    let _ = login.close().await;
    server.check().await
}

fn failed(error: MigrateError) -> StorageError {
    StorageError::Migration(Arc::new(error))
}

async fn applied_on_sqlite(connection: &mut SqliteConnection) -> Result<Applied, StorageError> {
    let made: Option<(i64,)> = sqlx::query_as("SELECT 1 FROM sqlite_schema WHERE name = '_sqlx_migrations'")
        .fetch_optional(&mut *connection)
        .await?;
    if made.is_none() {
        return Ok(Vec::new());
    }
    let applied = sqlx::query_as("SELECT version, checksum FROM _sqlx_migrations WHERE success");
    Ok(applied.fetch_all(connection).await?)
}

/// None if they are there and may not be read.
async fn applied_on_postgres(connection: &mut PgConnection) -> Result<Option<Applied>, StorageError> {
    let readable = "SELECT has_table_privilege(to_regclass('_sqlx_migrations'), 'SELECT')";
    let (readable,): (Option<bool>,) = sqlx::query_as(readable).fetch_one(&mut *connection).await?;
    match readable {
        None => Ok(Some(Vec::new())),
        Some(false) => Ok(None),
        Some(true) => {
            let applied = sqlx::query_as("SELECT version, checksum FROM _sqlx_migrations WHERE success");
            Ok(Some(applied.fetch_all(connection).await?))
        }
    }
}

fn compare(known: &Migrator, applied: Applied) -> Vec<MigrationStatus> {
    let mut all: BTreeMap<i64, MigrationStatus> = known
        .iter()
        .map(|migration| {
            let name = Some(migration.description.to_string());
            let number = migration.version;
            (number, MigrationStatus { number, name, state: MigrationState::Pending })
        })
        .collect();
    for (number, checksum) in applied {
        let ours = known.iter().find(|migration| migration.version == number);
        let state = match ours {
            None => MigrationState::Unknown,
            Some(ours) if *ours.checksum != *checksum => MigrationState::Changed,
            Some(_) => MigrationState::Applied,
        };
        all.entry(number).or_insert(MigrationStatus { number, name: None, state }).state = state;
    }
    all.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::{POSTGRES, SQLITE};

    #[test]
    fn both_databases_have_the_same_migrations() {
        let of = |known: &sqlx::migrate::Migrator| -> Vec<(i64, String)> {
            known.iter().map(|migration| (migration.version, migration.description.to_string())).collect()
        };
        assert_eq!(of(&SQLITE), of(&POSTGRES));
    }
}
