//! Signed assertions (RFC 7523, 3): signature, audience, times, and each only once.

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use patchbay_package::manifest::oauth::JwtAlgorithm;
use serde_json::Value;

use super::Shared;

/// The longest that an assertion may be good for, in seconds.
const LONGEST: i64 = 300;

/// The claims of a genuine assertion; else what is wrong with it.
pub(crate) fn verify(shared: &Shared, token: &str, algorithm: JwtAlgorithm, public: &str) -> Result<Value, String> {
    let pem = public.as_bytes();
    let (expected, key) = match algorithm {
        JwtAlgorithm::Rs256 => (Algorithm::RS256, DecodingKey::from_rsa_pem(pem)),
        JwtAlgorithm::Es256 => (Algorithm::ES256, DecodingKey::from_ec_pem(pem)),
        JwtAlgorithm::EdDsa => (Algorithm::EdDSA, DecodingKey::from_ed_pem(pem)),
    };
    let mut signature_alone = Validation::new(expected);
    signature_alone.required_spec_claims.clear();
    // The rest is checked below, against the simulator's own clock.
    (signature_alone.validate_exp, signature_alone.validate_aud) = (false, false);
    let key = key.map_err(|error| format!("the registered key: {error}"))?;
    let decoded = jsonwebtoken::decode::<Value>(token, &key, &signature_alone);
    let claims = decoded.map_err(|error| format!("the assertion: {error}"))?.claims;

    let now = shared.clock.now().timestamp();
    let time = |name: &str| claims[name].as_i64().ok_or_else(|| format!("the assertion has no {name}"));
    let (issued, expires) = (time("iat")?, time("exp")?);
    if claims["aud"] != format!("{}/token", shared.issuer) {
        return Err("the assertion is for another audience".to_owned());
    }
    if expires <= now {
        return Err("the assertion has expired".to_owned());
    }
    if issued > now || expires > now + LONGEST {
        return Err("the assertion is of the future".to_owned());
    }
    let id = claims["jti"].as_str().filter(|id| id.len() >= 16).ok_or("the assertion has no id")?;
    if !shared.ledger.lock().unwrap().first_use(id) {
        return Err("the assertion was used already".to_owned());
    }
    Ok(claims)
}

/// Who claims to have signed an assertion; empty if it is none. Not verified: it only says which client to look up.
pub(crate) fn issuer(token: &str) -> String {
    let claims = jsonwebtoken::dangerous::insecure_decode::<Value>(token).map(|decoded| decoded.claims);
    claims.ok().and_then(|claims| claims["iss"].as_str().map(str::to_owned)).unwrap_or_default()
}
