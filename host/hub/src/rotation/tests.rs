//! Rotations that break off and go on, on more than fits in one batch.

use std::{collections::BTreeMap, sync::Arc};

use patchbay_model::{
    ConnectionId, ManualClock, OrgId, PluginId, SeededRandom, Timestamp, installation::SealedConnection,
};
use patchbay_runtime::Compiler;
use patchbay_vault::{CredentialValues, KeyEncryptionKey, KeySource};
use tempfile::TempDir;

use super::*;
use crate::{HubConfig, KeySources};

/// More than one batch.
const MANY: u32 = BATCH + 6;

struct World {
    folder: TempDir,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for version in [1, 2] {
            let path = folder.path().join(version.to_string());
            KeyEncryptionKey::create_file(&path, version, &SeededRandom::new(version.into())).unwrap();
        }
        Self { folder }
    }

    /// A hub as it is after a start: nothing in memory.
    async fn hub(&self, current: u32) -> Hub {
        let file = |version: u32| (version, KeySource::File(self.folder.path().join(version.to_string())));
        let mut config = HubConfig::new(self.folder.path().join("data"), Compiler::InProcess);
        config.keys = KeySources { keys: [file(1), file(2)].into_iter().collect(), current: Some(current) };
        let clock = Arc::new(ManualClock::new(Timestamp::from_timestamp_nanos(1_800_000_000_000_000_000)));
        // Another one each time, or ids would come twice.
        static SEED: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(10);
        let seed = SEED.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Hub::open(config, clock, Arc::new(SeededRandom::new(seed))).await.unwrap()
    }
}

fn plugin(number: u32) -> PluginId {
    format!("plugin-{number:03}").parse().unwrap()
}

async fn connect(hub: &Hub, org: OrgId, plugin: PluginId) {
    let inner = &hub.0;
    let values = BTreeMap::from([("key".to_owned(), CredentialValues { current: "secret".into(), previous: None })]);
    let id = ConnectionId::new(&*inner.clock, &*inner.random);
    let mut tx = inner.database.begin().await.unwrap();
    let sealed = inner.vault.seal_connection(&mut tx.org(org), id, &plugin, &values).await.unwrap();
    let now = inner.clock.now();
    let connection = SealedConnection {
        id,
        org,
        plugin,
        credentials: vec!["key".to_owned()],
        account: None,
        sealed,
        created_at: now,
        updated_at: now,
    };
    tx.org(org).connections().put(&connection).await.unwrap();
    tx.commit().await.unwrap();
}

/// How many of an org's connections open.
async fn readable(hub: &Hub, org: OrgId) -> usize {
    let mut tx = hub.0.database.read().await.unwrap();
    let mut count = 0;
    for connection in tx.org(org).connections().list().await.unwrap() {
        count += usize::from(hub.0.vault.open_connection(&mut tx.org(org), &connection).await.is_ok());
    }
    count
}

#[tokio::test]
async fn wrapping_that_broke_off_goes_on_where_it_was() {
    let world = World::new();
    let first = world.hub(1).await;
    let mut orgs = Vec::new();
    for _ in 0..MANY {
        let org = first.create_org("o").await.unwrap().id;
        connect(&first, org, plugin(1)).await;
        orgs.push(org);
    }
    let stopped = world.hub(2).await.rotate_key_encryption_key(Some(1)).await.unwrap();
    assert_eq!((stopped.rewrapped, stopped.remaining), (u64::from(BATCH), u64::from(MANY - BATCH)));
    let counts = first.vault_status().await.unwrap().data_keys;
    assert_eq!(counts.iter().map(|one| (one.version, one.count)).collect::<Vec<_>>(), [(1, 6), (2, 64)]);
    for org in &orgs {
        assert_eq!(readable(&first, *org).await, 1, "whichever key wraps its data key");
    }
    let second = world.hub(2).await;
    let rest = second.rotate_key_encryption_key(None).await.unwrap();
    assert_eq!((rest.rewrapped, rest.remaining, rest.erased), (6, 0, true));
    let again = second.rotate_key_encryption_key(None).await.unwrap();
    assert_eq!((again.rewrapped, again.remaining), (0, 0));
    let told = second.audit_lines(patchbay_storage::chain::Chain::Hub, 0, 1_000).await.unwrap();
    assert_eq!(told.iter().filter(|line| line.entry.action == "vault.rotate").count(), 2, "one per batch");
}

#[tokio::test]
async fn sealing_anew_that_broke_off_goes_on_with_the_same_key() {
    let world = World::new();
    let first = world.hub(1).await;
    let org = first.create_org("o").await.unwrap().id;
    let other = first.create_org("other").await.unwrap().id;
    connect(&first, other, plugin(1)).await;
    for number in 0..MANY {
        connect(&first, org, plugin(number)).await;
    }
    let stopped = first.rotate_data_key(org, Some(1)).await.unwrap();
    assert_eq!((stopped.version, stopped.resealed, stopped.destroyed), (Some(2), u64::from(BATCH), 0));
    assert_eq!(first.vault_status().await.unwrap().unfinished, 1);
    assert_eq!(readable(&first, org).await, MANY as usize, "by two keys");

    let second = world.hub(1).await;
    let rest = second.rotate_data_key(org, None).await.unwrap();
    assert_eq!((rest.version, rest.resealed, rest.destroyed, rest.unreadable), (Some(2), 6, 1, 0));
    assert!(rest.erased);
    assert_eq!(second.vault_status().await.unwrap().unfinished, 0);
    assert_eq!((readable(&first, org).await, readable(&second, org).await), (MANY as usize, MANY as usize));
    assert_eq!(readable(&second, other).await, 1);
    let told = second.audit_lines(patchbay_storage::chain::Chain::Org(org), 0, 100).await.unwrap();
    let told: Vec<_> = told.iter().map(|line| line.entry.action.as_str()).collect();
    assert_eq!(told, ["org.create", "vault.data_key.create", "vault.data_key.destroy"]);
}

#[tokio::test]
async fn what_did_not_open_before_is_counted_and_does_not_stop_the_rest() {
    let world = World::new();
    let hub = world.hub(1).await;
    let org = hub.create_org("o").await.unwrap().id;
    connect(&hub, org, plugin(1)).await;
    connect(&hub, org, plugin(2)).await;
    let mut tx = hub.0.database.begin().await.unwrap();
    let mut broken = tx.org(org).connections().get(&plugin(1)).await.unwrap().unwrap();
    *broken.sealed.last_mut().unwrap() ^= 1;
    tx.org(org).connections().put(&broken).await.unwrap();
    tx.commit().await.unwrap();
    let done = hub.rotate_data_key(org, None).await.unwrap();
    assert_eq!((done.resealed, done.unreadable, done.destroyed), (1, 1, 1));
    assert_eq!(readable(&hub, org).await, 1);
}

#[tokio::test]
async fn an_org_without_secrets_has_no_key_to_rotate_and_one_that_is_not_there_is_not_found() {
    let world = World::new();
    let hub = world.hub(1).await;
    let org = hub.create_org("o").await.unwrap().id;
    assert_eq!(hub.rotate_data_key(org, None).await.unwrap().version, None);
    let nobody = OrgId::new(&ManualClock::new(Timestamp::default()), &SeededRandom::new(7));
    assert_eq!(hub.rotate_data_key(nobody, None).await.unwrap_err().code, Code::NotFound);
}
