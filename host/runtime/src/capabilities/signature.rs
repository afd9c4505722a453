//! Checks of what vendors sign. Keys stay here; comparisons take constant time.

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use super::{HostError, undeclared};
use crate::{
    bindings::{
        patchbay::connector::signature::{Digest, Host, KeyEncoding},
        types::Error,
    },
    call::CallState,
};

impl CallState {
    /// The current values of a credential: two while a rotation lasts.
    fn values(&self, name: &str) -> Result<Vec<&SecretString>, HostError> {
        if !self.grants.credentials.contains_key(name) {
            return Err(undeclared("credentials", name));
        }
        let now = self.services.clock.now();
        let values = self.tenant.credentials.as_ref().map(|all| all.get(name, now)).unwrap_or_default();
        if values.is_empty() {
            return Err(HostError::Guest(Error::Reauthorize(format!("the connection has no {name:?}"))));
        }
        Ok(values)
    }

    /// Tries every value, also after one fits: the time tells nothing about which.
    fn any_fits(
        &self,
        name: &str,
        check: impl Fn(&[u8]) -> bool,
        decode: impl Fn(&str) -> Option<Vec<u8>>,
    ) -> Result<bool, HostError> {
        let mut fits = false;
        let mut usable = false;
        for value in self.values(name)? {
            if let Some(key) = decode(value.expose_secret()).map(zeroize_later) {
                usable = true;
                fits |= check(&key);
            }
        }
        if usable {
            Ok(fits)
        } else {
            Err(HostError::Guest(Error::Reauthorize(format!(
                "the value of {name:?} is not encoded as the plugin expects"
            ))))
        }
    }
}

fn zeroize_later(key: Vec<u8>) -> secrecy::zeroize::Zeroizing<Vec<u8>> {
    secrecy::zeroize::Zeroizing::new(key)
}

/// The key that a secret stands for. An empty one is none: anybody can sign with it.
fn decode(encoding: KeyEncoding, secret: &str) -> Option<Vec<u8>> {
    let key = match encoding {
        KeyEncoding::Raw => Some(secret.as_bytes().to_vec()),
        KeyEncoding::Base64Suffix => {
            let encoded = secret.rsplit_once('_').map_or(secret, |(_, suffix)| suffix);
            STANDARD.decode(encoded).ok()
        }
        KeyEncoding::Hex => hex::decode(secret).ok(),
    };
    key.filter(|key| !key.is_empty())
}

fn decode_public_key(text: &str) -> Option<Vec<u8>> {
    let text = text.trim();
    let key = if text.len() == 64 { hex::decode(text).ok() } else { STANDARD.decode(text).ok() };
    key.filter(|key| key.len() == 32)
}

fn hmac_fits(digest: Digest, key: &[u8], message: &[u8], mac: &[u8]) -> bool {
    fn fits<M: Mac + KeyInit>(key: &[u8], message: &[u8], mac: &[u8]) -> bool {
        let Ok(mut state) = <M as KeyInit>::new_from_slice(key) else { return false };
        state.update(message);
        // compares in constant time
        state.verify_slice(mac).is_ok()
    }
    match digest {
        Digest::Sha1 => fits::<Hmac<sha1::Sha1>>(key, message, mac),
        Digest::Sha256 => fits::<Hmac<sha2::Sha256>>(key, message, mac),
        Digest::Sha512 => fits::<Hmac<sha2::Sha512>>(key, message, mac),
    }
}

impl Host for CallState {
    async fn hmac_matches(
        &mut self,
        credential: String,
        digest: Digest,
        encoding: KeyEncoding,
        message: Vec<u8>,
        mac: Vec<u8>,
    ) -> Result<bool, HostError> {
        self.enter()?;
        self.any_fits(&credential, |key| hmac_fits(digest, key, &message, &mac), |secret| decode(encoding, secret))
    }

    async fn ed25519_matches(
        &mut self,
        credential: String,
        message: Vec<u8>,
        signature: Vec<u8>,
    ) -> Result<bool, HostError> {
        self.enter()?;
        let check = |key: &[u8]| UnparsedPublicKey::new(&ED25519, key).verify(&message, &signature).is_ok();
        self.any_fits(&credential, check, decode_public_key)
    }

    async fn equals(&mut self, credential: String, presented: Vec<u8>) -> Result<bool, HostError> {
        self.enter()?;
        self.any_fits(&credential, |key| key.ct_eq(&presented).into(), |secret| decode(KeyEncoding::Raw, secret))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, test case 2.
    #[test]
    fn hmac_sha256_and_sha512_follow_rfc_4231() {
        let message = b"what do ya want for nothing?";
        let sha256 = hex::decode("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843").unwrap();
        let sha512 = hex::decode(
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
        )
        .unwrap();
        assert!(hmac_fits(Digest::Sha256, b"Jefe", message, &sha256));
        assert!(hmac_fits(Digest::Sha512, b"Jefe", message, &sha512));
        assert!(!hmac_fits(Digest::Sha256, b"jefe", message, &sha256));
    }

    #[test]
    fn a_standard_webhooks_secret_is_decoded_after_its_prefix() {
        assert_eq!(decode(KeyEncoding::Base64Suffix, "whsec_AQID"), Some(vec![1, 2, 3]));
        assert_eq!(decode(KeyEncoding::Base64Suffix, "AQID"), Some(vec![1, 2, 3]));
        assert_eq!(decode(KeyEncoding::Raw, "whsec_AQID"), Some(b"whsec_AQID".to_vec()));
    }

    #[test]
    fn an_empty_key_is_no_key() {
        for (encoding, secret) in
            [(KeyEncoding::Base64Suffix, "whsec_"), (KeyEncoding::Hex, ""), (KeyEncoding::Raw, "")]
        {
            assert_eq!(decode(encoding, secret), None);
        }
    }
}
