//! Why a secret cannot be had. No variant holds one.

use std::{io, path::PathBuf, sync::Arc};

use patchbay_model::{Code, Failure};
use patchbay_storage::StorageError;

/// A failure of the vault.
#[derive(Debug, Clone, thiserror::Error)]
pub enum VaultError {
    /// The org's data key does not open: it was wrapped by another key-encryption key, or it was tampered with.
    #[error("the org's data key does not open with key-encryption key version {version}: is it the right key file?")]
    WrongKey {
        /// Of the key-encryption key that was tried.
        version: u32,
    },
    /// The org's data key is wrapped by a key-encryption key that this hub was not given.
    #[error(
        "data keys are wrapped with key-encryption key version {0}, which this hub does not have: add it to [vault.keys]"
    )]
    UnknownKek(u32),
    /// There is no key-encryption key at all.
    #[error("there is no key-encryption key: name one in [vault.keys]")]
    NoKey,
    /// A key is not where it should be.
    #[error("{place} gives no key: {why}")]
    Source {
        /// Where it was looked for.
        place: String,
        /// What went wrong; never what was found.
        why: String,
    },
    /// The sealed value does not open: its bytes were changed, or they were sealed for another place.
    #[error("the sealed value was tampered with or belongs to another place")]
    Tampered,
    /// The data key that sealed the value is gone.
    #[error("the data key of version {0} does not exist any more")]
    KeyMissing(u32),
    /// The sealed value has not the form that this version writes.
    #[error("the sealed value has an unknown form")]
    Malformed,
    /// The cipher refused to work.
    #[error("the cipher failed")]
    Cipher,
    /// A password cannot be hashed, or what is stored of one is no hash.
    #[error("a password cannot be hashed or compared: there is too little memory, or what is stored is no hash")]
    Password,
    /// Others than its owner may read the key file.
    #[error("{} can be read by others than its owner: run chmod 600 on it", .0.display())]
    FileReadable(PathBuf),
    /// The key file has not the form that this version writes.
    #[error("{} does not hold a key of this hub", .0.display())]
    FileInvalid(PathBuf),
    /// The key file cannot be read or made.
    #[error("{} cannot be read or made: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: Arc<io::Error>,
    },
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl From<VaultError> for Failure {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Storage(error) => error.into(),
            // A caller can do nothing about it but connect anew; what went wrong is for the operator.
            VaultError::Tampered | VaultError::KeyMissing(_) | VaultError::Malformed => Self::new(
                Code::ReauthorizationNeeded,
                "the stored credentials cannot be read: connect the plugin again",
            )
            .with_internal(error),
            error => Self::internal(error),
        }
    }
}
