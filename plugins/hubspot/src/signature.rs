//! `X-HubSpot-Signature-v3`: base64 of the HMAC-SHA256 of method, URI, body and timestamp under the app's client secret.
//!
//! HubSpot writes some characters of the URI plainly which are escaped on the wire; its own libraries sign the URI as it is. Both
//! are taken. The older versions (`X-HubSpot-Signature` alone) have no timestamp and are refused: who saw one request could send it for ever.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use patchbay_sdk::clock::Timestamp;
use patchbay_sdk::signature::{Digest, KeyEncoding, hmac_matches};
use patchbay_sdk::{Error, webhook};

/// How far the timestamp may be from the hub's time, in milliseconds, in both directions.
const TOLERANCE_MS: u64 = 300_000;

/// The credential in the manifest.
pub(crate) const SECRET: &str = "client_secret";

/// What HubSpot writes plainly, by its escape in capitals.
const PLAIN: [(&[u8; 2], u8); 12] = [
    (b"3A", b':'),
    (b"2F", b'/'),
    (b"3F", b'?'),
    (b"40", b'@'),
    (b"21", b'!'),
    (b"24", b'$'),
    (b"27", b'\''),
    (b"28", b'('),
    (b"29", b')'),
    (b"2A", b'*'),
    (b"2C", b','),
    (b"3B", b';'),
];

/// Tells if the request is from HubSpot; if not, why.
pub(crate) fn check(request: &webhook::Request, now: Timestamp) -> Result<Result<(), String>, Error> {
    let headers = (only(request, "x-hubspot-request-timestamp"), only(request, "x-hubspot-signature-v3"));
    let (time, signature) = match headers {
        (Ok(time), Ok(signature)) => (time, signature),
        (Err(reason), _) | (_, Err(reason)) => return Ok(Err(reason)),
    };
    let digits = (1..=15).contains(&time.len()) && time.bytes().all(|byte| byte.is_ascii_digit());
    let Some(at) = time.parse::<u64>().ok().filter(|_| digits) else {
        return Ok(Err("X-HubSpot-Request-Timestamp is no number of milliseconds".to_owned()));
    };
    if at.abs_diff(now) > TOLERANCE_MS {
        let side = if at < now { "behind" } else { "ahead of" };
        let distance = at.abs_diff(now) / 1000;
        return Ok(Err(format!("the timestamp is {distance} s {side} the hub's time; 300 s are allowed")));
    }
    let mac: Option<Vec<u8>> = STANDARD.decode(signature).ok().filter(|mac| mac.len() == 32);
    let Some(mac) = mac else {
        return Ok(Err("X-HubSpot-Signature-v3 is not base64 of 32 bytes".to_owned()));
    };
    let uri = request.url.split('#').next().unwrap_or_default();
    let plain = plainly(uri);
    let uris = [Some(plain.as_slice()), Some(uri.as_bytes()).filter(|uri| *uri != plain.as_slice())];
    for uri in uris.into_iter().flatten() {
        if hmac_matches(SECRET, Digest::Sha256, KeyEncoding::Raw, &message(request, uri, time), &mac)? {
            return Ok(Ok(()));
        }
    }
    Ok(Err("the signature does not match the request under the app's client secret".to_owned()))
}

fn message(request: &webhook::Request, uri: &[u8], time: &str) -> Vec<u8> {
    [request.method.as_bytes(), uri, &request.body, time.as_bytes()].concat()
}

/// The URI as HubSpot writes it before it signs: once through, and only those escapes.
fn plainly(uri: &str) -> Vec<u8> {
    let mut plain = Vec::with_capacity(uri.len());
    let mut rest = uri.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let escaped = behind.first_chunk::<2>().filter(|_| *first == b'%').map(|digits| digits.to_ascii_uppercase());
        let known = escaped.and_then(|digits| PLAIN.iter().find(|(escape, _)| escape.as_slice() == digits.as_slice()));
        match known {
            Some((_, letter)) => {
                plain.push(*letter);
                rest = behind.get(2..).unwrap_or_default();
            }
            None => {
                plain.push(*first);
                rest = behind;
            }
        }
    }
    plain
}

fn only<'a>(request: &'a webhook::Request, name: &'a str) -> Result<&'a str, String> {
    let mut headers = request.headers.get_all(name);
    match (headers.next(), headers.next()) {
        (Some(header), None) => Ok(header),
        _ => Err(format!("there must be exactly one header {name}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_some_escapes_are_written_plainly_and_each_once() {
        for (uri, expected) in [
            ("https://h/x?tenant=a%3Ab%2Fc%20d&mail=x%40y.co", "https://h/x?tenant=a:b/c%20d&mail=x@y.co"),
            ("%3a%2f%3f%40%21%24%27%28%29%2a%2c%3b", ":/?@!$'()*,;"),
            ("%20%26%3D%25%2B%23", "%20%26%3D%25%2B%23"),
            ("%253A", "%253A"),
            ("%", "%"),
            ("%3", "%3"),
            ("%%3A", "%:"),
        ] {
            assert_eq!(plainly(uri), expected.as_bytes(), "{uri}");
        }
    }
}
