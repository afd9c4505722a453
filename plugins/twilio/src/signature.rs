//! `X-Twilio-Signature`: the base64 of an HMAC over the URL that Twilio called and the form that it sent.
//!
//! For a form, the names in order of their bytes, each with its distinct values in order, follow the URL without anything
//! between them. For any other body the URL's query has `bodySHA256`, the body's hash, and the URL alone is signed. Twilio is
//! not of one mind on the port, so the URL counts with and without it, as in Twilio's own libraries. The key is the auth token
//! (SHA-1), or a shared key where the connection has one and the request says so; that header is the sender's own word, so
//! without a shared key it means nothing. <https://www.twilio.com/docs/usage/webhooks/webhooks-security>

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use patchbay_sdk::signature::{Digest, KeyEncoding, hmac_matches, sha256_from_hex};
use patchbay_sdk::{Error, installation, webhook};
use sha2::{Digest as _, Sha256};

use crate::form;

/// Twilio's auth token, in the manifest.
pub(crate) const AUTH_TOKEN: &str = "auth_token";

/// A shared key for webhooks, in the manifest.
pub(crate) const SHARED_KEY: &str = "shared_key";

/// Under which key and hash a request says that it is signed.
struct Terms {
    credential: &'static str,
    digest: Digest,
    length: usize,
}

/// Tells if the request is from Twilio; if not, why.
///
/// # Errors
/// What kept it from telling, as a connection without the auth token.
pub(crate) fn check(request: &webhook::Request) -> Result<Result<(), String>, Error> {
    let mut signatures = request.headers.get_all("x-twilio-signature");
    let (Some(signature), None) = (signatures.next(), signatures.next()) else {
        return Ok(Err("there must be exactly one header x-twilio-signature".to_owned()));
    };
    let terms = match terms(request) {
        Ok(terms) => terms,
        Err(reason) => return Ok(Err(reason)),
    };
    let mac = STANDARD.decode(signature).ok().filter(|mac| mac.len() == terms.length);
    let Some(mac) = mac else {
        return Ok(Err("X-Twilio-Signature is no base64 of a hash of its length".to_owned()));
    };
    let signed = match signed_parameters(request) {
        Ok(signed) => signed,
        Err(reason) => return Ok(Err(reason)),
    };
    for url in urls(&request.url) {
        let message = format!("{url}{signed}");
        if hmac_matches(terms.credential, terms.digest, KeyEncoding::Raw, message.as_bytes(), &mac)? {
            return Ok(Ok(()));
        }
    }
    Ok(Err("the signature does not match the URL and the parameters under the account's auth token".to_owned()))
}

fn terms(request: &webhook::Request) -> Result<Terms, String> {
    let by_token = Terms { credential: AUTH_TOKEN, digest: Digest::Sha1, length: 20 };
    let has_shared_key =
        installation::connection().is_some_and(|account| account.credentials.iter().any(|name| name == SHARED_KEY));
    let Some(settings) = request.headers.get("x-twilio-webhooks-signature-settings") else { return Ok(by_token) };
    if !has_shared_key {
        return Ok(by_token);
    }
    let mut values = settings.split(',').filter_map(|part| part.split_once('='));
    let algorithm = values.find(|(name, value)| name.trim() == "algorithm" && !value.trim().is_empty());
    match algorithm.map(|(_, value)| value.trim().to_ascii_uppercase()).as_deref() {
        None => Ok(by_token),
        Some("HMAC_SHA1") => Ok(Terms { credential: SHARED_KEY, ..by_token }),
        Some("HMAC_SHA256") => Ok(Terms { credential: SHARED_KEY, digest: Digest::Sha256, length: 32 }),
        Some(_) => Err("the request is signed by an algorithm that is not known here".to_owned()),
    }
}

/// What follows the URL in what is signed.
fn signed_parameters(request: &webhook::Request) -> Result<String, String> {
    if request.method == "GET" || is_form(request) {
        let fields = if request.method == "GET" { Vec::new() } else { form::fields(&request.body) };
        let mut sorted: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (name, value) in &fields {
            sorted.entry(name).or_default().insert(value);
        }
        let pairs = sorted.iter().flat_map(|(name, values)| values.iter().flat_map(move |value| [*name, *value]));
        return Ok(pairs.collect());
    }
    let query = form::query(&request.url);
    let Some(told) = form::field(&query, "bodySHA256") else {
        return Err("the body is no form, and the URL has no bodySHA256".to_owned());
    };
    let hash: [u8; 32] = Sha256::digest(&request.body).into();
    // neither is a secret: both came with the request
    if sha256_from_hex(told) != Some(hash) {
        return Err("the body is not the one whose hash is in the URL".to_owned());
    }
    Ok(String::new())
}

/// True for a body that is a form, an absent one included.
pub(crate) fn is_form(request: &webhook::Request) -> bool {
    let media = request.headers.get("content-type").unwrap_or("application/x-www-form-urlencoded");
    media.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded")
}

/// The URL without its port, and with the port that it has or that its scheme has. It stays as it is otherwise, byte for byte.
fn urls(url: &str) -> [String; 2] {
    let Some((scheme, rest)) = url.split_once("://") else { return [url.to_owned(), url.to_owned()] };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => (host, port),
        _ => (authority, if scheme == "https" { "443" } else { "80" }),
    };
    [format!("{scheme}://{host}{path}"), format!("{scheme}://{host}:{port}{path}")]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_counts_with_and_without_its_port() {
        let both = ["https://a.example/x?y=1:2".to_owned(), "https://a.example:443/x?y=1:2".to_owned()];
        assert_eq!(urls("https://a.example/x?y=1:2"), both);
        assert_eq!(urls("https://a.example:443/x?y=1:2"), both);
        assert_eq!(urls("http://a.example")[1], "http://a.example:80");
        assert_eq!(urls("https://[::1]:8443/x")[0], "https://[::1]/x");
    }
}
