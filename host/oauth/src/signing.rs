//! Private keys that sign assertions.

use std::fmt;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use patchbay_package::manifest::oauth::JwtAlgorithm;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};

use crate::SetupError;

/// A private key with its algorithm. Its text for people holds neither.
#[derive(Clone)]
pub struct SigningKey {
    key: EncodingKey,
    algorithm: JwtAlgorithm,
    id: Option<String>,
}

impl SigningKey {
    /// Reads a key: PEM with PKCS#8 inside (`BEGIN PRIVATE KEY`), for RSA also PKCS#1. `id` goes into the header of
    /// what is signed (`kid`), for vendors that know several keys.
    ///
    /// # Errors
    /// If it is not such a key, or one of another algorithm. Says nothing of what is in it.
    pub fn from_pem(algorithm: JwtAlgorithm, pem: &SecretString, id: Option<String>) -> Result<Self, SetupError> {
        let bytes = pem.expose_secret().as_bytes();
        let key = match algorithm {
            JwtAlgorithm::Rs256 => EncodingKey::from_rsa_pem(bytes),
            JwtAlgorithm::Es256 => EncodingKey::from_ec_pem(bytes),
            JwtAlgorithm::EdDsa => EncodingKey::from_ed_pem(bytes),
        };
        let refused = || {
            SetupError::Registration(format!(
                "a private key for {} in PEM (PKCS#8, `BEGIN PRIVATE KEY`; `openssl pkcs8 -topk8 -nocrypt` makes one of other forms)",
                joined(algorithm).1,
            ))
        };
        let key = Self { key: key.map_err(|_| refused())?, algorithm, id };
        // What parses may still not sign: another curve, a public key, a damaged number.
        key.sign(&Map::new()).map_err(|_| refused())?;
        Ok(key)
    }

    pub(crate) const fn algorithm(&self) -> JwtAlgorithm {
        self.algorithm
    }

    /// A signed JWT with these claims.
    pub(crate) fn sign(&self, claims: &Map<String, Value>) -> Result<SecretString, SetupError> {
        let header = Header { kid: self.id.clone(), ..Header::new(joined(self.algorithm).0) };
        let signed = jsonwebtoken::encode(&header, claims, &self.key);
        signed.map(SecretString::from).map_err(|_| SetupError::Registration("a private key that signs".to_owned()))
    }
}

const fn joined(algorithm: JwtAlgorithm) -> (Algorithm, &'static str) {
    match algorithm {
        JwtAlgorithm::Rs256 => (Algorithm::RS256, "RS256 (RSA of 2048 bits or more)"),
        JwtAlgorithm::Es256 => (Algorithm::ES256, "ES256 (P-256)"),
        JwtAlgorithm::EdDsa => (Algorithm::EdDSA, "EdDSA (Ed25519)"),
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("algorithm", &self.algorithm).field("id", &self.id).finish_non_exhaustive()
    }
}
