//! What a hub keeps, for as long as anybody goes on with it: its folder, and on PostgreSQL its database. Both vanish with
//! the last that uses them.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use patchbay_storage::{Database, DatabaseUrl};
use patchbay_test_postgres::TestDatabase;
use tempfile::TempDir;

/// A hub's folder and database.
#[derive(Clone)]
pub(super) struct Kept {
    folder: Arc<TempDir>,
    /// If it is on PostgreSQL. Last, because the hub's files go first.
    database: Option<Arc<TestDatabase>>,
}

impl Kept {
    /// A new folder, beside a database that may be another hub's as well; without one it is a file in the folder.
    pub(super) fn new(database: Option<Arc<TestDatabase>>) -> Self {
        Self { folder: Arc::new(tempfile::tempdir().expect("a temporary folder")), database }
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The hub's own folder: database, blobs, keys.
    pub(super) fn data(&self) -> PathBuf {
        self.folder().join("data")
    }

    /// The folder that the hub watches.
    pub(super) fn plugins(&self) -> PathBuf {
        self.folder().join("plugins")
    }

    pub(super) const fn postgres(&self) -> Option<&Arc<TestDatabase>> {
        self.database.as_ref()
    }

    /// The database, opened beside the hub.
    pub(super) async fn open(&self) -> Database {
        let url = match &self.database {
            Some(database) => database.url().parse().expect("a URL of PostgreSQL"),
            None => DatabaseUrl::sqlite(self.data().join("patchbay.db")),
        };
        Database::open(&url).await.expect("the hub's database opens")
    }

    /// All of it, file by file, and on PostgreSQL table by table.
    pub(super) async fn all(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        collect(self.folder(), &mut found);
        if let Some(database) = &self.database {
            let tables = database.dump().await.into_iter();
            found.extend(tables.map(|(table, rows)| (PathBuf::from(table), rows.into_bytes())));
        }
        found
    }
}

fn collect(folder: &Path, found: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, found);
        } else if let Ok(bytes) = std::fs::read(&path) {
            found.push((path, bytes));
        }
    }
}
