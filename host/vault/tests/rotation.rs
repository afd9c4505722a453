//! Keys that take the place of others.
#![expect(clippy::unwrap_used, reason = "in helpers of tests a failure is the test's")]

use std::{collections::BTreeMap, sync::Arc};

use patchbay_model::{
    ConnectionId, OrgId, PluginId, SeededRandom, Timestamp, installation::SealedConnection, org::Org,
};
use patchbay_storage::{Database, DatabaseUrl, OrgKey, SealedColumn};
use patchbay_vault::{CredentialValues, KeyEncryptionKey, Keyring, Vault, VaultError};
use tempfile::TempDir;
use uuid::Uuid;

const ORG: OrgId = OrgId(Uuid::from_u128(1));

fn kek(version: u32) -> KeyEncryptionKey {
    KeyEncryptionKey::from_bytes(version, [u8::try_from(version).unwrap(); 32])
}

fn vault(keys: impl IntoIterator<Item = u32>, current: u32) -> Vault {
    let keyring = Keyring::new(keys.into_iter().map(kek), Some(current)).unwrap();
    Vault::new(keyring, Arc::new(SeededRandom::new(current.into())))
}

fn openai() -> PluginId {
    "openai".parse().unwrap()
}

struct World {
    database: Database,
    _folder: TempDir,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&DatabaseUrl::sqlite(folder.path().join("patchbay.db"))).await.unwrap();
        database.migrate().await.unwrap();
        let mut tx = database.begin().await.unwrap();
        tx.hub().insert_org(&Org { id: ORG, name: "o".to_owned(), created_at: Timestamp::default() }).await.unwrap();
        tx.commit().await.unwrap();
        Self { database, _folder: folder }
    }

    async fn connect(&self, vault: &Vault) -> SealedConnection {
        let values =
            BTreeMap::from([("secret_key".to_owned(), CredentialValues { current: "sk-live".into(), previous: None })]);
        let id = ConnectionId(Uuid::from_u128(9));
        let mut tx = self.database.begin().await.unwrap();
        let sealed = vault.seal_connection(&mut tx.org(ORG), id, &openai(), &values).await.unwrap();
        let connection = SealedConnection {
            id,
            org: ORG,
            plugin: openai(),
            credentials: vec!["secret_key".to_owned()],
            account: None,
            sealed,
            created_at: Timestamp::default(),
            updated_at: Timestamp::default(),
        };
        tx.org(ORG).connections().put(&connection).await.unwrap();
        tx.commit().await.unwrap();
        connection
    }

    async fn keys(&self) -> Vec<OrgKey> {
        self.database.read().await.unwrap().org(ORG).keys().list().await.unwrap()
    }

    /// Whether a vault opens what is stored.
    async fn open(&self, vault: &Vault) -> Result<(), VaultError> {
        let mut tx = self.database.read().await.unwrap();
        let stored = tx.org(ORG).connections().get(&openai()).await.unwrap().unwrap();
        vault.open_connection(&mut tx.org(ORG), &stored).await.map(drop)
    }
}

#[tokio::test]
async fn a_data_key_wrapped_anew_opens_with_the_new_key_alone() {
    let world = World::new().await;
    world.connect(&vault([1], 1)).await;
    let both = vault([1, 2], 2);
    world.open(&both).await.unwrap();
    let old = world.keys().await.remove(0);
    let new = both.rewrapped(ORG, &old).unwrap().unwrap();
    assert_eq!((new.version, new.kek_version), (1, 2));
    let mut tx = world.database.begin().await.unwrap();
    assert!(tx.operator(ORG).rewrap(&old, &new).await.unwrap());
    tx.commit().await.unwrap();

    assert_eq!(both.rewrapped(ORG, &new).unwrap(), None, "nothing is left to do");
    world.open(&both).await.unwrap();
    world.open(&vault([2], 2)).await.unwrap();
    assert!(matches!(world.open(&vault([1], 1)).await, Err(VaultError::UnknownKek(2))));
    let mut tx = world.database.begin().await.unwrap();
    let relabelled = OrgKey { kek_version: 1, ..new.clone() };
    assert!(tx.operator(ORG).rewrap(&new, &relabelled).await.unwrap());
    tx.commit().await.unwrap();
    assert!(
        matches!(world.open(&vault([1], 1)).await, Err(VaultError::WrongKey { version: 1 })),
        "the old key opens none"
    );
}

#[tokio::test]
async fn a_new_data_key_seals_from_then_on_and_the_old_one_still_opens() {
    let world = World::new().await;
    let vault = vault([1], 1);
    let first = world.connect(&vault).await;
    let mut tx = world.database.begin().await.unwrap();
    assert_eq!(vault.add_data_key(&mut tx.org(ORG)).await.unwrap(), 2);
    tx.commit().await.unwrap();
    world.open(&vault).await.unwrap();
    let second = world.connect(&vault).await;
    assert_eq!((&first.sealed[1..5], &second.sealed[1..5]), (&[0, 0, 0, 1][..], &[0, 0, 0, 2][..]));
}

#[tokio::test]
async fn what_is_sealed_anew_outlives_the_old_data_key() {
    let world = World::new().await;
    let vault = vault([1], 1);
    let old = world.connect(&vault).await;
    let mut tx = world.database.begin().await.unwrap();
    vault.add_data_key(&mut tx.org(ORG)).await.unwrap();
    let keys = vault.data_keys(&mut tx.org(ORG)).await.unwrap();
    assert_eq!((keys.count(), keys.newest()), (2, Some(2)));
    let cells = tx.operator(ORG).sealed(SealedColumn::Connection, 2, &[], 10).await.unwrap();
    assert_eq!(cells.len(), 1);
    let sealed = vault.resealed(&keys, &cells[0]).unwrap().unwrap();
    assert!(tx.operator(ORG).put_sealed(&cells[0], &sealed).await.unwrap());
    assert_eq!(tx.operator(ORG).destroy_keys_before(2).await.unwrap(), 1);
    tx.commit().await.unwrap();

    world.open(&vault).await.unwrap();
    let mut tx = world.database.read().await.unwrap();
    let opened = vault.open_connection(&mut tx.org(ORG), &old).await;
    assert!(matches!(opened, Err(VaultError::KeyMissing(1))), "the old ciphertext is worth nothing");
}

#[tokio::test]
async fn what_does_not_open_is_not_sealed_anew() {
    let world = World::new().await;
    let vault = vault([1], 1);
    world.connect(&vault).await;
    let mut tx = world.database.begin().await.unwrap();
    vault.add_data_key(&mut tx.org(ORG)).await.unwrap();
    let keys = vault.data_keys(&mut tx.org(ORG)).await.unwrap();
    let cell = tx.operator(ORG).sealed(SealedColumn::Connection, 2, &[], 10).await.unwrap().remove(0);
    assert!(vault.opens(&keys, &cell));
    let mut changed = cell.clone();
    *changed.sealed.last_mut().unwrap() ^= 1;
    let moved = patchbay_storage::SealedCell { row: b"stripe".to_vec(), ..cell.clone() };
    let cut = patchbay_storage::SealedCell { sealed: cell.sealed[..3].to_vec(), ..cell };
    for cell in [changed, moved, cut] {
        assert_eq!(vault.resealed(&keys, &cell).unwrap(), None, "{cell:?}");
        assert!(!vault.opens(&keys, &cell));
    }
}

#[tokio::test]
async fn a_vault_that_forgets_an_org_unwraps_its_keys_again() {
    let world = World::new().await;
    let vault = vault([1], 1);
    world.connect(&vault).await;
    world.open(&vault).await.unwrap();
    vault.forget(ORG);
    world.open(&vault).await.unwrap();
    vault.forget_all();
    world.open(&vault).await.unwrap();
}
