//! A secret on its way into a JSON body: the one with which a vendor is to send its webhooks.
//!
//! A vendor that is told so in the body of a request (`webhook_auth_header_value`) would otherwise have the guest hold the
//! secret. The guest leaves the member for the host to fill, with whatever text. It is filled only beside the
//! installation's own webhook URL: beside any other, the vendor would carry the secret to whoever listens there.

use std::fmt;

use bytes::Bytes;
use serde_json::Value;

use crate::{Body, EgressError, Injection};

/// A secret that goes into bodies by itself.
#[derive(Clone)]
pub struct BodySecret {
    /// Which, where to, and to which hosts; its place has `json` and `webhook_url`.
    pub credential: Injection,
    /// Where this installation's webhooks arrive.
    pub webhook_url: String,
}

impl fmt::Debug for BodySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodySecret").field("credential", &self.credential).finish_non_exhaustive()
    }
}

impl BodySecret {
    /// Fills the member, if the body has it, names our own webhook, and goes to a host that may get the secret. A body
    /// that flows is not looked into.
    ///
    /// A filled body is written anew, so that each name stands in it once: of two, the vendor's parser might take the
    /// other address.
    pub(crate) fn apply(&self, host: &str, body: &mut Body) -> Result<(), EgressError> {
        let place = &self.credential.place;
        let (Some(at), Some(webhook), Body::Bytes(bytes)) = (&place.json, &place.webhook_url, &*body) else {
            return Ok(());
        };
        if self.credential.check_host(host).is_err() {
            return Ok(());
        }
        let Ok(mut value) = serde_json::from_slice::<Value>(bytes) else { return Ok(()) };
        if value.pointer(webhook).and_then(Value::as_str) != Some(self.webhook_url.as_str()) {
            return Ok(());
        }
        let Some(member) = value.pointer_mut(at) else { return Ok(()) };
        let Some(secret) = self.credential.value() else {
            let text = "the credential's format has no {} or {basic}";
            return Err(EgressError::InvalidRequest(text.to_owned()));
        };
        *member = Value::from(secret.as_str());
        let filled =
            serde_json::to_vec(&value).map_err(|error| EgressError::InvalidRequest(format!("the body: {error}")))?;
        *body = Body::Bytes(Bytes::from(filled));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use patchbay_package::manifest::Inject;
    use secrecy::SecretString;
    use serde_json::json;

    use super::*;

    const OURS: &str = "https://hub.example.com/hooks/abc";

    fn secret() -> BodySecret {
        let place = Inject {
            json: Some("/auth/value".to_owned()),
            webhook_url: Some("/webhook_url".to_owned()),
            ..Inject::default()
        };
        let secret = Arc::new(SecretString::from("canary-of-the-body"));
        let credential = Injection { place, hosts: vec!["api.example.com".to_owned()], secret, user: None };
        BodySecret { credential, webhook_url: OURS.to_owned() }
    }

    fn sent(host: &str, body: &str) -> String {
        let mut body = Body::Bytes(Bytes::copy_from_slice(body.as_bytes()));
        secret().apply(host, &mut body).unwrap();
        let Body::Bytes(bytes) = body else { panic!("the body is no longer bytes") };
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[test]
    fn the_member_is_filled_beside_our_own_webhook() {
        let body =
            json!({"audio_url": "https://x/a", "webhook_url": OURS, "auth": {"name": "X-Key", "value": ""}, "n": 7});
        let filled: Value = serde_json::from_str(&sent("api.example.com", &body.to_string())).unwrap();
        let mut expected = body;
        expected["auth"]["value"] = json!("canary-of-the-body");
        assert_eq!(filled, expected);
    }

    #[test]
    fn no_other_body_gets_the_secret() {
        let ours = json!({"webhook_url": OURS, "auth": {"value": ""}}).to_string();
        assert_eq!(sent("other.example.com", &ours), ours);
        for body in [
            json!({"webhook_url": "https://evil.example/hooks/abc", "auth": {"value": ""}}).to_string(),
            json!({"webhook_url": format!("{OURS}/x"), "auth": {"value": ""}}).to_string(),
            json!({"webhook_url": [OURS], "auth": {"value": ""}}).to_string(),
            json!({"webhook_url": OURS, "auth": {}}).to_string(),
            json!({"webhook_url": OURS, "auth": "x"}).to_string(),
            json!({"auth": {"value": ""}}).to_string(),
            format!("[{ours}]"),
            "not json".to_owned(),
            String::new(),
        ] {
            assert_eq!(sent("api.example.com", &body), body);
        }
    }

    #[test]
    fn an_address_that_stands_there_twice_cannot_hide_another() {
        let twice =
            format!(r#"{{"webhook_url":"https://evil.example/","auth":{{"value":""}},"webhook_url":"{OURS}"}}"#);
        let filled = sent("api.example.com", &twice);
        assert!(filled.contains("canary-of-the-body") && !filled.contains("evil"), "{filled}");
        let other =
            format!(r#"{{"webhook_url":"{OURS}","auth":{{"value":""}},"webhook_url":"https://evil.example/"}}"#);
        assert_eq!(sent("api.example.com", &other), other);
    }

    #[test]
    fn it_is_not_shown() {
        assert!(!format!("{:?}", secret()).contains("canary"));
    }
}
