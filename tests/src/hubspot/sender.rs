//! HubSpot as a sender: bodies, signed as HubSpot signs them.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// A signature that the official libraries of HubSpot make.
pub mod vector {
    /// The app's client secret.
    pub const SECRET: &str = "8d1c9f52-6c1b-4a37-9b9e-2f0d4c7a1e55";
    /// Milliseconds of the signature.
    pub const TIME: i64 = 1_793_491_200_000;
    /// Where it is sent to.
    pub const URL: &str = "https://hub.example.com/hooks/hubspot";
    /// The signed bytes.
    pub const BODY: &str = r#"[{"eventId":1,"subscriptionId":12345,"portalId":62515,"appId":54321,"occurredAt":1793491199000,"subscriptionType":"contact.propertyChange","attemptNumber":0,"objectId":123,"propertyName":"email","propertyValue":"a@b.co","changeSource":"CRM"}]"#;
    /// The header that goes with them.
    pub const SIGNATURE: &str = "sv1/uoHinK75a8xh4Gy2JZYrG4hiYHD78xJZNXagOd0=";
}

/// What HubSpot sends for an app.
#[derive(Debug, Clone)]
pub struct HubSpotSender {
    secret: String,
}

impl HubSpotSender {
    /// Signs with this client secret.
    #[must_use]
    pub fn new(secret: &str) -> Self {
        Self { secret: secret.to_owned() }
    }

    /// The value of `X-HubSpot-Signature-v3` for a request at a time (Unix milliseconds). The URL is taken as it is.
    #[must_use]
    pub fn sign(&self, method: &str, url: &str, body: &str, time: i64) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes()).expect("HMAC takes keys of any length");
        mac.update(format!("{method}{url}{body}{time}").as_bytes());
        STANDARD.encode(mac.finalize().into_bytes())
    }
}
