//! Signatures of every kind, right and wrong, and events about invoices that nobody has.

use hmac::{Hmac, KeyInit as _, Mac as _};
use patchbay_model::{Clock as _, SystemClock};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::{Org, Reply, hub::Call};

/// The vendor's published check of a signature, as data: secret, time, body and headers.
pub mod vector {
    /// The endpoint's secret.
    pub const SECRET: &str = "whsec_7Qm2xV9tKd4LrP1sZc8HbN5wYf3JgT6e";
    /// The secret before the rotation.
    pub const OLD_SECRET: &str = "whsec_oldRotatedSecret000000000000001";
    /// Unix seconds of the signature.
    pub const TIME: i64 = 1_793_491_200;
    /// The signed bytes.
    pub const BODY: &str = r#"{"id":"evt_1TestVector0001","object":"event","api_version":"2026-10-28.endive","created":1793491200,"type":"invoice.payment_failed","livemode":false,"pending_webhooks":1,"request":{"id":null,"idempotency_key":null},"data":{"object":{"id":"in_1TestVector","object":"invoice","customer":"cus_TestVector","amount_due":4900}}}"#;
    /// The `Stripe-Signature` that goes with them.
    pub const HEADER: &str = "t=1793491200,v1=5788edd4772bb39cd643b6ad1a2532c173de00a58dc81066616b027d7b28aee3";
    /// The same during a rotation: by the old secret, by the new one, and a scheme to ignore.
    pub const ROTATED: &str = "t=1793491200,v1=46ac57e7abf5fcda9ddf1b41b890fa87c61f2aea2e4306e8ab0c07d7bd02cbc1,v1=5788edd4772bb39cd643b6ad1a2532c173de00a58dc81066616b027d7b28aee3,v0=6666666666666666666666666666666666666666666666666666666666666666";
}

/// An endpoint's sender.
#[derive(Debug, Clone)]
pub struct StripeSender {
    secret: String,
}

impl StripeSender {
    /// Signs with this secret: all of it, prefix too, as the vendor does.
    #[must_use]
    pub fn new(secret: &str) -> Self {
        Self { secret: secret.to_owned() }
    }

    /// The hexadecimal signature of `body` at `time` (Unix seconds).
    #[must_use]
    pub fn sign(&self, time: i64, body: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes()).expect("HMAC takes keys of any length");
        mac.update(format!("{time}.{body}").as_bytes());
        hex::encode(mac.finalize().into_bytes())
    }

    /// The value of `Stripe-Signature`.
    #[must_use]
    pub fn header(&self, time: i64, body: &str) -> String {
        format!("t={time},v1={}", self.sign(time, body))
    }

    /// The value of `Stripe-Signature` while the secret is being replaced: `old` signs too.
    #[must_use]
    pub fn rotating_header(&self, old: &Self, time: i64, body: &str) -> String {
        format!("t={time},v1={},v1={},v0={}", old.sign(time, body), self.sign(time, body), "6".repeat(64))
    }

    /// Sends an invoice that was paid to an org's hook, now: `path` is the hook's, on the hub that this org is seen at.
    pub async fn send(&self, org: &Org, path: &str, event: &str) -> Reply {
        let body = Self::event(event, "invoice.paid", SystemClock.now().timestamp());
        self.post(org, path, body).send().await
    }

    /// A request with this body to an org's hook, signed now; `path` as in [`StripeSender::send`].
    pub fn post(&self, org: &Org, path: &str, body: String) -> Call {
        let header = self.header(SystemClock.now().timestamp(), &body);
        org.without_key("POST", path).body("application/json", body).header("stripe-signature", &header)
    }

    /// A snapshot event about an invoice, as text.
    #[must_use]
    pub fn event(id: &str, kind: &str, created: i64) -> String {
        Self::event_about("in_1Simulated", id, kind, created)
    }

    /// The same about the invoice of this id.
    #[must_use]
    pub fn event_about(invoice: &str, id: &str, kind: &str, created: i64) -> String {
        let event: Value = json!({
            "id": id, "object": "event", "api_version": "2026-10-28.endive", "created": created, "type": kind,
            "livemode": false, "pending_webhooks": 1, "request": {"id": null, "idempotency_key": null},
            "data": {"object": {"id": invoice, "object": "invoice", "customer": "cus_Simulated", "amount_due": 4900}},
        });
        event.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::{StripeSender, vector};

    #[test]
    fn the_sender_makes_the_published_vector() {
        let sender = StripeSender::new(vector::SECRET);
        assert_eq!(sender.header(vector::TIME, vector::BODY), vector::HEADER);
    }

    #[test]
    fn the_sender_makes_the_published_rotation() {
        let (new, old) = (StripeSender::new(vector::SECRET), StripeSender::new(vector::OLD_SECRET));
        assert_eq!(new.rotating_header(&old, vector::TIME, vector::BODY), vector::ROTATED);
    }
}
