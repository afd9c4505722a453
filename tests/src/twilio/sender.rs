//! Webhooks as Twilio signs them, sent once, twice, or in another order.

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;

use crate::{Org, hub::Call};

/// Checks of signatures that Twilio's own library accepts, as data.
pub mod vector {
    /// The URL that was called.
    pub const URL: &str = "https://hub.example.com/twilio/voice?tenant=42&x=a%20b";
    /// The form that was sent.
    pub const FORM: [(&str, &str); 7] = [
        ("ApiVersion", "2010-04-01"),
        ("CallSid", "CA00000000000000000000000000000001"),
        ("CallStatus", "ringing"),
        ("CallerName", ""),
        ("Direction", "inbound"),
        ("From", "+15551230001"),
        ("To", "+15551230002"),
    ];
    /// Its signature under [`super::super::TOKEN`].
    pub const SIGNATURE: &str = "zjlHRfDLrn6v+cpbJx6fJHND1EI=";
    /// The same, with `:443` behind the host.
    pub const WITH_PORT: &str = "8WpsiV4Ufih0FXFkKFFttCNrNtc=";
}

/// What signs an account's webhooks.
#[derive(Debug, Clone)]
pub struct TwilioSender {
    token: String,
}

impl TwilioSender {
    /// Signs by this auth token.
    #[must_use]
    pub fn new(token: &str) -> Self {
        Self { token: token.to_owned() }
    }

    /// The signature of a form that goes to a URL.
    #[must_use]
    pub fn sign(&self, url: &str, form: &[(&str, &str)]) -> String {
        let mut sorted: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (name, value) in form {
            sorted.entry(name).or_default().insert(value);
        }
        let mut message = url.to_owned();
        for (name, values) in sorted {
            for value in values {
                message.push_str(name);
                message.push_str(value);
            }
        }
        let mut mac = Hmac::<Sha1>::new_from_slice(self.token.as_bytes()).expect("HMAC takes keys of any length");
        mac.update(message.as_bytes());
        BASE64_STANDARD.encode(mac.finalize().into_bytes())
    }

    /// A request to an org's hook. `public` is the whole URL as Twilio knows it, which is signed; `path` what of it is below the
    /// hub that the org is seen at.
    pub fn post(&self, org: &Org, public: &str, path: &str, form: &[(&str, &str)]) -> Call {
        let signature = self.sign(public, form);
        let body: String = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        org.without_key("POST", path)
            .body("application/x-www-form-urlencoded", body)
            .header("x-twilio-signature", &signature)
    }
}

#[cfg(test)]
mod tests {
    use super::{TwilioSender, vector};
    use crate::twilio::TOKEN;

    #[test]
    fn the_sender_makes_the_published_vectors() {
        let sender = TwilioSender::new(TOKEN);
        assert_eq!(sender.sign(vector::URL, &vector::FORM), vector::SIGNATURE);
        let with_port = vector::URL.replace("example.com/", "example.com:443/");
        assert_eq!(sender.sign(&with_port, &vector::FORM), vector::WITH_PORT);
        assert_eq!(
            sender.sign("https://hub.example.com/t", &[("A", "2"), ("A", "1"), ("A", "2"), ("B", "x")]),
            "GXXLMwNf3mUC/BkA6p6qV/fDbVw="
        );
    }
}
