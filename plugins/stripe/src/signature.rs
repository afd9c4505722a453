//! `Stripe-Signature`, checked as in Stripe's own libraries: the header is `t=<unix seconds>` and any number
//! of `v1=<hex>`, each an HMAC-SHA256 of `<t>.<body>` under the endpoint's whole secret, prefix included.
//!
//! Two things are stricter than there: a time in the future is bounded as well as one in the past, and only
//! a limited number of signatures is tried, because each costs a hash over the whole body.
//!
//! Stripe sends snapshot events and thin notifications to endpoints of different kinds, each with its own secret. Both may
//! have this installation's URL, so either secret will do.

use patchbay_sdk::clock::Timestamp;
use patchbay_sdk::signature::{Digest, KeyEncoding, hmac_matches, sha256_from_hex};
use patchbay_sdk::{Error, installation, webhook};

/// How far `t` may be from the hub's time, in seconds, in both directions.
const TOLERANCE: u64 = 300;

/// Stripe sends two at most, while a secret is rolled.
const MAX_SIGNATURES: usize = 16;

/// The credential in the manifest.
const SECRET: &str = "webhook_secret";

/// That of an endpoint for thin notifications; most connections have none.
const THIN_SECRET: &str = "thin_webhook_secret";

/// Tells if the request is from Stripe; if not, why.
pub(crate) fn check(request: &webhook::Request, now: Timestamp) -> Result<Result<(), String>, Error> {
    let mut headers = request.headers.get_all("stripe-signature");
    let (Some(header), None) = (headers.next(), headers.next()) else {
        return Ok(Err("there must be exactly one Stripe-Signature header".to_owned()));
    };
    let header = match Header::parse(header) {
        Ok(header) => header,
        Err(reason) => return Ok(Err(reason)),
    };
    let now = now / 1000;
    if header.seconds.abs_diff(now) > TOLERANCE {
        let side = if header.seconds < now { "behind" } else { "ahead of" };
        let distance = header.seconds.abs_diff(now);
        return Ok(Err(format!("the signature's time is {distance} s {side} the hub's; {TOLERANCE} s are allowed")));
    }
    let mut message = Vec::with_capacity(header.time.len() + 1 + request.body.len());
    message.extend_from_slice(header.time.as_bytes());
    message.push(b'.');
    message.extend_from_slice(&request.body);
    for secret in secrets() {
        for mac in &header.macs {
            if hmac_matches(secret, Digest::Sha256, KeyEncoding::Raw, &message, mac)? {
                return Ok(Ok(()));
            }
        }
    }
    Ok(Err("no v1 signature matches the body under the endpoint's secret".to_owned()))
}

/// Those that the connection has; where it has none, the one that is asked for.
fn secrets() -> Vec<&'static str> {
    let named = installation::connection().map(|connection| connection.credentials).unwrap_or_default();
    let mut secrets = vec![SECRET, THIN_SECRET];
    secrets.retain(|secret| named.iter().any(|name| name == secret));
    if secrets.is_empty() { vec![SECRET] } else { secrets }
}

#[derive(Debug)]
struct Header<'a> {
    /// As it was written: that is what is signed.
    time: &'a str,
    seconds: u64,
    macs: Vec<[u8; 32]>,
}

impl<'a> Header<'a> {
    fn parse(header: &'a str) -> Result<Self, String> {
        let mut time = None;
        let mut macs = Vec::new();
        let mut signatures = 0;
        for part in header.split(',') {
            match part.split_once('=') {
                Some(("t", _)) if time.is_some() => return Err("Stripe-Signature has more than one t".to_owned()),
                Some(("t", value)) => time = Some(value),
                Some(("v1", value)) => {
                    signatures += 1;
                    if signatures > MAX_SIGNATURES {
                        return Err(format!("Stripe-Signature has more than {MAX_SIGNATURES} signatures"));
                    }
                    macs.extend(sha256_from_hex(value));
                }
                _ => {}
            }
        }
        let time = time.ok_or("Stripe-Signature has no t")?;
        let digits = (1..=12).contains(&time.len()) && time.bytes().all(|byte| byte.is_ascii_digit());
        let seconds = if digits { time.parse().ok() } else { None };
        let seconds = seconds.ok_or("the t of Stripe-Signature is no number of seconds")?;
        if macs.is_empty() {
            return Err("Stripe-Signature has no usable v1 signature".to_owned());
        }
        Ok(Self { time, seconds, macs })
    }
}
