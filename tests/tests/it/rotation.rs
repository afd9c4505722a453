//! Keys are rotated while calls run: none of them fails, and afterwards the old keys open nothing.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use patchbay_hub::{Hub, HubConfig, KeySource, KeySources};
use patchbay_model::{OrgId, SeededRandom, SystemClock, SystemRandom};
use patchbay_runtime::Compiler;
use patchbay_storage::{Database, DatabaseUrl, OrgKey, SealedCell, SealedColumn};
use patchbay_tests::{Fixture, Org, TestHub, Vendor, oauth::Behaviour};
use patchbay_vault::{KeyEncryptionKey, Keyring, Vault, VaultError};
use serde_json::json;
use tokio::sync::watch;

use crate::oauth::scene::{AUTHORIZE, CONNECTION, OauthScene};

const ORGS: usize = 4;

/// Keys as an operator has them: files outside of the data folder, several versions at once.
struct KeyFiles(tempfile::TempDir);

impl KeyFiles {
    fn new(versions: std::ops::RangeInclusive<u32>) -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        for version in versions {
            KeyEncryptionKey::create_file(&files.path(version), version, &SystemRandom).unwrap();
        }
        files
    }

    fn path(&self, version: u32) -> PathBuf {
        self.0.path().join(version.to_string())
    }

    fn sources(&self, versions: &[u32], current: u32) -> KeySources {
        let keys = versions.iter().map(|version| (*version, KeySource::File(self.path(*version))));
        KeySources { keys: keys.collect(), current: Some(current) }
    }

    /// A vault that has these keys and no others.
    async fn vault(&self, versions: &[u32]) -> Vault {
        let KeySources { keys, .. } = self.sources(versions, versions[0]);
        Vault::new(Keyring::load(&keys, None).await.unwrap(), Arc::new(SeededRandom::new(1)))
    }
}

/// A second hub on the same data, as a command of the operator opens it.
async fn operator(hub: &TestHub, keys: KeySources) -> Hub {
    let mut config = HubConfig::new(hub.data_dir(), Compiler::InProcess);
    config.database_url = hub.postgres().map(|database| database.url().parse().unwrap());
    config.keys = keys;
    Hub::open(config, Arc::new(SystemClock), Arc::new(SystemRandom)).await.unwrap()
}

async fn database(hub: &TestHub) -> Database {
    let url = match hub.postgres() {
        Some(database) => database.url().parse().unwrap(),
        None => DatabaseUrl::sqlite(hub.data_dir().join("patchbay.db")),
    };
    Database::open(&url).await.unwrap()
}

/// Everything of an org that is sealed, and its data keys.
async fn sealed(database: &Database, org: OrgId) -> (Vec<OrgKey>, Vec<SealedCell>) {
    let mut tx = database.begin().await.unwrap();
    let keys = tx.org(org).keys().list().await.unwrap();
    let mut cells = Vec::new();
    for column in SealedColumn::ALL {
        cells.extend(tx.operator(org).sealed(column, u32::MAX, &[], 1_000).await.unwrap());
    }
    (keys, cells)
}

/// Calls, changed settings and changed credentials of some orgs, until it is told to stop.
struct Load {
    stop: Arc<AtomicBool>,
    done: watch::Sender<u64>,
    tasks: tokio::task::JoinSet<Vec<String>>,
}

impl Load {
    fn start(orgs: &[(Org, String)]) -> Self {
        let (stop, done) = (Arc::new(AtomicBool::new(false)), watch::Sender::new(0));
        let mut tasks = tokio::task::JoinSet::new();
        for (org, secret) in orgs {
            for kind in 0..4 {
                let (org, secret, stop, done) = (org.clone(), secret.clone(), Arc::clone(&stop), done.clone());
                tasks.spawn(async move {
                    let mut failed = Vec::new();
                    while !stop.load(Ordering::Relaxed) {
                        let reply = match kind {
                            0 | 1 => org.act("echo", "fetch", &json!({"text": "https://vendor.test/echo"})).await,
                            // What is cached is dropped, so the next call opens the credentials anew.
                            2 => org.install("echo", json!({"region": "eu"})).await,
                            _ => org.connect("echo", "secret_key", &secret).await,
                        };
                        done.send_modify(|done| *done += 1);
                        if reply.status != 200 {
                            failed.push(format!("{kind}: {}", reply.text()));
                        }
                    }
                    failed
                });
            }
        }
        Self { stop, done, tasks }
    }

    async fn wait_for_more(&self, calls: u64) {
        let mut done = self.done.subscribe();
        let target = *done.borrow() + calls;
        let waiting = done.wait_for(|done| *done >= target);
        let reached = tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("calls go on");
        assert!(reached.is_ok());
    }

    /// How many there were, and what failed.
    async fn end(self) -> (u64, Vec<String>) {
        self.stop.store(true, Ordering::Relaxed);
        let failed = self.tasks.join_all().await.concat();
        let done = *self.done.borrow();
        (done, failed)
    }
}

pub async fn no_call_fails_while_both_kinds_of_keys_rotate_and_old_keys_open_nothing_afterwards() {
    let files = KeyFiles::new(1..=3);
    let vendor = Vendor::start().await;
    let keys = files.sources(&[1, 2, 3], 1);
    let hub =
        TestHub::setup().upstream("vendor.test", &vendor.url()).edit(move |config| config.keys = keys).start().await;
    let mut orgs = Vec::new();
    for number in 0..ORGS {
        let org = hub.org(&format!("org {number}")).await;
        if number == 0 {
            let _ = org.upload(Fixture::load("echo").pack()).await.expect(201);
        }
        let secret = format!("sk-of-org-number-{number}");
        let _ = org.install("echo", json!({})).await.expect(200);
        let _ = org.connect("echo", "secret_key", &secret).await.expect(200);
        orgs.push((org, secret));
    }
    let store = database(&hub).await;
    let mut before = BTreeMap::new();
    for (org, _) in &orgs {
        before.insert(org.id, sealed(&store, org.id).await);
    }

    let load = Load::start(&orgs);
    load.wait_for_more(50).await;
    for current in [2, 3] {
        // Two operators at once, and one that is stopped in the middle and goes on.
        let (one, other) = (
            operator(&hub, files.sources(&[1, 2, 3], current)).await,
            operator(&hub, files.sources(&[1, 2, 3], current)).await,
        );
        let (first, second) =
            tokio::join!(one.rotate_key_encryption_key(Some(1)), other.rotate_key_encryption_key(None));
        let last = one.rotate_key_encryption_key(None).await.unwrap();
        let wrapped = first.unwrap().rewrapped + second.unwrap().rewrapped + last.rewrapped;
        assert_eq!((wrapped, last.remaining), (ORGS as u64, 0), "each once");
        load.wait_for_more(50).await;
        for (org, _) in &orgs {
            let stopped = one.rotate_data_key(org.id, Some(0)).await.unwrap();
            assert_eq!(stopped.resealed, 0, "the rest is left to the next");
            let (first, second) = tokio::join!(one.rotate_data_key(org.id, None), other.rotate_data_key(org.id, None));
            let (first, second) = (first.unwrap(), second.unwrap());
            assert!(stopped.destroyed + first.destroyed + second.destroyed >= 1);
            assert_eq!((first.unreadable, second.unreadable), (0, 0));
        }
        load.wait_for_more(50).await;
        one.shutdown().await;
        other.shutdown().await;
    }
    let (calls, failed) = load.end().await;
    println!("{calls} calls while keys were rotated, {} failed", failed.len());
    assert_eq!(failed, Vec::<String>::new(), "of {calls}");

    let (old, new) = (files.vault(&[1, 2]).await, files.vault(&[3]).await);
    for (org, secret) in &orgs {
        let (keys, cells) = sealed(&store, org.id).await;
        assert_eq!(keys.len(), 1, "the former data keys are gone");
        assert_eq!(keys[0].kek_version, 3);
        assert!(!cells.is_empty());
        // The old key-encryption keys open no data key that there is.
        let mut tx = store.read().await.unwrap();
        assert!(matches!(old.data_keys(&mut tx.org(org.id)).await, Err(VaultError::UnknownKek(3))));
        let present = new.data_keys(&mut tx.org(org.id)).await.unwrap();
        assert!(cells.iter().all(|cell| new.opens(&present, cell)));
        drop(tx);
        // And the old data keys, which somebody may have kept, open nothing that there is.
        assert_eq!(opened_by(&files, &before[&org.id].0, org.id, &cells).await, 0);
        assert!(opened_by(&files, &before[&org.id].0, org.id, &before[&org.id].1).await >= 1, "they did open what was");
        let _ = org.act("echo", "fetch", &json!({"text": "https://vendor.test/echo"})).await.expect(200);
        let sent = format!("Bearer {secret}");
        assert_eq!(vendor.requests().last().unwrap().header("authorization"), Some(sent.as_str()));
    }
    let status = operator(&hub, files.sources(&[3], 3)).await.vault_status().await.unwrap();
    assert_eq!((status.data_keys.len(), status.data_keys[0].version, status.data_keys[0].count), (1, 3, ORGS as u64));
    assert_eq!(status.unfinished, 0);
    store.close().await;
}

/// How many of these cells data keys open that were there once. A database of its own holds the keys.
async fn opened_by(files: &KeyFiles, keys: &[OrgKey], org: OrgId, cells: &[SealedCell]) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(&DatabaseUrl::sqlite(folder.path().join("old.db"))).await.unwrap();
    database.migrate().await.unwrap();
    let mut tx = database.begin().await.unwrap();
    let made =
        patchbay_model::org::Org { id: org, name: "o".to_owned(), created_at: patchbay_model::Timestamp::default() };
    tx.hub().insert_org(&made).await.unwrap();
    for key in keys {
        assert!(tx.org(org).keys().insert(key).await.unwrap());
    }
    let vault = files.vault(&[1, 2, 3]).await;
    let keys = vault.data_keys(&mut tx.org(org)).await.unwrap();
    cells.iter().filter(|cell| vault.opens(&keys, cell)).count()
}

/// Tokens are renewed by the hub's own accord, and authorizations wait for browsers, while their data key goes.
pub async fn tokens_are_renewed_while_data_keys_rotate() {
    let scene = OauthScene::connected(json!({})).await;
    // Tokens that wait to be given back: the vendor takes none.
    scene.vendor.behave(Behaviour { revocation_fails: true, ..Behaviour::default() });
    let _ = scene.org.call("DELETE", CONNECTION).send().await.expect(204);
    let _ = scene.consent().await.expect(200);
    let client = json!({"client_id": "operators", "client_secret": crate::oauth::scene::SECRET});
    let _ = scene.org.call("PUT", "/v1/connections/echo/client").json(&client).send().await.expect(200);
    let endpoint = json!({"url": "https://1.1.1.1/"});
    let _ = scene.org.call("POST", "/v1/endpoints").json(&endpoint).send().await.expect(201);
    let store = database(&scene.hub).await;
    let (browser, back) = scene.browse().await;
    let stop = AtomicBool::new(false);
    let calls = async {
        let mut failed = Vec::new();
        for round in 0..20 {
            // Its answer is kept, sealed.
            let once =
                scene.org.call("POST", "/v1/actions/echo/run").header("idempotency-key", &format!("key-{round}"));
            let kept = once.json(&json!({"text": "once"})).send().await;
            if kept.status != 200 {
                failed.push(kept.text());
            }
            // Every token has ended, so every round renews.
            scene.advance(3_600);
            for reply in futures::future::join_all((0..4).map(|_| scene.call())).await {
                if reply.status != 200 {
                    failed.push(reply.text());
                }
            }
            let begun = scene.org.call("POST", AUTHORIZE).json(&json!({})).send().await;
            if begun.status != 200 {
                failed.push(begun.text());
            }
        }
        stop.store(true, Ordering::Relaxed);
        failed
    };
    let rotations = async {
        let mut rounds = 0;
        while !stop.load(Ordering::Relaxed) {
            let done = scene.hub.hub.rotate_data_key(scene.org.id, None).await.unwrap();
            assert_eq!((done.unreadable, done.destroyed), (0, 1));
            rounds += 1;
        }
        rounds
    };
    let (failed, rounds) = tokio::join!(calls, rotations);
    println!("{rounds} rotations of a data key under renewals");
    assert_eq!(failed, Vec::<String>::new());
    assert!(rounds > 1);
    let (keys, cells) = sealed(&store, scene.org.id).await;
    assert_eq!(keys.len(), 1);
    let newest = keys[0].version.to_be_bytes();
    for column in SealedColumn::ALL {
        assert!(cells.iter().any(|cell| cell.column == column), "{column:?} was rotated too");
    }
    assert!(cells.iter().all(|cell| cell.sealed[1..5] == newest));
    // The clock has passed its ten minutes, so it is too late; but what was sealed was read.
    assert!(browser.get(&back).await.text().contains("no authorization waits"));
    let _ = scene.consent().await.expect(200);
    let _ = scene.call().await.expect(200);
    store.close().await;
}

pub async fn a_hub_without_a_key_that_is_in_use_does_not_start() {
    let files = KeyFiles::new(1..=2);
    let keys = files.sources(&[1, 2], 2);
    let hub = TestHub::setup().edit(move |config| config.keys = keys).start().await;
    let org = hub.org("acme").await;
    let _ = org.upload(Fixture::load("echo").pack()).await.expect(201);
    let _ = org.connect("echo", "secret_key", "sk-long-enough").await.expect(200);
    let mut config = HubConfig::new(hub.data_dir(), Compiler::InProcess);
    config.database_url = hub.postgres().map(|database| database.url().parse().unwrap());
    let open = |config: HubConfig| Hub::open(config, Arc::new(SystemClock), Arc::new(SystemRandom));
    config.keys = files.sources(&[1], 1);
    let Err(error) = open(config.clone()).await else { panic!("it opens") };
    assert!(error.to_string().contains("version 2") && error.to_string().contains("[vault.keys]"), "{error}");
    // Another key of the same version.
    let others = KeyFiles::new(1..=2);
    config.keys = others.sources(&[1, 2], 2);
    let Err(error) = open(config.clone()).await else { panic!("it opens") };
    assert!(error.to_string().contains("key-encryption key 1"), "{error}");
    config.keys = files.sources(&[2], 2);
    open(config).await.unwrap().shutdown().await;
}

/// The keys are where the configuration says, and nowhere else.
#[tokio::test(flavor = "multi_thread")]
async fn no_master_key_is_made_where_keys_are_named() {
    let files = KeyFiles::new(1..=1);
    let keys = files.sources(&[1], 1);
    let hub = TestHub::setup().edit(move |config| config.keys = keys).start().await;
    let exists = |name: &str| Path::new(&hub.data_dir()).join("keys").join(name).exists();
    assert!(!exists("master") && exists("pepper") && exists("audit"));
}
