//! Sealing and opening on a real database.
#![expect(clippy::unwrap_used, reason = "in helpers of tests a failure is the test's")]

use std::{collections::BTreeMap, sync::Arc};

use chrono::DateTime;
use patchbay_model::{
    ConnectionId, OrgId, PluginId, Random as _, SeededRandom, Timestamp, installation::SealedConnection, org::Org,
};
use patchbay_storage::{Database, DatabaseUrl, OrgKey};
use patchbay_vault::{CredentialValues, Credentials, KeyEncryptionKey, TextPlace, Vault, VaultError};
use secrecy::ExposeSecret as _;
use tempfile::TempDir;
use uuid::Uuid;

const SECRET: &str = "sk-live-\"canary\"-é";

struct World {
    database: Database,
    vault: Vault,
    ours: OrgId,
    theirs: OrgId,
    _folder: TempDir,
}

fn instant(micros: i64) -> Timestamp {
    DateTime::from_timestamp_micros(micros).unwrap()
}

fn openai() -> PluginId {
    "openai".parse().unwrap()
}

fn vault(kek: [u8; 32]) -> Vault {
    Vault::new(KeyEncryptionKey::from_bytes(1, kek), Arc::new(SeededRandom::new(u64::from(kek[0]))))
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&DatabaseUrl::sqlite(folder.path().join("patchbay.db"))).await.unwrap();
        database.migrate().await.unwrap();
        let (ours, theirs) = (OrgId(Uuid::from_u128(1)), OrgId(Uuid::from_u128(2)));
        let mut tx = database.begin().await.unwrap();
        for id in [ours, theirs] {
            tx.hub().insert_org(&Org { id, name: "o".to_owned(), created_at: instant(0) }).await.unwrap();
        }
        tx.commit().await.unwrap();
        Self { database, vault: vault([1; 32]), ours, theirs, _folder: folder }
    }

    /// Seals the secret for a row of this org, and keeps the org's data key.
    async fn seal(&self, org: OrgId, id: u128) -> SealedConnection {
        let values = BTreeMap::from([(
            "secret_key".to_owned(),
            CredentialValues { current: SECRET.into(), previous: Some(("sk-old".into(), instant(500))) },
        )]);
        let id = ConnectionId(Uuid::from_u128(id));
        let mut tx = self.database.begin().await.unwrap();
        let sealed = self.vault.seal_connection(&mut tx.org(org), id, &openai(), &values).await.unwrap();
        tx.commit().await.unwrap();
        let credentials = vec!["secret_key".to_owned()];
        SealedConnection {
            id,
            org,
            plugin: openai(),
            credentials,
            account: None,
            sealed,
            created_at: instant(0),
            updated_at: instant(0),
        }
    }

    async fn open(&self, vault: &Vault, connection: &SealedConnection) -> Result<Credentials, VaultError> {
        let mut tx = self.database.read().await.unwrap();
        vault.open_connection(&mut tx.org(connection.org), connection).await
    }
}

#[tokio::test]
async fn what_was_sealed_opens_again_also_in_another_process() {
    let world = World::new().await;
    let connection = world.seal(world.ours, 10).await;
    for vault in [&world.vault, &vault([1; 32])] {
        let credentials = world.open(vault, &connection).await.unwrap();
        assert_eq!(credentials.names().collect::<Vec<_>>(), ["secret_key"]);
        let at =
            |now| credentials.get("secret_key", instant(now)).iter().map(|s| s.expose_secret()).collect::<Vec<_>>();
        assert_eq!(at(499), [SECRET, "sk-old"]);
        assert_eq!(at(500), [SECRET]);
    }
}

#[tokio::test]
async fn what_was_sealed_opens_without_the_database_with_its_own_wrapped_key_alone() {
    let world = World::new().await;
    let ours = world.seal(world.ours, 10).await;
    let theirs = world.seal(world.theirs, 11).await;
    let mut tx = world.database.read().await.unwrap();
    let key = world.vault.key_of_connection(&mut tx.org(world.ours), &ours).await.unwrap();
    drop(tx);
    let elsewhere = vault([1; 32]);
    let opened = elsewhere.open_connection_with(world.ours, &ours, &key).unwrap();
    assert_eq!(opened.get("secret_key", instant(500))[0].expose_secret(), SECRET);
    assert!(elsewhere.open_connection_with(world.theirs, &theirs, &key).is_err());
    assert!(vault([2; 32]).open_connection_with(world.ours, &ours, &key).is_err());
}

#[tokio::test]
async fn the_sealed_bytes_do_not_hold_the_secret_and_never_repeat() {
    let world = World::new().await;
    let (first, second) = (world.seal(world.ours, 10).await, world.seal(world.ours, 10).await);
    assert_ne!(first.sealed, second.sealed);
    assert!(!first.sealed.windows(6).any(|window| window == b"canary"));
}

#[tokio::test]
async fn a_ciphertext_moved_to_another_row_org_or_plugin_does_not_open() {
    let world = World::new().await;
    let ours = world.seal(world.ours, 10).await;
    let theirs = world.seal(world.theirs, 10).await;
    let moved = [
        SealedConnection { id: ConnectionId(Uuid::from_u128(11)), ..ours.clone() },
        SealedConnection { org: world.theirs, ..ours.clone() },
        SealedConnection { sealed: theirs.sealed.clone(), ..ours.clone() },
        SealedConnection { plugin: "stripe".parse().unwrap(), ..ours.clone() },
    ];
    for connection in moved {
        let opened = world.open(&world.vault, &connection).await;
        assert!(matches!(opened, Err(VaultError::Tampered)), "{connection:?}");
    }
    assert!(world.open(&world.vault, &ours).await.is_ok());
}

#[tokio::test]
async fn a_text_opens_in_its_place_and_nowhere_else() {
    let world = World::new().await;
    let here = TextPlace { table: "oauth_token", row: b"openai" };
    let mut tx = world.database.begin().await.unwrap();
    let sealed = world.vault.seal_text(&mut tx.org(world.ours), here, &SECRET.into()).await.unwrap();
    let theirs = world.vault.seal_text(&mut tx.org(world.theirs), here, &SECRET.into()).await.unwrap();
    assert!(!sealed.windows(6).any(|window| window == b"canary"));
    let opened = world.vault.open_text(&mut tx.org(world.ours), here, &sealed).await.unwrap();
    assert_eq!(opened.expose_secret(), SECRET);
    for (org, place, sealed) in [
        (world.ours, TextPlace { row: b"stripe", ..here }, &sealed),
        (world.ours, TextPlace { table: "oauth_client", ..here }, &sealed),
        (world.theirs, here, &sealed),
        (world.ours, here, &theirs),
    ] {
        let opened = world.vault.open_text(&mut tx.org(org), place, sealed).await;
        assert!(matches!(opened, Err(VaultError::Tampered)), "{place:?}");
    }
}

#[tokio::test]
async fn a_data_key_moved_to_another_org_does_not_open() {
    let world = World::new().await;
    let ours = world.seal(world.ours, 10).await;
    let mut tx = world.database.begin().await.unwrap();
    let key = tx.org(world.ours).keys().current().await.unwrap().unwrap();
    assert!(tx.org(world.theirs).keys().insert(&key).await.unwrap());
    tx.commit().await.unwrap();
    let moved = SealedConnection { org: world.theirs, ..ours };
    assert!(matches!(world.open(&world.vault, &moved).await, Err(VaultError::WrongKey { .. })));
}

#[tokio::test]
async fn every_changed_byte_fails() {
    let world = World::new().await;
    let connection = world.seal(world.ours, 10).await;
    for index in 0..connection.sealed.len() {
        let mut changed = connection.clone();
        changed.sealed[index] ^= 1;
        assert!(world.open(&world.vault, &changed).await.is_err(), "byte {index}");
    }
    for length in [0, 1, 4, 5, 16, connection.sealed.len() - 1] {
        let cut = SealedConnection { sealed: connection.sealed[..length].to_vec(), ..connection.clone() };
        assert!(world.open(&world.vault, &cut).await.is_err(), "cut to {length}");
    }
}

#[tokio::test]
async fn the_wrong_key_encryption_key_opens_and_seals_nothing() {
    let world = World::new().await;
    let connection = world.seal(world.ours, 10).await;
    let other_version = Vault::new(KeyEncryptionKey::from_bytes(2, [1; 32]), Arc::new(SeededRandom::new(3)));
    for wrong in [vault([2; 32]), other_version] {
        let is_refused = |error: &VaultError| matches!(error, VaultError::WrongKey { .. } | VaultError::UnknownKek(1));
        assert!(is_refused(&world.open(&wrong, &connection).await.unwrap_err()));
        let mut tx = world.database.begin().await.unwrap();
        let sealed = wrong.seal_connection(&mut tx.org(world.ours), connection.id, &openai(), &BTreeMap::new()).await;
        assert!(is_refused(&sealed.unwrap_err()), "a second data key would split the org's secrets");
    }
}

#[tokio::test]
async fn a_data_key_whose_transaction_was_rolled_back_is_never_used_again() {
    let world = World::new().await;
    let id = ConnectionId(Uuid::from_u128(10));
    let mut tx = world.database.begin().await.unwrap();
    for _ in 0..2 {
        world.vault.seal_connection(&mut tx.org(world.ours), id, &openai(), &BTreeMap::new()).await.unwrap();
    }
    drop(tx);
    let connection = world.seal(world.ours, 10).await;
    assert!(world.open(&vault([1; 32]), &connection).await.is_ok(), "the stored key is the one that sealed");
}

#[tokio::test]
async fn a_destroyed_data_key_takes_what_it_sealed_with_it() {
    let world = World::new().await;
    let connection = world.seal(world.ours, 10).await;
    assert!(world.open(&world.vault, &connection).await.is_ok(), "the key is cached now");
    let nobody = SealedConnection { org: OrgId(Uuid::from_u128(3)), ..connection };
    assert!(matches!(world.open(&world.vault, &nobody).await, Err(VaultError::KeyMissing(1))));
}

#[tokio::test]
async fn what_an_older_data_key_sealed_still_opens() {
    let world = World::new().await;
    let connection = world.seal(world.ours, 10).await;
    let mut tx = world.database.begin().await.unwrap();
    let mut unusable = [0; 60];
    SeededRandom::new(9).fill(&mut unusable);
    let newer = OrgKey { version: 2, kek_version: 1, wrapped: unusable.to_vec() };
    assert!(tx.org(world.ours).keys().insert(&newer).await.unwrap());
    tx.commit().await.unwrap();
    assert!(world.open(&world.vault, &connection).await.is_ok());
}

#[tokio::test]
async fn nothing_that_can_be_printed_holds_a_secret() {
    let world = World::new().await;
    let connection = world.seal(world.ours, 10).await;
    let credentials = world.open(&world.vault, &connection).await.unwrap();
    let values: Vec<_> = credentials.values().values().collect();
    let kek = KeyEncryptionKey::from_bytes(1, *b"canary-canary-canary-canary-cana");
    let text = format!("{:?} {kek:?} {credentials:?} {values:?} {connection:#?}", world.vault);
    for secret in ["canary", "sk-live", "sk-old", "99, 97, 110"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[tokio::test]
async fn a_text_is_sealed_without_the_lock_by_a_key_that_is_there_and_none_is_made() {
    let world = World::new().await;
    let here = TextPlace { table: "idempotency_key", row: b"order" };
    let sealed = async |org| {
        let mut tx = world.database.read().await.unwrap();
        world.vault.seal_text_unlocked(&mut tx.org(org), here, &SECRET.into()).await
    };
    assert!(matches!(sealed(world.ours).await, Err(VaultError::KeyMissing(1))));
    drop(world.seal(world.ours, 10).await);
    let mut tx = world.database.begin().await.unwrap();
    world.vault.add_data_key(&mut tx.org(world.ours)).await.unwrap();
    tx.commit().await.unwrap();

    let text = sealed(world.ours).await.unwrap();
    assert_eq!(&text[1..5], &[0, 0, 0, 2], "by the newest");
    let mut tx = world.database.read().await.unwrap();
    let opened = world.vault.open_text(&mut tx.org(world.ours), here, &text).await.unwrap();
    assert_eq!(opened.expose_secret(), SECRET);
}
