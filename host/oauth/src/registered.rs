//! The hub's client at a vendor as the hub keeps it: texts, before a manifest says what they are for.

use patchbay_package::manifest::oauth::{Grant, Oauth};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::{
    Registration, SetupError, SigningKey,
    sealed::{self, Exposed, UnknownForm},
};

/// A client that somebody registered at a vendor. The secrets in it are in no text for people.
#[derive(Debug, Clone)]
pub struct RegisteredClient {
    /// The client's id; no secret.
    pub client_id: String,
    /// Its secret, where the vendor gives one.
    pub secret: Option<SecretString>,
    /// Its private key in PEM, where the vendor takes signed assertions.
    pub private_key: Option<SecretString>,
    /// By what name the vendor knows the key.
    pub key_id: Option<String>,
    /// Who claims to sign for the grant `jwt-bearer`, if not the client's id.
    pub issuer: Option<String>,
    /// For which account the hub signs with the grant `jwt-bearer`.
    pub subject: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Form {
    client_id: String,
    secret: Option<Exposed>,
    private_key: Option<Exposed>,
    key_id: Option<String>,
    issuer: Option<String>,
    subject: Option<String>,
}

impl RegisteredClient {
    /// The text to seal.
    #[must_use]
    pub fn to_secret(&self) -> SecretString {
        sealed::to_text(Form {
            client_id: self.client_id.clone(),
            secret: self.secret.clone().map(Exposed),
            private_key: self.private_key.clone().map(Exposed),
            key_id: self.key_id.clone(),
            issuer: self.issuer.clone(),
            subject: self.subject.clone(),
        })
    }

    /// The client that was sealed.
    ///
    /// # Errors
    /// If the text is not one of [`RegisteredClient::to_secret`].
    pub fn from_secret(text: &SecretString) -> Result<Self, UnknownForm> {
        let form: Form = sealed::from_text(text, "client")?;
        Ok(Self {
            client_id: form.client_id,
            secret: form.secret.map(|secret| secret.0),
            private_key: form.private_key.map(|key| key.0),
            key_id: form.key_id,
            issuer: form.issuer,
            subject: form.subject,
        })
    }

    /// The client as a manifest's section needs it with a grant; without one, with any of those that are listed.
    ///
    /// # Errors
    /// Names what it lacks for that.
    pub fn registration(&self, oauth: &Oauth, grant: Option<Grant>) -> Result<Registration, SetupError> {
        let key = match (&self.private_key, &oauth.jwt) {
            (Some(pem), Some(jwt)) => Some(SigningKey::from_pem(jwt.algorithm, pem, self.key_id.clone())?),
            _ => None,
        };
        let registration = Registration {
            client_id: self.client_id.clone(),
            secret: self.secret.clone(),
            key,
            issuer: self.issuer.clone(),
            subject: self.subject.clone(),
        };
        registration.check(oauth, grant)?;
        Ok(registration)
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn what_was_sealed_comes_back_whole_and_debug_output_shows_no_secret() {
        let client = RegisteredClient {
            client_id: "hub".to_owned(),
            secret: Some("canary-secret".into()),
            private_key: Some("canary-key".into()),
            key_id: Some("k1".to_owned()),
            issuer: None,
            subject: Some("a@example.com".to_owned()),
        };
        let back = RegisteredClient::from_secret(&client.to_secret()).unwrap();
        assert_eq!(back.to_secret().expose_secret(), client.to_secret().expose_secret());
        assert!(!format!("{back:?}").contains("canary"));
    }
}
