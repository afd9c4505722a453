//! A hub with a connection, and what Twilio tells.
#![allow(dead_code, reason = "each test binary uses its own part")]

use patchbay_plugin_twilio::Twilio;
use patchbay_sdk::signature::{Digest, KeyEncoding};
use patchbay_sdk::testing::MockHost;
use patchbay_sdk::webhook::{Answer, Receipt, Request, Verdict};
use patchbay_sdk::{Error, Headers};
use serde_json::{Value, json};

pub const ACCOUNT: &str = "AC00000000000000000000000000000001";
pub const TOKEN: &str = "0123456789abcdef0123456789abcdef";
pub const HOOK: &str = "https://hub.example.com/hooks/test";
pub const CALL: &str = "CA00000000000000000000000000000001";
pub const CHILD: &str = "CA00000000000000000000000000000002";
pub const NUMBER: &str = "+14155550001";
pub const PN: &str = "PN00000000000000000000000000000001";

/// Where something of the account is.
pub fn below(path: &str) -> String {
    format!("https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}{path}")
}

/// Settings with a price, and numbers for subscriptions of Stripe's.
pub fn settings() -> Value {
    json!({
        "account_sid": ACCOUNT,
        "prices": [{"country": "US", "kind": "local", "monthly": 115, "currency": "USD"}],
        "provisioning": {"follow": "stripe", "country": "US", "kind": "local", "grace_hours": 0},
    })
}

/// With a connection and settings.
pub fn host() -> MockHost {
    let host = MockHost::with_manifest(include_str!("../../plugin.toml"));
    host.set_secret("auth_token", TOKEN);
    host.set_config(settings());
    host
}

/// A form as Twilio posts it.
pub fn form(fields: &[(&str, &str)]) -> String {
    let encoded = fields.iter().map(|(name, value)| format!("{name}={}", escape(value)));
    encoded.collect::<Vec<_>>().join("&")
}

fn escape(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => char::from(byte).to_string(),
            b' ' => "+".to_owned(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

/// A request with a form, signed under the auth token.
pub fn signed(host: &MockHost, url: &str, fields: &[(&str, &str)]) -> Request {
    let mut sorted = fields.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let message: String = sorted.iter().flat_map(|(name, value)| [*name, *value]).collect();
    let message = format!("{url}{message}");
    let mac = host.sign("auth_token", Digest::Sha1, KeyEncoding::Raw, message.as_bytes());
    let mac = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, mac);
    request(url, &form(fields), &[("x-twilio-signature", &mac)])
}

/// A request with a form and these headers.
pub fn request(url: &str, body: &str, headers: &[(&str, &str)]) -> Request {
    let mut all: Headers = headers.iter().copied().collect();
    all.append("content-type", "application/x-www-form-urlencoded");
    Request { method: "POST".to_owned(), url: url.to_owned(), headers: all, body: body.as_bytes().to_vec() }
}

/// What a genuine request is.
pub fn receipt(host: &MockHost, request: &Request) -> Receipt {
    match host.verify_webhook::<Twilio>(request.clone()) {
        Ok(Verdict::Genuine(receipt)) => receipt,
        other => unreachable!("not genuine: {other:?}"),
    }
}

/// Sends a form and has it processed.
pub fn told(host: &MockHost, url: &str, fields: &[(&str, &str)]) -> Result<Option<Answer>, Error> {
    let request = signed(host, url, fields);
    host.process_webhook::<Twilio>(receipt(host, &request), request)
}

/// The text of an answer.
pub fn text(answer: Option<Answer>) -> String {
    answer.map(|answer| String::from_utf8_lossy(&answer.body).into_owned()).unwrap_or_default()
}
