//! Telnyx as a sender of webhooks, signed as it signs them.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::{Engine as _, prelude::BASE64_STANDARD};

/// Signatures that were computed apart: telnyx-python 4.189.0 accepts them until 300 seconds from their time.
pub mod vector {
    /// What the key is made of.
    pub const SEED: [u8; 32] = [
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29,
        30, 31,
    ];
    /// The public key, as the portal shows it.
    pub const PUBLIC_KEY: &str = "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=";
    /// Unix seconds of the signatures.
    pub const TIME: i64 = 1_767_225_600;
    /// The signed bytes: an event.
    pub const BODY: &str = r#"{"data":{"record_type":"event","event_type":"call.initiated","id":"0ccc7b54-4df3-4bca-a65a-3da1ecc777f0","occurred_at":"2026-01-01T00:00:00.000000Z","payload":{"call_control_id":"v3:test","direction":"incoming","from":"+15551230001","to":"+15551230002","state":"parked"}},"meta":{"attempt":1,"delivered_to":"https://hub.example.com/webhooks/telnyx"}}"#;
    /// The header that goes with them.
    pub const SIGNATURE: &str =
        "QUePTCsqQ3lF3CMcSveLzY1OWJUAlpE7qQoyrSXLuZvtSn7DUvjOQt2h0YXXSBRWzZs19zGdLZVx2EET9UVTAg==";
    /// The signed bytes: a form of TeXML.
    pub const FORM: &str = "AccountSid=f5586561-8ff0-4291-a51b-c7dfe4139ff9&CallSid=v3%3Atest&CallSidLegacy=v3%3Atest&CallStatus=ringing&ConnectionId=1234567890&From=%2B15551230001&To=%2B15551230002";
    /// The header that goes with them.
    pub const FORM_SIGNATURE: &str =
        "HAonrMKPFZ28UMsq5Iz2qB2n2xlCAsw+jn0pM0MyuXi9uGdhMtfWeVvjLNr3Nvim12t0Ahvme9mNbP9mXSeHAA==";
}

/// What Telnyx sends for an account.
pub struct TelnyxSender {
    pair: Ed25519KeyPair,
}

impl TelnyxSender {
    /// Signs with the vectors' key.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "a key is named where it is used")]
    pub fn new() -> Self {
        Self::of_seed(&vector::SEED)
    }

    /// Signs with the key of another account.
    #[must_use]
    pub fn of_seed(seed: &[u8; 32]) -> Self {
        Self { pair: Ed25519KeyPair::from_seed_unchecked(seed).expect("32 bytes are a seed") }
    }

    /// The public key, as the portal shows it.
    #[must_use]
    pub fn public_key(&self) -> String {
        BASE64_STANDARD.encode(self.pair.public_key().as_ref())
    }

    /// The value of `telnyx-signature-ed25519` for a body at a time (Unix seconds).
    #[must_use]
    pub fn sign(&self, time: i64, body: &[u8]) -> String {
        let message = [time.to_string().as_bytes(), b"|", body].concat();
        BASE64_STANDARD.encode(self.pair.sign(&message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sender_makes_both_vectors() {
        let sender = TelnyxSender::new();
        assert_eq!(sender.public_key(), vector::PUBLIC_KEY);
        assert_eq!(sender.sign(vector::TIME, vector::BODY.as_bytes()), vector::SIGNATURE);
        assert_eq!(sender.sign(vector::TIME, vector::FORM.as_bytes()), vector::FORM_SIGNATURE);
    }
}
