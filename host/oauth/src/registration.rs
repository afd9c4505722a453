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

    /// Checks that it has what the manifest's section calls for.
    ///
    /// # Errors
    /// Names what is missing.
    pub fn check(&self, oauth: &Oauth) -> Result<(), SetupError> {
        let missing = |what: &str| Err(SetupError::Registration(what.to_owned()));
        if self.client_id.is_empty() || !self.client_id.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
            return missing("an id of printable ASCII");
        }
        let by_secret = matches!(oauth.client_auth, ClientAuth::Basic | ClientAuth::Post);
        if by_secret && self.secret.is_none() {
            return missing("a secret: the vendor asks for one");
        }
        match (&oauth.jwt, &self.key) {
            (Some(_), None) => missing("a private key: the vendor asks for signed assertions"),
            (Some(jwt), Some(key)) if key.algorithm() != jwt.algorithm => {
                missing("a private key for the algorithm that the manifest names")
            }
            _ if oauth.grants == [Grant::JwtBearer] && self.subject.is_none() => {
                missing("a subject: the account that the hub signs for")
            }
            _ => Ok(()),
        }
    }
}
