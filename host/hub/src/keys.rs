//! The keys that are not in the database: where they come from, and whether they are the database's.
//!
//! Another key than yesterday's is an accident until somebody says otherwise: a hub with another pepper knows no API key,
//! one with another key-encryption key would seal what nobody else opens. So the database keeps a fingerprint of each, and a
//! hub with others does not start. New versions of the key-encryption key are added as hubs bring them along.

use std::{collections::BTreeMap, path::Path};

use patchbay_model::Random;
use patchbay_storage::{Database, Tx};
use patchbay_vault::{ArtefactMac, CheckpointKey, KeyEncryptionKey, KeyHasher, KeySource, Keyring, PublicKey};

use crate::start_error::StartError;

/// Where the key-encryption keys are.
#[derive(Debug, Clone, Default)]
pub struct KeySources {
    /// By version. None: the file `master` in the folder of keys, which is made when it is missing.
    pub keys: BTreeMap<u32, KeySource>,
    /// Which of them wraps from now on; the greatest if not said.
    pub current: Option<u32>,
}

/// The key that signs the audit log's checkpoints.
#[derive(Debug, Clone, Default)]
pub struct SigningSource {
    /// Where it is. None: the file `audit` in the folder of keys, which is made when it is missing.
    pub key: Option<KeySource>,
    /// The public halves of keys that signed before: checkpoints by them count, and the present key may take their place.
    pub former: Vec<PublicKey>,
}

/// What a hub needs to read what is stored.
pub(crate) struct Keys {
    pub(crate) keyring: Keyring,
    pub(crate) hasher: KeyHasher,
    pub(crate) mac: ArtefactMac,
    pub(crate) signer: CheckpointKey,
}

impl Keys {
    pub(crate) async fn load(
        folder: &Path,
        sources: &KeySources,
        signing: &SigningSource,
        random: &dyn Random,
    ) -> Result<Self, StartError> {
        let keyring = if sources.keys.is_empty() {
            Keyring::new([KeyEncryptionKey::from_file_or_create(&folder.join("master"), random)?], sources.current)?
        } else {
            Keyring::load(&sources.keys, sources.current).await?
        };
        let signer = match &signing.key {
            None => CheckpointKey::from_file_or_create(&folder.join("audit"), random)?,
            Some(source) => CheckpointKey::load(source).await?,
        };
        Ok(Self {
            keyring,
            hasher: KeyHasher::from_file_or_create(&folder.join("pepper"), random)?,
            mac: ArtefactMac::from_file_or_create(&folder.join("artefacts"), random)?,
            signer,
        })
    }

    /// Fails unless these are the keys that the database belongs to, and all that its data keys need are among them.
    pub(crate) async fn check(&self, database: &Database, signing: &SigningSource) -> Result<(), StartError> {
        let mut tx = database.begin().await?;
        self.check_together(&mut tx).await?;
        for key in self.keyring.keys() {
            let name = format!("key-encryption key {}", key.version());
            if !tx.hub().has_key(&name, &key.fingerprint()).await? {
                return Err(StartError::OtherKeys(name));
            }
        }
        if !tx.hub().has_key("pepper", &self.hasher.fingerprint()).await? {
            return Err(StartError::OtherKeys("pepper".to_owned()));
        }
        self.check_signer(&mut tx, signing).await?;
        let unknown = tx.hub().kek_uses().await?.into_iter().find(|used| !self.keyring.knows(used.version));
        if let Some(used) = unknown {
            return Err(StartError::KeyMissing(used.version));
        }
        Ok(tx.commit().await?)
    }

    /// Compares with the one fingerprint that was kept before there were several keys, if the key is known that it was
    /// made with.
    async fn check_together(&self, tx: &mut Tx) -> Result<(), StartError> {
        let Some(kept) = tx.hub().key_fingerprint("master and pepper").await? else { return Ok(()) };
        let Some(first) = self.keyring.keys().find(|key| key.version() == 1) else { return Ok(()) };
        if first.fingerprint_with(&self.hasher) == *kept {
            return Ok(());
        }
        Err(StartError::OtherKeys("master or pepper".to_owned()))
    }

    async fn check_signer(&self, tx: &mut Tx, signing: &SigningSource) -> Result<(), StartError> {
        const NAME: &str = "audit";
        let own = self.signer.public().fingerprint();
        if tx.hub().has_key(NAME, &own).await? {
            return Ok(());
        }
        for former in &signing.former {
            if tx.hub().replace_key(NAME, &former.fingerprint(), &own).await? {
                tracing::info!(key = %self.signer.public(), "another key signs the audit log from now on");
                return Ok(());
            }
        }
        Err(StartError::OtherKeys(NAME.to_owned()))
    }
}
