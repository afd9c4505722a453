//! `X-Slack-Signature`, version 0: `v0=` and the lower-case hexadecimal HMAC-SHA256 of `v0:<timestamp>:<body>` under the
//! signing secret's own text.
//!
//! As strict as Slack's own libraries, and in one thing stricter: each of the two headers comes once.

use patchbay_sdk::clock::Timestamp;
use patchbay_sdk::signature::{Digest, KeyEncoding, hmac_matches, sha256_from_hex};
use patchbay_sdk::{Error, webhook};

/// How far the timestamp may be from the hub's time, in seconds, in both directions.
const TOLERANCE: u64 = 300;

/// The credential in the manifest.
const SECRET: &str = "signing_secret";

/// Tells if the request is from Slack; if not, why.
pub(crate) fn check(request: &webhook::Request, now: Timestamp) -> Result<Result<(), String>, Error> {
    let (time, signature) = match (only(request, "x-slack-request-timestamp"), only(request, "x-slack-signature")) {
        (Ok(time), Ok(signature)) => (time, signature),
        (Err(reason), _) | (_, Err(reason)) => return Ok(Err(reason)),
    };
    let digits = (1..=12).contains(&time.len()) && time.bytes().all(|byte| byte.is_ascii_digit());
    let Some(seconds) = time.parse::<u64>().ok().filter(|_| digits) else {
        return Ok(Err("X-Slack-Request-Timestamp is no number of seconds".to_owned()));
    };
    let now = now / 1000;
    let distance = seconds.abs_diff(now);
    if distance > TOLERANCE {
        let side = if seconds < now { "behind" } else { "ahead of" };
        return Ok(Err(format!("the timestamp is {distance} s {side} the hub's time; {TOLERANCE} s are allowed")));
    }
    let Some(mac) = signature.strip_prefix("v0=").and_then(sha256_from_hex) else {
        return Ok(Err("X-Slack-Signature is not v0= and 64 lower-case hexadecimal digits".to_owned()));
    };
    let mut message = Vec::with_capacity(time.len() + 4 + request.body.len());
    message.extend_from_slice(b"v0:");
    message.extend_from_slice(time.as_bytes());
    message.push(b':');
    message.extend_from_slice(&request.body);
    if hmac_matches(SECRET, Digest::Sha256, KeyEncoding::Raw, &message, &mac)? {
        return Ok(Ok(()));
    }
    Ok(Err("the signature does not match the body under the app's signing secret".to_owned()))
}

fn only<'a>(request: &'a webhook::Request, name: &'a str) -> Result<&'a str, String> {
    let mut headers = request.headers.get_all(name);
    match (headers.next(), headers.next()) {
        (Some(header), None) => Ok(header),
        _ => Err(format!("there must be exactly one header {name}")),
    }
}
