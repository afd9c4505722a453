//! The provider's public keys.

use chrono::Duration;
use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse},
};
use patchbay_model::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::{OidcError, OidcProvider};
use crate::provider::rule;

/// How long keys are believed before they are asked for again: one that was withdrawn signs nothing after that.
const FRESH: Duration = Duration::hours(1);
/// How much longer, while they cannot be had.
const STALE: Duration = Duration::hours(24);
/// How often a key that is not known makes the hub ask: a token with an invented key would do it each time otherwise.
const AT_MOST_EACH: Duration = Duration::seconds(30);
/// A provider has a handful.
const MOST_KEYS: usize = 100;

/// Keys, and when they were had.
#[derive(Default)]
pub(super) struct Keys {
    set: Vec<Jwk>,
    at: Option<Timestamp>,
    asked_at: Option<Timestamp>,
}

/// One key that does not parse must not take the others with it: providers list kinds that we do not know.
#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

impl Keys {
    fn is_younger_than(&self, age: Duration, now: Timestamp) -> bool {
        self.at.is_some_and(|at| at + age > now)
    }

    fn may_ask(&self, now: Timestamp) -> bool {
        self.asked_at.is_none_or(|at| at + AT_MOST_EACH <= now)
    }

    /// The key that a token names, or the only one that could have signed it if it names none.
    fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Option<DecodingKey> {
        let mut fitting = self.set.iter().filter(|key| signs(key, algorithm));
        let found = match id {
            Some(id) => fitting.find(|key| key.common.key_id.as_deref() == Some(id)),
            None => fitting.next().filter(|_| fitting.next().is_none()),
        };
        found.and_then(|key| DecodingKey::from_jwk(key).ok())
    }
}

/// True if a key is for signatures by this algorithm. A key says of which kind it is, and only that kind is tried: what a
/// token says of itself never chooses how a key is used.
fn signs(key: &Jwk, algorithm: Algorithm) -> bool {
    let kind = match (&key.algorithm, algorithm) {
        (AlgorithmParameters::RSA(_), Algorithm::RS256 | Algorithm::RS384 | Algorithm::RS512) => true,
        (AlgorithmParameters::RSA(_), Algorithm::PS256 | Algorithm::PS384 | Algorithm::PS512) => true,
        (AlgorithmParameters::EllipticCurve(key), Algorithm::ES256) => key.curve == EllipticCurve::P256,
        (AlgorithmParameters::EllipticCurve(key), Algorithm::ES384) => key.curve == EllipticCurve::P384,
        (AlgorithmParameters::OctetKeyPair(key), Algorithm::EdDSA) => key.curve == EllipticCurve::Ed25519,
        _ => false,
    };
    let common = &key.common;
    kind && common.public_key_use.as_ref().is_none_or(|usage| *usage == PublicKeyUse::Signature)
        && common.key_algorithm.is_none_or(|named| named == algorithm.into())
}

impl OidcProvider {
    /// The key that a token names. One that is not known is looked for at the provider, at most every 30 seconds.
    pub(super) async fn key(
        &self,
        url: &Url,
        id: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<Option<DecodingKey>, OidcError> {
        let now = self.net.clock.now();
        let mut keys = self.keys.lock().await;
        if keys.is_younger_than(FRESH, now)
            && let Some(key) = keys.find(id, algorithm)
        {
            return Ok(Some(key));
        }
        if keys.may_ask(now) {
            keys.asked_at = Some(now);
            match self.fetch(url).await {
                Ok(set) => {
                    keys.set = set;
                    keys.at = Some(now);
                }
                Err(error) if keys.is_younger_than(STALE, now) => {
                    tracing::warn!(%error, "the identity provider's keys are old ones");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(if keys.is_younger_than(STALE, now) { keys.find(id, algorithm) } else { None })
    }

    async fn fetch(&self, url: &Url) -> Result<Vec<Jwk>, OidcError> {
        let answer = self.get(url.clone(), &[rule("GET", url)]).await?;
        let document: Document = serde_json::from_slice(&answer.body)
            .map_err(|_| OidcError::Description("its keys are no JSON Web Key Set".to_owned()))?;
        Ok(document.keys.into_iter().take(MOST_KEYS).filter_map(|key| serde_json::from_value(key).ok()).collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn key(value: Value) -> Jwk {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_key_is_used_for_what_it_is_and_for_nothing_else() {
        let rsa = key(json!({"kty": "RSA", "n": "AQAB", "e": "AQAB"}));
        assert!(signs(&rsa, Algorithm::RS256) && signs(&rsa, Algorithm::PS256));
        assert!(!signs(&rsa, Algorithm::ES256) && !signs(&rsa, Algorithm::HS256));
        let said = key(json!({"kty": "RSA", "n": "AQAB", "e": "AQAB", "alg": "PS256", "use": "sig"}));
        assert!(signs(&said, Algorithm::PS256) && !signs(&said, Algorithm::RS256));
        let seals = key(json!({"kty": "RSA", "n": "AQAB", "e": "AQAB", "use": "enc"}));
        assert!(!signs(&seals, Algorithm::RS256));
        let curve = key(json!({"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA"}));
        assert!(signs(&curve, Algorithm::ES384) && !signs(&curve, Algorithm::ES256));
        let shared = key(json!({"kty": "oct", "k": "AA"}));
        assert!(!signs(&shared, Algorithm::HS256));
    }

    #[test]
    fn without_a_name_there_must_be_one_key_alone() {
        let one = key(json!({"kty": "OKP", "crv": "Ed25519", "x": "AA", "kid": "a"}));
        let other = key(json!({"kty": "OKP", "crv": "Ed25519", "x": "AA", "kid": "b"}));
        let mut keys = Keys { set: vec![one], ..Keys::default() };
        assert!(keys.find(None, Algorithm::EdDSA).is_some());
        keys.set.push(other);
        assert!(keys.find(None, Algorithm::EdDSA).is_none());
        assert!(keys.find(Some("b"), Algorithm::EdDSA).is_some());
        assert!(keys.find(Some("c"), Algorithm::EdDSA).is_none());
    }
}
