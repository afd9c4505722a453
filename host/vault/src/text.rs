//! Single secret texts, sealed each for its place.

use patchbay_model::OrgId;
use patchbay_storage::OrgTx;
use secrecy::{ExposeSecret as _, SecretString};

use crate::{Vault, VaultError, cipher, vault::FIRST};

/// Where a sealed text is: it opens nowhere else. A table that has such texts is listed in
/// [`patchbay_storage::SealedColumn`], or they are lost when the org's data key is rotated.
#[derive(Debug, Clone, Copy)]
pub struct TextPlace<'a> {
    /// The table.
    pub table: &'static str,
    /// What names the row within the org.
    pub row: &'a [u8],
}

impl Vault {
    /// Seals a text for a place of this org. The org's first sealing makes its data key, in the same transaction, which
    /// must therefore be one that writes.
    ///
    /// # Errors
    /// The data key does not open, or the database fails.
    pub async fn seal_text(
        &self,
        tx: &mut OrgTx<'_>,
        place: TextPlace<'_>,
        text: &SecretString,
    ) -> Result<Vec<u8>, VaultError> {
        let (version, key) = self.sealing_key(tx).await?;
        self.seal(&key, version, &framed(tx.id(), place.table, place.row, version), text.expose_secret().as_bytes())
    }

    /// Seals a text without the org's lock, also in a transaction that only reads: no key is made. Only for what may be lost:
    /// a data key that is being replaced may be gone before the text is stored, and then nothing opens it any more.
    ///
    /// # Errors
    /// `KeyMissing` if the org has no data key; it does not open; or the database fails.
    pub async fn seal_text_unlocked(
        &self,
        tx: &mut OrgTx<'_>,
        place: TextPlace<'_>,
        text: &SecretString,
    ) -> Result<Vec<u8>, VaultError> {
        let (version, key) = self.newest_key(tx).await?.ok_or(VaultError::KeyMissing(FIRST))?;
        self.seal(&key, version, &framed(tx.id(), place.table, place.row, version), text.expose_secret().as_bytes())
    }

    /// Opens a text.
    ///
    /// # Errors
    /// As of [`Vault::open_connection`].
    pub async fn open_text(
        &self,
        tx: &mut OrgTx<'_>,
        place: TextPlace<'_>,
        sealed: &[u8],
    ) -> Result<SecretString, VaultError> {
        let (version, key, sealed) = self.opening_key(tx, sealed).await?;
        let plain = cipher::open(&key, &framed(tx.id(), place.table, place.row, version), sealed)
            .map_err(|_| VaultError::Tampered)?;
        std::str::from_utf8(&plain).map(SecretString::from).map_err(|_| VaultError::Malformed)
    }
}

pub(crate) fn framed(org: OrgId, table: &str, row: &[u8], version: u32) -> Vec<u8> {
    cipher::place(&[org.0.as_bytes(), b"text", table.as_bytes(), row, &version.to_be_bytes()])
}
