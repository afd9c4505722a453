//! `ElevenLabs-Signature: t=<unix seconds>,v0=<hex>`: the HMAC-SHA256 of `<t>.<body>` under the secret's own text, its
//! `wsec_` and all.
//!
//! As ElevenLabs' library checks it, which takes a timestamp of up to 30 minutes ago; one that is ahead by more than
//! five minutes is refused here as well.

use patchbay_sdk::clock::Timestamp;
use patchbay_sdk::signature::{Digest, KeyEncoding, hmac_matches, sha256_from_hex};
use patchbay_sdk::{Error, webhook};

/// How long a signature is good, in seconds.
const TOLERANCE: u64 = 1_800;
/// How far a clock may be ahead of the hub's, in seconds.
const AHEAD: u64 = 300;

/// The credential in the manifest.
const SECRET: &str = "webhook_secret";

/// The header.
const HEADER: &str = "elevenlabs-signature";

/// Tells if the request is from ElevenLabs: gives the signature, or why it is not.
pub(crate) fn check(request: &webhook::Request, now: Timestamp) -> Result<Result<String, String>, Error> {
    let mut headers = request.headers.get_all(HEADER);
    let (Some(header), None) = (headers.next(), headers.next()) else {
        return Ok(Err("there must be exactly one header ElevenLabs-Signature".to_owned()));
    };
    let part = |name: &str| header.split(',').find_map(|part| part.trim().strip_prefix(name));
    let (Some(time), Some(signature)) = (part("t="), part("v0=")) else {
        return Ok(Err("ElevenLabs-Signature is not t=…,v0=…".to_owned()));
    };
    let digits = (1..=12).contains(&time.len()) && time.bytes().all(|byte| byte.is_ascii_digit());
    let Some(seconds) = time.parse::<u64>().ok().filter(|_| digits) else {
        return Ok(Err("the timestamp is no number of seconds".to_owned()));
    };
    let now = now / 1000;
    if seconds.saturating_add(TOLERANCE) < now {
        return Ok(Err(format!("the timestamp is {} s old; {TOLERANCE} s are allowed", now - seconds)));
    }
    if seconds > now.saturating_add(AHEAD) {
        return Ok(Err(format!("the timestamp is {} s ahead of the hub's time; {AHEAD} s are allowed", seconds - now)));
    }
    let Some(mac) = sha256_from_hex(signature) else {
        return Ok(Err("the signature is not 64 lower-case hexadecimal digits".to_owned()));
    };
    let mut message = Vec::with_capacity(time.len() + 1 + request.body.len());
    message.extend_from_slice(time.as_bytes());
    message.push(b'.');
    message.extend_from_slice(&request.body);
    if hmac_matches(SECRET, Digest::Sha256, KeyEncoding::Raw, &message, &mac)? {
        return Ok(Ok(signature.to_owned()));
    }
    Ok(Err("the signature does not match the body under the webhook's secret".to_owned()))
}
