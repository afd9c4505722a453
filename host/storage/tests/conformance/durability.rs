//! What is left when the process dies.
//!
//! On SQLite death is played by copying the files as they are while everything is open, as a kill would leave them, and
//! opening the copy; on PostgreSQL by ending all connections, as the server does when it finds the process gone.

use std::fs;

use patchbay_storage::{Committed, Database, DatabaseUrl, RunFilter};
use serde_json::json;
use tempfile::TempDir;

use crate::{
    Store,
    isolation::installation,
    store::{Home, plugin, put},
};

async fn after_death(store: &Store) -> (Database, Option<TempDir>) {
    match &store.home {
        Home::Sqlite(original) => {
            let folder = tempfile::tempdir().unwrap();
            for name in ["patchbay.db", "patchbay.db-wal"] {
                let from = original.path().join(name);
                if from.exists() {
                    fs::copy(from, folder.path().join(name)).unwrap();
                }
            }
            let url = DatabaseUrl::sqlite(folder.path().join("patchbay.db"));
            (Database::open(&url).await.unwrap(), Some(folder))
        }
        Home::Postgres(database) => {
            database.end_connections().await;
            (Database::open(&store.url).await.unwrap(), None)
        }
    }
}

pub async fn what_was_acknowledged_is_found_after_the_process_dies(store: Store) {
    let journal = store.journal();
    let mut ids = vec![];
    for number in 0..50 {
        let mut commit = store.commit(store.ours);
        commit.usage = vec![store.usage(&commit.run, "tokens", 1, None)];
        commit.plugin_changes = vec![put("a", json!({ "n": number }), Some(number))];
        ids.push(commit.run.id);
        assert_eq!(journal.commit(commit).await.unwrap(), Committed::All);
    }
    let webhook = store.webhook(store.ours, "evt_1");
    assert!(journal.receive(webhook.clone()).await.unwrap());

    let (database, _folder) = after_death(&store).await;
    let mut tx = database.read().await.unwrap();
    let mut ours = tx.org(store.ours);
    for id in ids {
        assert!(ours.runs().get(id).await.unwrap().is_some());
    }
    assert_eq!(ours.usage().totals(&Default::default()).await.unwrap()[0].quantity, 50);
    let document = ours.records(&plugin("openai")).get("calls", "a").await.unwrap().unwrap();
    assert_eq!((document.version, document.data), (50, json!({ "n": 49 })));
    assert_eq!(ours.webhooks().get(webhook.id).await.unwrap(), Some(webhook));
}

pub async fn what_was_not_committed_is_gone_after_the_process_dies(store: Store) {
    let mut tx = store.database.begin().await.unwrap();
    tx.org(store.ours).installations().put(&installation(&store, store.ours, "openai")).await.unwrap();

    let (database, _folder) = after_death(&store).await;
    let mut found = database.read().await.unwrap();
    assert_eq!(found.org(store.ours).installations().list().await.unwrap(), []);
    assert_eq!(found.hub().orgs(None, 10).await.unwrap().len(), 2);
}

pub async fn migrating_twice_changes_nothing(store: Store) {
    store.journal().commit(store.commit(store.ours)).await.unwrap();
    store.database.migrate().await.unwrap();
    store.database.close().await;
    let database = Database::open(&store.url).await.unwrap();
    database.migrate().await.unwrap();
    let mut tx = database.read().await.unwrap();
    let filter = RunFilter { limit: 10, ..RunFilter::default() };
    assert_eq!(tx.org(store.ours).runs().list(&filter).await.unwrap().len(), 1);
}

#[cfg(unix)]
#[tokio::test]
async fn sqlites_files_are_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let store = Store::sqlite().await;
    let Home::Sqlite(folder) = &store.home else { panic!("not SQLite") };
    for name in ["patchbay.db", "patchbay.db-wal", "patchbay.db-shm"] {
        let mode = fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}
