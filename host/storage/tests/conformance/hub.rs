//! The repositories one by one, and what transactions promise.

use patchbay_model::{Digest, OrgId, installation::VersionPolicy, org::Org};
use patchbay_storage::{InstallationHead, OrgKey, PluginSource, PluginStatus, PluginVersion, StorageError};
use serde_json::json;
use uuid::Uuid;

use crate::{
    Store,
    isolation::{api_key, audit, blob, connection, installation},
    store::plugin,
};

pub async fn an_org_is_found_and_its_id_is_taken_once(store: Store) {
    let mut tx = store.database.begin().await.unwrap();
    let org = tx.hub().org(store.ours).await.unwrap().unwrap();
    assert_eq!(org.name, "ours");
    assert_eq!(org.created_at.timestamp_micros(), 1_800_000_000_123_456);
    assert_eq!(tx.hub().org(OrgId(Uuid::nil())).await.unwrap(), None);
    let again = tx.hub().insert_org(&Org { name: "again".to_owned(), ..org }).await;
    assert!(matches!(again, Err(StorageError::AlreadyExists(_))), "{again:?}");
}

pub async fn an_api_key_is_found_by_its_hash_and_revoked_once(store: Store) {
    let key = api_key(&store, store.ours);
    let mut tx = store.database.begin().await.unwrap();
    tx.org(store.ours).api_keys().insert(&key, &[1; 32]).await.unwrap();

    assert_eq!(tx.hub().api_key_by_hash(&[1; 32]).await.unwrap(), Some(key.clone()));
    assert_eq!(tx.hub().api_key_by_hash(&[2; 32]).await.unwrap(), None);
    tx.commit().await.unwrap();
    let mut tx = store.database.begin().await.unwrap();
    let taken = tx.org(store.theirs).api_keys().insert(&api_key(&store, store.theirs), &[1; 32]).await;
    assert!(matches!(taken, Err(StorageError::AlreadyExists(_))), "{taken:?}");
    drop(tx);

    let mut tx = store.database.begin().await.unwrap();
    let first = store.now();
    assert!(tx.org(store.ours).api_keys().revoke(key.id, first).await.unwrap());
    assert!(!tx.org(store.ours).api_keys().revoke(key.id, store.later(5)).await.unwrap());
    let revoked = tx.hub().api_key_by_hash(&[1; 32]).await.unwrap().unwrap();
    assert_eq!(revoked.revoked_at, Some(first), "the first time stays");
}

pub async fn an_installation_keeps_its_id_and_token_when_its_settings_change(store: Store) {
    let first = installation(&store, store.ours, "stripe");
    let mut second = installation(&store, store.ours, "stripe");
    second.enabled = false;
    second.config = json!({ "tolerance": 300 });
    second.policy = VersionPolicy::Pin(Digest([3; 32]));
    let mut tx = store.database.begin().await.unwrap();
    assert_eq!(tx.org(store.ours).installations().put(&first).await.unwrap(), first);
    let put = tx.org(store.ours).installations().put(&second).await.unwrap();

    let whose = tx.hub().installation_by_hook_token(&first.hook_token).await.unwrap();
    assert_eq!(whose, Some((store.ours, first.plugin.clone())));
    let found = tx.org(store.ours).installations().get(&first.plugin).await.unwrap().unwrap();
    assert_eq!(put, found, "what is stored, and not what was put");
    assert_eq!((found.id, found.created_at), (first.id, first.created_at));
    assert_eq!((found.enabled, found.config, found.policy), (false, second.config, second.policy));
    assert_eq!(found.updated_at, second.updated_at);
    assert_eq!(tx.hub().installation_by_hook_token(&second.hook_token).await.unwrap(), None);
    assert!(tx.org(store.ours).installations().delete(&first.plugin).await.unwrap());
    assert_eq!(tx.hub().installation_by_hook_token(&first.hook_token).await.unwrap(), None);
}

pub async fn a_connection_takes_the_id_that_it_was_sealed_for(store: Store) {
    let first = connection(&store, store.ours);
    let mut second = connection(&store, store.ours);
    second.sealed = vec![9];
    second.account = None;
    let mut tx = store.database.begin().await.unwrap();
    tx.org(store.ours).connections().put(&first).await.unwrap();
    tx.org(store.ours).connections().put(&second).await.unwrap();

    let found = tx.org(store.ours).connections().get(&first.plugin).await.unwrap().unwrap();
    assert_eq!((found.id, found.sealed, found.account), (second.id, vec![9], None));
    assert_eq!((found.created_at, found.updated_at), (first.created_at, second.updated_at));
    assert!(tx.org(store.ours).connections().delete(&first.plugin).await.unwrap());
    assert_eq!(tx.org(store.ours).connections().list().await.unwrap(), []);
}

pub async fn a_data_key_is_never_written_over(store: Store) {
    let first = OrgKey { version: 1, kek_version: 1, wrapped: vec![1] };
    let second = OrgKey { version: 2, kek_version: 1, wrapped: vec![2] };
    let mut tx = store.database.begin().await.unwrap();
    let mut ours = tx.org(store.ours);
    assert!(ours.keys().insert(&first).await.unwrap());
    assert!(!ours.keys().insert(&OrgKey { wrapped: vec![8], ..first.clone() }).await.unwrap());
    assert!(ours.keys().insert(&second).await.unwrap());
    assert_eq!(ours.keys().current().await.unwrap(), Some(second));
    assert_eq!(ours.keys().get(1).await.unwrap(), Some(first));
    assert_eq!(ours.keys().get(3).await.unwrap(), None);
    assert_eq!(ours.keys().list().await.unwrap().len(), 2);
}

pub async fn a_package_is_known_by_its_digest_and_keeps_its_first_time(store: Store) {
    let version = |digest: u8, at| PluginVersion {
        digest: Digest([digest; 32]),
        plugin: plugin("openai"),
        version: "1.0.0".to_owned(),
        api: "1.0.0".to_owned(),
        publisher: Some("RWQ".to_owned()),
        manifest: json!({ "id": "openai" }),
        size: 70_000,
        source: PluginSource::Folder,
        status: PluginStatus::Active,
        error: None,
        created_at: at,
    };
    let first = version(1, store.now());
    let mut tx = store.database.begin().await.unwrap();
    tx.hub().put_plugin_version(&first).await.unwrap();
    tx.hub().put_plugin_version(&version(2, store.later(1))).await.unwrap();
    tx.hub()
        .put_plugin_version(&PluginVersion { source: PluginSource::Upload, ..version(1, store.later(9)) })
        .await
        .unwrap();

    let found = tx.hub().plugin_version(&first.digest).await.unwrap().unwrap();
    assert_eq!(found, PluginVersion { source: PluginSource::Upload, ..first.clone() });
    let all: Vec<Digest> =
        tx.hub().plugin_versions().await.unwrap().into_iter().map(|version| version.digest).collect();
    assert_eq!(all, [Digest([1; 32]), Digest([2; 32])]);
    let reason = "it imports wasi:sockets";
    assert!(tx.hub().set_plugin_status(&first.digest, PluginStatus::Broken, Some(reason)).await.unwrap());
    let broken = tx.hub().plugin_version(&first.digest).await.unwrap().unwrap();
    assert_eq!((broken.status, broken.error.as_deref()), (PluginStatus::Broken, Some(reason)));
    assert!(!tx.hub().set_plugin_status(&Digest([9; 32]), PluginStatus::Withdrawn, None).await.unwrap());
}

pub async fn installations_of_a_plugin_come_from_all_orgs(store: Store) {
    let all = [
        installation(&store, store.ours, "stripe"),
        installation(&store, store.theirs, "stripe"),
        installation(&store, store.ours, "openai"),
    ];
    let mut tx = store.database.begin().await.unwrap();
    for installation in &all {
        tx.org(installation.org).installations().put(installation).await.unwrap();
    }
    let stripe = plugin("stripe");
    let heads: Vec<InstallationHead> = all
        .iter()
        .map(|one| InstallationHead {
            id: one.id,
            org: one.org,
            policy: one.policy.clone(),
            updated_at: one.updated_at,
        })
        .collect();
    assert_eq!(tx.hub().installations_of(&stripe, None, 1).await.unwrap(), heads[..1]);
    assert_eq!(tx.hub().installations_of(&stripe, Some(all[0].id), 9).await.unwrap(), heads[1..2]);
}

pub async fn nothing_is_stored_for_an_org_that_does_not_exist(store: Store) {
    let nobody = OrgId(Uuid::from_u128(1));
    // Each in a transaction of its own: after a failure there is nothing more to do in one.
    macro_rules! refused {
        ($org:ident => $attempt:expr) => {{
            let mut tx = store.database.begin().await.unwrap();
            let mut $org = tx.org(nobody);
            let end = $attempt.await.map(drop);
            assert!(matches!(end, Err(StorageError::Missing(_))), "{}: {end:?}", stringify!($attempt));
        }};
    }
    let key = OrgKey { version: 1, kek_version: 1, wrapped: vec![] };
    let (openai, now) = (plugin("openai"), store.now());
    refused!(org => org.api_keys().insert(&api_key(&store, nobody), &[1; 32]));
    refused!(org => org.installations().put(&installation(&store, nobody, "openai")));
    refused!(org => org.connections().put(&connection(&store, nobody)));
    refused!(org => org.blobs().insert(&blob(&store, nobody, "aa")));
    refused!(org => org.audit().append(&audit(&store, nobody)));
    refused!(org => org.events().append(&store.event(nobody, "x.y", None)));
    refused!(org => org.webhooks().insert_if_new(&store.webhook(nobody, "evt")));
    refused!(org => org.kv(&openai).set("k", b"v", None, None, now));
    refused!(org => org.keys().insert(&key));
}

pub async fn blobs_with_the_same_contents_are_counted(store: Store) {
    let (first, second) = (blob(&store, store.ours, "aa"), blob(&store, store.ours, "aa"));
    let mut tx = store.database.begin().await.unwrap();
    let mut ours = tx.org(store.ours);
    ours.blobs().insert(&first).await.unwrap();
    ours.blobs().insert(&second).await.unwrap();
    assert_eq!(ours.blobs().references("aa").await.unwrap(), 2);
    assert!(ours.blobs().delete(&first.plugin, first.id).await.unwrap());
    assert!(!ours.blobs().delete(&first.plugin, first.id).await.unwrap());
    assert_eq!(ours.blobs().references("aa").await.unwrap(), 1);
}

pub async fn a_dropped_transaction_leaves_no_trace(store: Store) {
    let mut tx = store.database.begin().await.unwrap();
    tx.org(store.ours).installations().put(&installation(&store, store.ours, "openai")).await.unwrap();
    drop(tx);
    let mut tx = store.database.begin().await.unwrap();
    assert_eq!(tx.org(store.ours).installations().list().await.unwrap(), []);
}

pub async fn a_reading_transaction_refuses_to_write(store: Store) {
    let mut tx = store.database.read().await.unwrap();
    assert!(tx.org(store.ours).installations().put(&installation(&store, store.ours, "openai")).await.is_err());
}

pub async fn a_reader_keeps_its_snapshot_while_others_write(store: Store) {
    let mut reader = store.database.read().await.unwrap();
    assert_eq!(reader.hub().orgs(None, 10).await.unwrap().len(), 2);
    store.new_org("third").await;
    assert_eq!(reader.hub().orgs(None, 10).await.unwrap().len(), 2);
    drop(reader);
    let mut reader = store.database.read().await.unwrap();
    assert_eq!(reader.hub().orgs(None, 10).await.unwrap().len(), 3);
}

pub async fn who_locks_an_org_waits_for_the_one_before(store: Store) {
    let mut first = store.database.begin().await.unwrap();
    first.org(store.ours).lock().await.unwrap();
    let (database, org) = (store.database.clone(), store.ours);
    let mut waiting = Box::pin(async move {
        let mut second = database.begin().await.unwrap();
        second.org(org).lock().await.unwrap();
        second.org(org).installations().list().await.unwrap()
    });
    let installation = installation(&store, store.ours, "openai");
    first.org(store.ours).installations().put(&installation).await.unwrap();
    let busy = async {
        // More trips to the database than the second one needs in all.
        for _ in 0..20 {
            first.org(store.ours).installations().list().await.unwrap();
        }
    };
    tokio::select! {
        _ = &mut waiting => panic!("it did not wait"),
        () = busy => {}
    }
    let (committed, seen) = tokio::join!(first.commit(), waiting);
    committed.unwrap();
    assert_eq!(seen, [installation], "what the first did is seen by the second");
}
