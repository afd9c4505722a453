//! The hub's client at a vendor, as it was registered there: by the operator for all orgs, or by an org for itself.

use patchbay_package::manifest::oauth::{ClientAuth, Grant, Oauth};
use secrecy::SecretString;

use crate::{SetupError, SigningKey};

/// A registered client. The secrets in it are in no text for people.
#[derive(Debug, Clone)]
pub struct Registration {
    /// The client's id; no secret.
    pub client_id: String,
    /// For the client authentications `basic` and `post`.
    pub secret: Option<SecretString>,
    /// For the client authentication `private-key-jwt` and the grant `jwt-bearer`.
    pub key: Option<SigningKey>,
    /// Who claims to sign for the grant `jwt-bearer`, if not the client's id.
    pub issuer: Option<String>,
    /// For which account the hub signs with the grant `jwt-bearer`.
    pub subject: Option<String>,
}

impl Registration {
    /// A client with an id and perhaps a secret.
    #[must_use]
    pub fn new(client_id: impl Into<String>, secret: Option<SecretString>) -> Self {
        Self { client_id: client_id.into(), secret, key: None, issuer: None, subject: None }
    }

    /// Checks that it has what the manifest's section calls for with a grant; without one, with any of those that are
    /// listed.
    ///
    /// # Errors
    /// Names what is missing.
    pub fn check(&self, oauth: &Oauth, grant: Option<Grant>) -> Result<(), SetupError> {
        if self.client_id.is_empty() || !self.client_id.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
            return Err(SetupError::Registration("an id of printable ASCII".to_owned()));
        }
        let listed = oauth.grants.iter().copied();
        let mut checks = grant.map_or_else(|| listed.collect(), |grant| vec![grant]).into_iter();
        let first = checks.next().map_or(Ok(()), |grant| self.check_for(oauth, grant));
        // The first one's lack is what is told: it is the grant that is used unless another is asked for.
        first.or_else(|lack| checks.find_map(|grant| self.check_for(oauth, grant).ok()).ok_or(lack))
    }

    fn check_for(&self, oauth: &Oauth, grant: Grant) -> Result<(), SetupError> {
        let missing = |what: &str| Err(SetupError::Registration(format!("{what} (grant `{}`)", grant.as_str())));
        let by_secret = matches!(oauth.client_auth_of(grant), ClientAuth::Basic | ClientAuth::Post);
        if by_secret && self.secret.is_none() {
            return missing("a secret: the vendor asks for one");
        }
        match (oauth.jwt.as_ref().filter(|_| oauth.signs_for(grant)), &self.key) {
            (Some(_), None) => missing("a private key: the vendor asks for signed assertions"),
            (Some(jwt), Some(key)) if key.algorithm() != jwt.algorithm => {
                missing("a private key for the algorithm that the manifest names")
            }
            (Some(jwt), _) if grant == Grant::JwtBearer && self.subject.is_none() && !jwt.subject_optional => {
                missing("a subject: the account that the hub signs for")
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn section() -> Oauth {
        serde_json::from_value(json!({
            "credential": "t", "authorize-url": "https://a.example.com/a", "token-url": "https://a.example.com/t",
            "grants": ["authorization-code", "jwt-bearer"], "client-auth-for": {"jwt-bearer": "none"},
            "jwt": {"algorithm": "ES256"},
        }))
        .unwrap()
    }

    fn lack(registration: &Registration, oauth: &Oauth, grant: Option<Grant>) -> String {
        registration.check(oauth, grant).unwrap_err().to_string()
    }

    #[test]
    fn a_client_needs_what_its_grant_needs_and_nothing_else() {
        let oauth = section();
        let by_secret = Registration::new("hub", Some("s3cret".into()));
        by_secret.check(&oauth, Some(Grant::AuthorizationCode)).unwrap();
        by_secret.check(&oauth, None).unwrap();
        assert!(lack(&by_secret, &oauth, Some(Grant::JwtBearer)).contains("a private key"));
        let bare = Registration::new("hub", None);
        assert!(lack(&bare, &oauth, Some(Grant::AuthorizationCode)).contains("a secret"));
        assert!(lack(&bare, &oauth, None).contains("a secret"), "what the usual grant lacks");
        assert!(lack(&Registration::new("", None), &oauth, None).contains("an id"));
    }
}
