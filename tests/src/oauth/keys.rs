//! Key pairs for signed assertions, made afresh: none is ever in the repository.

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der},
    rand::SystemRandom,
    rsa,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _},
};
use patchbay_package::manifest::oauth::JwtAlgorithm;

/// A key pair in PEM.
#[derive(Debug, Clone)]
pub struct KeyPair {
    /// What it is for.
    pub algorithm: JwtAlgorithm,
    /// PKCS#8.
    pub private: String,
    /// SubjectPublicKeyInfo.
    pub public: String,
}

impl KeyPair {
    /// A new one.
    #[must_use]
    pub fn generate(algorithm: JwtAlgorithm) -> Self {
        let random = SystemRandom::new();
        let public = |der: PublicKeyX509Der<'_>| der.as_ref().to_vec();
        let (private, public) = match algorithm {
            JwtAlgorithm::Rs256 => {
                let pair = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).expect("a key");
                let private = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).expect("PKCS#8").as_ref().to_vec();
                (private, public(pair.public_key().as_der().expect("a public key")))
            }
            JwtAlgorithm::Es256 => {
                let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
                let private = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("a key").as_ref().to_vec();
                let pair = EcdsaKeyPair::from_pkcs8(algorithm, &private).expect("PKCS#8");
                (private, public(pair.public_key().as_der().expect("a public key")))
            }
            JwtAlgorithm::EdDsa => {
                // Version 1, as OpenSSL writes it.
                let private = Ed25519KeyPair::generate_pkcs8v1(&random).expect("a key").as_ref().to_vec();
                let pair = Ed25519KeyPair::from_pkcs8(&private).expect("PKCS#8");
                (private, public(pair.public_key().as_der().expect("a public key")))
            }
        };
        Self {
            algorithm,
            private: pem::encode(&pem::Pem::new("PRIVATE KEY", private)),
            public: pem::encode(&pem::Pem::new("PUBLIC KEY", public)),
        }
    }
}
