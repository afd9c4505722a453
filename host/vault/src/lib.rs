//! Secrets: how they are kept, and nothing of where they are used.
//!
//! * [`Vault`] seals an org's credentials for the database and opens them again. Envelope encryption: a data key per
//!   org seals, and a key-encryption key that is never in the database ([`KeyEncryptionKey`]) wraps the data keys. So
//!   a stolen database is worth nothing, the outer key can be changed without touching what is sealed, and deleting
//!   an org's data keys destroys its secrets wherever else their ciphertexts are. (A backup of before holds the wrapped
//!   keys too: it is worth nothing once the key-encryption key of then is destroyed.)
//! * [`Keyring`] holds the key-encryption keys, several versions at once, from wherever a [`KeySource`] says.
//! * [`TokenKind`] makes API keys and other tokens, [`KeyHasher`] turns them into what is stored of them, and
//!   [`hash_password`] does that with what people choose.
//! * [`CheckpointKey`] signs how far the audit logs go.
//! * [`ArtefactMac`] marks compiled code as written by this hub, before which none is loaded.
//!
//! AES-256-GCM and its keys are aws-lc's. Every sealed value is bound to the place that it is for (org, table,
//! column, row, key version), so that one who can write to the database cannot give one org's credential to another
//! by moving its bytes. Rejected: libsodium's sealed boxes (no associated data), and encrypting the whole database
//! (a query through the hub's own connection would read every org's secrets).

mod artefact;
mod checkpoint;
mod cipher;
mod credentials;
mod error;
mod key_file;
mod key_hasher;
mod key_source;
mod key_text;
mod keyring;
mod password;
mod rotation;
mod text;
mod token;
mod vault;

pub use artefact::ArtefactMac;
pub use checkpoint::{CheckpointKey, InvalidPublicKey, PublicKey};
pub use credentials::{CredentialValues, Credentials};
pub use error::VaultError;
pub use key_hasher::{KeyHasher, new_api_key};
pub use key_source::{KeyCommand, KeySource};
pub use keyring::{KeyEncryptionKey, Keyring};
pub use password::{Verified, hash_password, verify_password};
pub use rotation::DataKeys;
pub use text::TextPlace;
pub use token::TokenKind;
pub use vault::Vault;
