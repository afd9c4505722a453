//! What operators do to an org.

use std::collections::BTreeSet;

use patchbay_model::{
    OrgId,
    object::{ObjectChange, StandardObject},
};
use patchbay_storage::{IdempotencyAnswer, KekUse, OrgKey, Owner, SealedCell, SealedColumn, StorageError};
use uuid::Uuid;

use crate::{
    Store, cached_answers,
    deliveries::endpoint,
    idempotency::{answer, claim},
    isolation::{api_key, audit, blob, connection, installation},
    oauth::{authorization, client, revocation, tokens},
    store::{Home, plugin, put},
    syncs,
};

fn key(version: u32, kek_version: u32, wrapped: u8) -> OrgKey {
    OrgKey { version, kek_version, wrapped: vec![wrapped; 60] }
}

async fn insert(store: &Store, org: OrgId, key: &OrgKey) {
    let mut tx = store.database.begin().await.unwrap();
    assert!(tx.org(org).keys().insert(key).await.unwrap());
    tx.commit().await.unwrap();
}

pub async fn only_what_was_read_is_wrapped_anew(store: Store) {
    insert(&store, store.ours, &key(1, 1, 1)).await;
    let mut tx = store.database.begin().await.unwrap();
    assert!(!tx.operator(store.ours).rewrap(&key(1, 1, 9), &key(1, 2, 2)).await.unwrap(), "another one is there");
    assert!(!tx.operator(store.theirs).rewrap(&key(1, 1, 1), &key(1, 2, 2)).await.unwrap());
    assert!(tx.operator(store.ours).rewrap(&key(1, 1, 1), &key(1, 2, 2)).await.unwrap());
    assert!(!tx.operator(store.ours).rewrap(&key(1, 1, 1), &key(1, 2, 3)).await.unwrap(), "once");
    assert_eq!(tx.org(store.ours).keys().list().await.unwrap(), [key(1, 2, 2)]);
    tx.commit().await.unwrap();
}

pub async fn keys_under_other_versions_are_found_page_by_page(store: Store) {
    for (org, one) in [(store.ours, key(1, 1, 1)), (store.ours, key(2, 2, 2)), (store.theirs, key(1, 1, 3))] {
        insert(&store, org, &one).await;
    }
    let mut tx = store.database.read().await.unwrap();
    assert_eq!(
        tx.hub().kek_uses().await.unwrap(),
        [KekUse { version: 1, data_keys: 2 }, KekUse { version: 2, data_keys: 1 }]
    );
    assert_eq!(tx.hub().orgs_with_several_keys().await.unwrap(), 1);
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = tx.hub().keys_not_under(2, after, 1).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(*last);
        found.extend(page);
    }
    let mut both = [(store.ours, 1), (store.theirs, 1)];
    both.sort_unstable();
    assert_eq!(found, both);
    assert_eq!(tx.hub().keys_not_under(1, None, 10).await.unwrap(), [(store.ours, 2)]);
}

/// One that is forgotten is lost with the next rotation.
pub async fn every_sealed_column_is_known(store: Store) {
    let found: Vec<(String, String)> = match &store.home {
        Home::Sqlite(folder) => {
            let url = format!("sqlite:{}", folder.path().join("patchbay.db").display());
            let mut other = <sqlx::SqliteConnection as sqlx::Connection>::connect(&url).await.unwrap();
            let sql = "SELECT t.name, c.name FROM sqlite_schema t, pragma_table_info(t.name) c
                       WHERE t.type = 'table' AND c.name LIKE '%sealed%'";
            sqlx::query_as(sql).fetch_all(&mut other).await.unwrap()
        }
        Home::Postgres(database) => {
            let sql = "SELECT table_name::text, column_name::text FROM information_schema.columns
                       WHERE table_schema = 'public' AND column_name LIKE '%sealed%'";
            sqlx::query_as(sql).fetch_all(&mut database.connect("postgres").await).await.unwrap()
        }
    };
    let known: BTreeSet<_> =
        SealedColumn::ALL.iter().map(|column| (column.table().to_owned(), "sealed".to_owned())).collect();
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), known, "list it in SealedColumn");
}

/// A ciphertext's form: its first five bytes.
fn sealed(version: u32, rest: u8) -> Vec<u8> {
    [&[1][..], &version.to_be_bytes(), &[rest; 30]].concat()
}

pub async fn what_older_keys_sealed_is_found_and_written_over_once(store: Store) {
    let mut all = store.database.begin().await.unwrap();
    let mut ours = all.org(store.ours);
    for (number, name) in ["a", "b", "c"].into_iter().enumerate() {
        // The last one is newer, and the version's bytes are compared as a number.
        let version = if number == 2 { 256 } else { 1 };
        let one = patchbay_model::installation::SealedConnection {
            plugin: plugin(name),
            sealed: sealed(version, 7),
            ..connection(&store, store.ours)
        };
        ours.connections().put(&one).await.unwrap();
        let mut token = tokens(&store, store.ours, 1);
        (token.plugin, token.sealed) = (plugin(name), sealed(version, 8));
        ours.oauth_tokens().put(&token).await.unwrap();
        let mut own = client(&store, store.ours);
        (own.plugin, own.sealed) = (plugin(name), sealed(version, 9));
        ours.oauth_clients().put(&own).await.unwrap();
        let mut waits = authorization(&store, store.ours, u8::try_from(number).unwrap());
        waits.sealed = sealed(version, 10);
        ours.oauth_authorizations().insert(&waits).await.unwrap();
        let mut given_back = revocation(&store, store.ours);
        given_back.sealed = sealed(version, 12);
        ours.oauth_revocations().insert(&given_back).await.unwrap();
        let (id, owner) = (u8::try_from(number).unwrap(), Owner { call: Uuid::nil(), node: Uuid::nil() });
        assert!(ours.idempotency().claim(&claim(&store, id, owner), store.now()).await.unwrap());
        let kept = IdempotencyAnswer { answer: Some(sealed(version, 11)), ..answer(&store, id, owner) };
        assert!(ours.idempotency().answer(&kept).await.unwrap());
        let mut url = endpoint(&store, store.ours);
        url.sealed = sealed(version, 13);
        ours.endpoints().put(&url).await.unwrap();
    }
    all.commit().await.unwrap();

    let mut tx = store.database.begin().await.unwrap();
    for column in SealedColumn::ALL {
        assert_eq!(tx.operator(store.theirs).sealed(column, 256, &[], 10).await.unwrap(), [], "{column:?}");
        assert_eq!(tx.operator(store.ours).sealed(column, 1, &[], 10).await.unwrap(), [], "{column:?}");
        let (mut found, mut after): (Vec<SealedCell>, Vec<u8>) = (Vec::new(), Vec::new());
        loop {
            let page = tx.operator(store.ours).sealed(column, 256, &after, 1).await.unwrap();
            let Some(last) = page.last() else { break };
            after.clone_from(&last.row);
            found.extend(page);
        }
        assert_eq!(found.len(), 2, "{column:?}");
        assert_eq!(found[0].connection.is_some(), column == SealedColumn::Connection);
        for cell in &found {
            assert!(!tx.operator(store.theirs).put_sealed(cell, &sealed(256, 1)).await.unwrap());
            assert!(tx.operator(store.ours).put_sealed(cell, &sealed(256, 1)).await.unwrap());
            assert!(!tx.operator(store.ours).put_sealed(cell, &sealed(256, 2)).await.unwrap(), "once");
        }
        assert_eq!(tx.operator(store.ours).sealed(column, 256, &[], 10).await.unwrap(), [], "{column:?}");
        assert_eq!(tx.operator(store.ours).sealed(column, 257, &[], 10).await.unwrap().len(), 3, "{column:?}");
    }
    let kept = tx.org(store.ours).oauth_tokens().get(&plugin("a")).await.unwrap().unwrap();
    assert_eq!((kept.sealed, kept.version), (sealed(256, 1), 1), "nobody takes it for a renewal");
}

async fn fill(store: &Store, org: OrgId) {
    for _ in 0..5 {
        let mut commit = store.commit(org);
        commit.usage = vec![store.usage(&commit.run, "tokens", 1, None)];
        commit.events = vec![store.event(org, "openai.done", None)];
        commit.plugin_changes = vec![put("a", serde_json::json!({}), None)];
        let contact = serde_json::json!({"email": format!("{}@example.com", commit.run.id)});
        let id = format!("openai:{}", commit.run.id);
        let change = ObjectChange { object: StandardObject::Contact, id, data: Some(contact), expected: None };
        commit.object_changes = vec![change];
        store.journal().commit(commit).await.unwrap();
    }
    let webhook = store.webhook(org, "evt_1");
    let mut hash = [0; 32];
    hash[..16].copy_from_slice(org.0.as_bytes());
    let mut all = store.database.begin().await.unwrap();
    let mut tx = all.org(org);
    tx.webhooks().insert_if_new(&webhook).await.unwrap();
    tx.api_keys().insert(&api_key(store, org), &hash).await.unwrap();
    tx.keys().insert(&key(1, 1, 1)).await.unwrap();
    tx.installations().put(&installation(store, org, "openai")).await.unwrap();
    tx.connections().put(&connection(store, org)).await.unwrap();
    tx.oauth_tokens().put(&tokens(store, org, 1)).await.unwrap();
    tx.oauth_clients().put(&client(store, org)).await.unwrap();
    tx.oauth_authorizations().insert(&authorization(store, org, hash[15])).await.unwrap();
    tx.oauth_revocations().insert(&revocation(store, org)).await.unwrap();
    tx.blobs().insert(&blob(store, org, "aa")).await.unwrap();
    tx.kv(&plugin("openai")).set("k", b"v", None, None, store.now()).await.unwrap();
    tx.cached_answers().put(&cached_answers::answer(store, 1, 1), None, store.now()).await.unwrap();
    tx.audit().append(&audit(store, org)).await.unwrap();
    all.commit().await.unwrap();
    syncs::fill_of(store, org).await;
}

pub async fn an_org_goes_in_batches_and_takes_everything_along(store: Store) {
    fill(&store, store.ours).await;
    fill(&store, store.theirs).await;
    let mut tx = store.database.begin().await.unwrap();
    assert!(!tx.operator(store.ours).remove().await.unwrap(), "not begun yet");
    assert_eq!(tx.operator(store.ours).shred(store.now()).await.unwrap(), 1);
    assert_eq!(tx.operator(store.ours).shred(store.later(1)).await.unwrap(), 0);
    tx.commit().await.unwrap();
    let mut tx = store.database.read().await.unwrap();
    assert_eq!(tx.hub().deleting_since(store.ours).await.unwrap(), Some(store.now()));
    assert_eq!(tx.hub().deleting_since(store.theirs).await.unwrap(), None);
    assert_eq!(tx.hub().orgs_being_deleted(10).await.unwrap(), [store.ours]);
    let mut ours = tx.org(store.ours);
    assert_eq!(ours.keys().list().await.unwrap(), []);
    assert!(ours.api_keys().list(None, 10).await.unwrap().is_empty());
    assert!(
        ours.installations().list().await.unwrap().is_empty() && ours.connections().list().await.unwrap().is_empty()
    );
    drop(tx);

    let mut batches = Vec::new();
    loop {
        let mut tx = store.database.begin().await.unwrap();
        let removed = tx.operator(store.ours).remove_some(2).await.unwrap();
        tx.commit().await.unwrap();
        if removed == 0 {
            break;
        }
        batches.push(removed);
    }
    assert!(batches.iter().all(|removed| *removed <= 2) && batches.iter().sum::<u64>() >= 5 * 3 + 4, "{batches:?}");
    let mut tx = store.database.begin().await.unwrap();
    assert!(tx.operator(store.ours).remove().await.unwrap());
    assert!(!tx.operator(store.ours).remove().await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(left(&store, store.ours).await, Vec::<String>::new());
    assert!(left(&store, store.theirs).await.len() >= 15, "the other org has all of its own");
    let late = store.journal().commit(store.commit(store.ours)).await;
    assert!(matches!(late, Err(StorageError::Missing(_))), "{late:?}");
}

/// Tables that have a row of an org.
async fn left(store: &Store, org: OrgId) -> Vec<String> {
    match &store.home {
        Home::Sqlite(folder) => {
            let url = format!("sqlite:{}", folder.path().join("patchbay.db").display());
            let mut other = <sqlx::SqliteConnection as sqlx::Connection>::connect(&url).await.unwrap();
            let tables = "SELECT t.name FROM sqlite_schema t, pragma_table_info(t.name) c WHERE t.type = 'table' AND c.name = 'org_id'";
            let tables: Vec<(String,)> = sqlx::query_as(tables).fetch_all(&mut other).await.unwrap();
            let mut found = Vec::new();
            for (table,) in tables {
                let sql = sqlx::AssertSqlSafe(format!("SELECT 1 FROM {table} WHERE org_id = $1"));
                if sqlx::query(sql).bind(org.0).fetch_optional(&mut other).await.unwrap().is_some() {
                    found.push(table);
                }
            }
            found
        }
        Home::Postgres(database) => {
            let mut other = database.connect("postgres").await;
            let tables = "SELECT table_name::text FROM information_schema.columns WHERE table_schema = 'public' AND column_name = 'org_id'";
            let tables: Vec<(String,)> = sqlx::query_as(tables).fetch_all(&mut other).await.unwrap();
            let mut found = Vec::new();
            for (table,) in tables {
                let sql = sqlx::AssertSqlSafe(format!("SELECT 1 FROM {table} WHERE org_id = $1"));
                if sqlx::query(sql).bind(org.0).fetch_optional(&mut other).await.unwrap().is_some() {
                    found.push(table);
                }
            }
            found
        }
    }
}

pub async fn an_operator_reaches_one_org_alone(store: Store) {
    fill(&store, store.theirs).await;
    let mut tx = store.database.begin().await.unwrap();
    let mut operator = tx.operator(store.ours);
    assert_eq!(operator.destroy_keys_before(9).await.unwrap(), 0);
    assert_eq!(operator.remove_some(10).await.unwrap(), 0);
    assert_eq!(operator.shred(store.now()).await.unwrap(), 0);
    assert!(operator.remove().await.unwrap());
    tx.commit().await.unwrap();
    assert!(left(&store, store.theirs).await.len() >= 15);
}

pub async fn a_key_of_the_hub_is_the_first_that_came_or_its_named_successor(store: Store) {
    let mut tx = store.database.begin().await.unwrap();
    let mut hub = tx.hub();
    assert_eq!(hub.key_fingerprint("audit").await.unwrap(), None);
    assert!(hub.has_key("audit", &[1; 32]).await.unwrap());
    assert!(hub.has_key("pepper", &[2; 32]).await.unwrap());
    assert!(!hub.has_key("audit", &[2; 32]).await.unwrap());
    assert!(!hub.replace_key("audit", &[3; 32], &[2; 32]).await.unwrap());
    assert!(hub.replace_key("audit", &[1; 32], &[2; 32]).await.unwrap());
    assert!(hub.has_key("audit", &[2; 32]).await.unwrap() && !hub.has_key("audit", &[1; 32]).await.unwrap());
    assert_eq!(hub.key_fingerprint("pepper").await.unwrap(), Some(vec![2; 32]));
}

mod sqlite_alone {
    use super::*;

    /// What is in the file and in its log.
    fn bytes(store: &Store) -> Vec<u8> {
        let Home::Sqlite(folder) = &store.home else { panic!("not SQLite") };
        let files =
            ["patchbay.db", "patchbay.db-wal"].map(|file| std::fs::read(folder.path().join(file)).unwrap_or_default());
        files.concat()
    }

    fn has(haystack: &[u8], needle: &[u8]) -> bool {
        haystack.windows(needle.len()).any(|window| window == needle)
    }

    #[tokio::test]
    async fn what_is_destroyed_is_in_the_file_no_more() {
        let store = Store::sqlite().await;
        let wrapped: Vec<u8> = (0..60).map(|byte| byte ^ 0xa5).collect();
        let old = OrgKey { version: 1, kek_version: 1, wrapped: wrapped.clone() };
        insert(&store, store.ours, &old).await;
        // Enough that pages become free when they go.
        let journal = store.journal();
        for _ in 0..200 {
            let mut commit = store.commit(store.ours);
            commit.run.error_detail = Some("a-canary-in-a-run ".repeat(50));
            journal.commit(commit).await.unwrap();
        }
        assert!(store.database.scrub().await.unwrap());
        assert!(has(&bytes(&store), &wrapped) && has(&bytes(&store), b"a-canary-in-a-run"));
        let mut tx = store.database.begin().await.unwrap();
        tx.operator(store.ours).shred(store.now()).await.unwrap();
        tx.commit().await.unwrap();
        assert!(store.database.scrub().await.unwrap());
        assert!(!has(&bytes(&store), &wrapped), "the wrapped key is gone before anything else goes");
        loop {
            let mut tx = store.database.begin().await.unwrap();
            let removed = tx.operator(store.ours).remove_some(50).await.unwrap();
            tx.commit().await.unwrap();
            if removed == 0 {
                break;
            }
        }
        assert!(store.database.scrub().await.unwrap());
        assert!(!has(&bytes(&store), b"a-canary-in-a-run"));
    }

    #[tokio::test]
    async fn a_log_that_somebody_reads_from_is_not_cut() {
        let store = Store::sqlite().await;
        let mut reader = store.database.read().await.unwrap();
        reader.hub().orgs(None, 1).await.unwrap();
        insert(&store, store.ours, &key(1, 1, 1)).await;
        assert!(!store.database.scrub().await.unwrap());
        drop(reader);
        insert(&store, store.theirs, &key(1, 1, 1)).await;
        assert!(store.database.scrub().await.unwrap());
    }
}
