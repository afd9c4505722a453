//! Signatures of deliveries, by Standard Webhooks.
//!
//! Signed is `id.timestamp.body`, with the very bytes that are sent. A key is text with a prefix that says its kind:
//! `whsec_` and the base64 of 32 random bytes for HMAC-SHA256 (`v1`); `whsk_` and the base64 of the 32 bytes of an
//! Ed25519 seed (RFC 8032) for `v1a`, whose public half is `whpk_` and the base64 of 32 bytes. The specification leaves
//! open whether `whsk_` holds the seed or the 64 bytes that some libraries call a secret key: it is the seed here, from
//! which everything else follows, and nobody outside of the hub ever sees it.

use aws_lc_rs::{
    hmac,
    signature::{Ed25519KeyPair, KeyPair as _},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use patchbay_model::{Failure, Random, endpoint::Signing};
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::{Zeroize as _, Zeroizing};

const SECRET: &str = "whsec_";
const SEED: &str = "whsk_";
const PUBLIC: &str = "whpk_";

/// In bytes, of either kind.
const LENGTH: usize = 32;

/// Signs with one key. Its text for people is its kind.
pub(crate) enum Signer {
    Hmac(Box<hmac::Key>),
    Ed25519(Box<Ed25519KeyPair>),
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Hmac(_) => "Hmac",
            Self::Ed25519(_) => "Ed25519",
        })
    }
}

/// A new key as text.
pub(crate) fn new_key(signing: Signing, random: &dyn Random) -> SecretString {
    let mut bytes = Zeroizing::new([0; LENGTH]);
    random.fill(bytes.as_mut_slice());
    let mut base64 = BASE64_STANDARD.encode(bytes.as_slice());
    let prefix = match signing {
        Signing::Hmac => SECRET,
        Signing::Ed25519 => SEED,
    };
    let text = SecretString::from(format!("{prefix}{base64}"));
    base64.zeroize();
    text
}

impl Signer {
    /// By a key as [`new_key`] makes it.
    pub(crate) fn new(key: &SecretString) -> Result<Self, Failure> {
        let malformed = || Failure::internal("an endpoint's key is not one");
        let bytes = |base64: &str| BASE64_STANDARD.decode(base64).map(Zeroizing::new).map_err(|_| malformed());
        let text = key.expose_secret();
        if let Some(base64) = text.strip_prefix(SECRET) {
            let key = bytes(base64)?;
            return if key.is_empty() {
                Err(malformed())
            } else {
                Ok(Self::Hmac(Box::new(hmac::Key::new(hmac::HMAC_SHA256, &key))))
            };
        }
        let seed = bytes(text.strip_prefix(SEED).ok_or_else(malformed)?)?;
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| malformed())?;
        Ok(Self::Ed25519(Box::new(pair)))
    }

    /// The half that verifies, for whoever receives; none for HMAC.
    pub(crate) fn public_key(&self) -> Option<String> {
        match self {
            Self::Hmac(_) => None,
            Self::Ed25519(pair) => Some(format!("{PUBLIC}{}", BASE64_STANDARD.encode(pair.public_key().as_ref()))),
        }
    }

    /// A signature with its version, as in `v1,…`.
    pub(crate) fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let begin = format!("{id}.{timestamp}.");
        match self {
            Self::Hmac(key) => {
                let mut context = hmac::Context::with_key(key);
                context.update(begin.as_bytes());
                context.update(body);
                format!("v1,{}", BASE64_STANDARD.encode(context.sign().as_ref()))
            }
            Self::Ed25519(pair) => {
                let message = [begin.as_bytes(), body].concat();
                format!("v1a,{}", BASE64_STANDARD.encode(pair.sign(&message).as_ref()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use patchbay_model::SeededRandom;

    use super::*;

    const ID: &str = "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W";
    const TIME: i64 = 1_793_491_200;
    const BODY: &str = r#"{"type":"contact.created","timestamp":"2026-11-01T00:00:00Z","data":{"id":"1f81eb52-5198-4599-803e-771906343485","note":"café"}}"#;

    fn by(key: &str) -> Signer {
        Signer::new(&SecretString::from(key)).unwrap()
    }

    fn seed() -> SecretString {
        let seed: Vec<u8> = (0..32).collect();
        SecretString::from(format!("whsk_{}", BASE64_STANDARD.encode(seed)))
    }

    #[test]
    fn the_official_vector_is_made() {
        let signature = by("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn bodies_that_are_not_ascii_are_signed_by_their_bytes() {
        assert_eq!(BODY.len(), 129);
        let first = by("whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=").sign(ID, TIME, BODY.as_bytes());
        assert_eq!(first, "v1,+AozygfJWI7QheqOd12DmcxqxezrnjHb+ZWIhr1p9AU=");
        let second = by("whsec_ZWZnaGlqa2xtbm9wcXJzdHV2d3h5ent8").sign(ID, TIME, BODY.as_bytes());
        assert_eq!(second, "v1,/wWBPZt15XSxFlSjq8AEimW4d0nnITojrjvMv49Xb/0=");
    }

    #[test]
    fn an_ed25519_signature_is_that_of_the_seed() {
        let signer = Signer::new(&seed()).unwrap();
        assert_eq!(signer.public_key().unwrap(), "whpk_A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=");
        assert_eq!(
            signer.sign(ID, TIME, BODY.as_bytes()),
            "v1a,FqmQjzYbPImDTjv1o4JlO5hxH+9P2l2adcigTD42vL4kAiBOsCIaI8vGU2mACM3L+zc6LB99rs+68bdIVqaQBg=="
        );
    }

    #[test]
    fn whatever_differs_is_signed_differently() {
        for signer in [by("whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA="), Signer::new(&seed()).unwrap()] {
            let right = signer.sign(ID, TIME, BODY.as_bytes());
            assert_ne!(right, signer.sign(ID, TIME, format!("{BODY} ").as_bytes()));
            assert_ne!(right, signer.sign(ID, TIME + 1, BODY.as_bytes()));
            assert_ne!(right, signer.sign("msg_other", TIME, BODY.as_bytes()));
        }
    }

    #[test]
    fn keys_are_made_of_32_bytes_and_anything_else_is_refused() {
        let random = SeededRandom::new(1);
        for (signing, prefix) in [(Signing::Hmac, "whsec_"), (Signing::Ed25519, "whsk_")] {
            let key = new_key(signing, &random);
            let base64 = key.expose_secret().strip_prefix(prefix).unwrap();
            assert_eq!(BASE64_STANDARD.decode(base64).unwrap().len(), 32);
            assert!(Signer::new(&key).is_ok());
            assert_ne!(key.expose_secret(), new_key(signing, &random).expose_secret());
        }
        for wrong in ["", "whsec_", "whsec_!", "whsk_AQID", "AQID", "whpk_A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="]
        {
            assert!(Signer::new(&SecretString::from(wrong)).is_err(), "{wrong}");
        }
    }
}
