//! How far the schema is.

use patchbay_storage::{Database, MigrationState};

use crate::{Store, store::Home};

fn states(status: &[patchbay_storage::MigrationStatus]) -> Vec<(i64, MigrationState)> {
    status.iter().map(|migration| (migration.number, migration.state)).collect()
}

pub async fn a_new_database_has_all_of_them_pending(store: Store) {
    let (_home, url) = match &store.home {
        Home::Sqlite(_) => Home::sqlite(),
        Home::Postgres(_) => Home::postgres().await.unwrap(),
    };
    let database = Database::open(&url).await.unwrap();
    let status = database.migration_status().await.unwrap();
    assert!(status.len() >= 7);
    assert!(status.iter().all(|migration| migration.state == MigrationState::Pending));
    assert_eq!((status[0].number, status[0].name.as_deref()), (1, Some("org")));
    assert!(status.is_sorted_by_key(|migration| migration.number));
}

pub async fn a_migrated_one_has_all_of_them_applied(store: Store) {
    let status = store.database.migration_status().await.unwrap();
    assert!(status.len() >= 7);
    assert!(status.iter().all(|migration| migration.state == MigrationState::Applied), "{status:?}");
}

pub async fn one_of_a_newer_program_is_seen(store: Store) {
    let before = store.database.migration_status().await.unwrap();
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                 SELECT 9999, 'newer', success, checksum, execution_time FROM _sqlx_migrations WHERE version = 1";
    let changed = "UPDATE _sqlx_migrations SET checksum = (SELECT checksum FROM _sqlx_migrations WHERE version = 1)
                   WHERE version = 2";
    for sql in [newer, changed] {
        match &store.home {
            Home::Sqlite(folder) => {
                let url = format!("sqlite:{}", folder.path().join("patchbay.db").display());
                let mut other = <sqlx::SqliteConnection as sqlx::Connection>::connect(&url).await.unwrap();
                sqlx::query(sql).execute(&mut other).await.unwrap();
            }
            Home::Postgres(database) => {
                sqlx::query(sql).execute(&mut database.connect("postgres").await).await.unwrap();
            }
        }
    }
    let status = store.database.migration_status().await.unwrap();
    let mut expected = states(&before);
    expected[1].1 = MigrationState::Changed;
    expected.push((9999, MigrationState::Unknown));
    assert_eq!(states(&status), expected);
    assert!(store.database.migrate().await.is_err(), "what is not known is not touched");
    if let Home::Postgres(database) = &store.home {
        database.end_connections().await;
    }
}
