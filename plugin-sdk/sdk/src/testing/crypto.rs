//! Signature checks with the secrets that a test gives, computed for real.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, VerifyingKey};
use hmac::digest::KeyInit;
use hmac::{Hmac, Mac};

use crate::Error;
use crate::signature::{Digest, KeyEncoding};

pub(crate) fn hmac(digest: Digest, key: &[u8], message: &[u8]) -> Vec<u8> {
    match digest {
        Digest::Sha1 => finish::<Hmac<sha1::Sha1>>(key, message),
        Digest::Sha256 => finish::<Hmac<sha2::Sha256>>(key, message),
        Digest::Sha512 => finish::<Hmac<sha2::Sha512>>(key, message),
    }
}

fn finish<M: Mac + KeyInit>(key: &[u8], message: &[u8]) -> Vec<u8> {
    let Ok(mut mac) = <M as KeyInit>::new_from_slice(key) else {
        panic!("an HMAC takes a key of any length");
    };
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

pub(crate) fn key(encoding: KeyEncoding, secret: &str) -> Result<Vec<u8>, Error> {
    let bad = |what: &str| Error::Internal(format!("the test's secret is not {what}"));
    match encoding {
        KeyEncoding::Raw => Ok(secret.as_bytes().to_vec()),
        KeyEncoding::Base64Suffix => {
            let suffix = secret.rsplit('_').next().unwrap_or(secret);
            STANDARD.decode(suffix).map_err(|_| bad("base64 after its last underscore"))
        }
        KeyEncoding::Hex => hex::decode(secret).map_err(|_| bad("hexadecimal")),
    }
}

pub(crate) fn ed25519(public_key: &str, message: &[u8], signature: &[u8]) -> Result<bool, Error> {
    let bad = || Error::Internal("the test's secret is no ed25519 public key".to_owned());
    let bytes = hex::decode(public_key).or_else(|_| STANDARD.decode(public_key)).map_err(|_| bad())?;
    let key: [u8; 32] = bytes.try_into().map_err(|_| bad())?;
    let key = VerifyingKey::from_bytes(&key).map_err(|_| bad())?;
    Ok(Signature::from_slice(signature).is_ok_and(|signature| key.verify_strict(message, &signature).is_ok()))
}
