//! ElevenLabs as a sender of webhooks, signed as it signs them.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// A signature that was computed apart: elevenlabs 2.78.0 accepts it until 30 minutes after its time.
pub mod vector {
    /// The webhook's secret.
    pub const SECRET: &str = "wsec_5f2c9a0b7d1e4836a9c4e7f1b2d3c4a5";
    /// Unix seconds of the signature.
    pub const TIME: i64 = 1_793_491_200;
    /// The signed bytes.
    pub const BODY: &str = r#"{"type":"post_call_transcription","event_timestamp":1793491200,"data":{"agent_id":"agent_tv","conversation_id":"conv_tv","status":"done"}}"#;
    /// The header that goes with them.
    pub const HEADER: &str = "t=1793491200,v0=06372938e904af3ed3747a900d1f01e02e54cf9691d2f8c4241b8cdc3049d67f";
}

/// What ElevenLabs sends for a webhook.
#[derive(Debug, Clone)]
pub struct ElevenLabsSender {
    secret: String,
}

impl ElevenLabsSender {
    /// Signs with this secret: its whole text.
    #[must_use]
    pub fn new(secret: &str) -> Self {
        Self { secret: secret.to_owned() }
    }

    /// The value of `ElevenLabs-Signature` for a body at a time (Unix seconds).
    #[must_use]
    pub fn sign(&self, time: i64, body: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes()).expect("HMAC takes keys of any length");
        mac.update(format!("{time}.{body}").as_bytes());
        format!("t={time},v0={}", hex::encode(mac.finalize().into_bytes()))
    }
}
