//! `telnyx-signature-ed25519`: base64 of the Ed25519 signature over `<telnyx-timestamp>|<body>`, under the account's key.
//!
//! As strict as Telnyx' own libraries (telnyx-python 4.189.0, telnyx-node), and in one thing stricter: each of the two headers
//! comes once. Their forms and the size of the body are looked at before anything is computed.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use patchbay_sdk::clock::Timestamp;
use patchbay_sdk::{Error, signature, webhook};

/// How far the timestamp may be from the hub's time, in seconds, in both directions.
const TOLERANCE: u64 = 300;

/// As in the manifest, in bytes.
const MAX_BODY: usize = 256 << 10;

/// Base64 of 64 bytes.
const SIGNATURE_LENGTH: usize = 88;

/// The credential in the manifest.
const KEY: &str = "public_key";

/// The header with the signature.
pub(crate) const HEADER: &str = "telnyx-signature-ed25519";

/// Padded, and as Telnyx' libraries read it: the four bits behind the signature may be any.
const BASE64: GeneralPurpose =
    GeneralPurpose::new(&alphabet::STANDARD, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));

/// Tells if the request is from Telnyx; if not, why.
pub(crate) fn check(request: &webhook::Request, now: Timestamp) -> Result<Result<(), String>, Error> {
    let (time, signature) = match (only(request, "telnyx-timestamp"), only(request, HEADER)) {
        (Ok(time), Ok(signature)) => (time, signature),
        (Err(reason), _) | (_, Err(reason)) => return Ok(Err(reason)),
    };
    let digits = (1..=12).contains(&time.len()) && time.bytes().all(|byte| byte.is_ascii_digit());
    let Some(seconds) = time.parse::<u64>().ok().filter(|_| digits) else {
        return Ok(Err("telnyx-timestamp is no number of seconds".to_owned()));
    };
    // to the millisecond, as Telnyx' libraries compare it
    let distance = seconds.saturating_mul(1000).abs_diff(now);
    if distance > TOLERANCE * 1000 {
        let side = if seconds < now / 1000 { "behind" } else { "ahead of" };
        let off = distance.div_ceil(1000);
        return Ok(Err(format!("the timestamp is {off} s {side} the hub's time; {TOLERANCE} s are allowed")));
    }
    if signature.len() != SIGNATURE_LENGTH {
        return Ok(Err(format!("{HEADER} is not {SIGNATURE_LENGTH} characters of base64")));
    }
    if request.body.len() > MAX_BODY {
        return Ok(Err(format!("the body has more than {MAX_BODY} bytes")));
    }
    let Ok(signature) = BASE64.decode(signature) else {
        return Ok(Err(format!("{HEADER} is no base64")));
    };
    if signature.len() != 64 {
        return Ok(Err(format!("{HEADER} is not base64 of 64 bytes")));
    }
    let mut message = Vec::with_capacity(time.len() + 1 + request.body.len());
    message.extend_from_slice(time.as_bytes());
    message.push(b'|');
    message.extend_from_slice(&request.body);
    if signature::ed25519_matches(KEY, &message, &signature)? {
        return Ok(Ok(()));
    }
    Ok(Err("the signature does not match the body under the account's public key".to_owned()))
}

fn only<'a>(request: &'a webhook::Request, name: &'a str) -> Result<&'a str, String> {
    let mut headers = request.headers.get_all(name);
    match (headers.next(), headers.next()) {
        (Some(header), None) => Ok(header),
        _ => Err(format!("there must be exactly one header {name}")),
    }
}
