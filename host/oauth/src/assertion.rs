//! What the hub signs: who it is (RFC 7523, 2.2), and for whom it acts (2.1).

use patchbay_model::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};

use crate::{OauthClient, SetupError, state::unguessable};

/// Clocks differ: an assertion claims to be this much older than it is, in seconds.
const SKEW: i64 = 10;

impl OauthClient {
    /// Says who the hub is, for the client authentication `private-key-jwt`.
    pub(crate) fn client_assertion(&self) -> Result<SecretString, SetupError> {
        let id = &self.registration.client_id;
        self.signed(id, Some(id), Map::new())
    }

    /// Says for whom the hub acts, for the grant `jwt-bearer`.
    pub(crate) fn grant_assertion(&self) -> Result<SecretString, SetupError> {
        let registration = &self.registration;
        let issuer = registration.issuer.as_ref().unwrap_or(&registration.client_id);
        let mut claims = Map::new();
        if let Some(jwt) = &self.provider.oauth.jwt {
            claims.extend(jwt.claims.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))));
            if jwt.scope_claim {
                claims.insert("scope".to_owned(), Value::from(self.asked_scopes()));
            }
        }
        self.signed(issuer, registration.subject.as_deref(), claims)
    }

    /// The scopes as one text.
    pub(crate) fn asked_scopes(&self) -> String {
        let scopes = &self.provider.oauth.scopes;
        scopes.all().collect::<Vec<_>>().join(scopes.separator.as_char().encode_utf8(&mut [0; 4]))
    }

    fn signed(
        &self,
        issuer: &str,
        subject: Option<&str>,
        mut claims: Map<String, Value>,
    ) -> Result<SecretString, SetupError> {
        let missing = |what: &str| SetupError::Registration(what.to_owned());
        let key = self.registration.key.as_ref().ok_or_else(|| missing("a private key"))?;
        let jwt = self.provider.oauth.jwt.as_ref().ok_or_else(|| missing("an [oauth.jwt] in the manifest"))?;
        let now: Timestamp = self.net.clock.now();
        let now = now.timestamp();
        let audience = self.provider.audience.as_str();
        let id = unguessable(&*self.net.random);
        for (name, value) in [
            ("iss", Value::from(issuer)),
            ("aud", Value::from(audience)),
            ("iat", Value::from(now - SKEW)),
            ("exp", Value::from(now + i64::from(jwt.lifetime_seconds) - SKEW)),
            ("jti", Value::from(id.expose_secret())),
        ] {
            claims.insert(name.to_owned(), value);
        }
        if let Some(subject) = subject {
            claims.insert("sub".to_owned(), Value::from(subject));
        }
        key.sign(&claims)
    }
}
