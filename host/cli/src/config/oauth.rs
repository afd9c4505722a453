//! `[oauth.PLUGIN]`: the operator's clients at vendors.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use patchbay_hub::{Grant, OperatorClient, RegisteredClient};
use secrecy::SecretString;
use serde::Deserialize;

use super::secret;

/// A client that the operator registered at a plugin's vendor, for all organizations that have none of their own.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OauthClient {
    /// Its id at the vendor.
    pub client_id: String,
    /// Its secret, if the vendor gave one.
    #[serde(default, deserialize_with = "secret")]
    pub client_secret: Option<SecretString>,
    /// A file with its private key in PEM (PKCS#8), if the vendor takes signed assertions.
    pub private_key: Option<PathBuf>,
    /// By what name the vendor knows the key.
    pub key_id: Option<String>,
    /// Who signs with the grant `jwt-bearer`, if not the client's id.
    pub issuer: Option<String>,
    /// For which account the hub signs with the grant `jwt-bearer`: one for all organizations.
    pub subject: Option<String>,
    /// Grants that need nobody's consent, as in `client-credentials`, and that every organization may use: they act as the
    /// operator.
    #[serde(default)]
    pub shared_grants: Vec<Grant>,
}

impl OauthClient {
    /// Lets its paths start at this folder.
    pub(super) fn start_at(&mut self, folder: &Path) {
        if let Some(path) = &mut self.private_key {
            *path = folder.join(&*path);
        }
    }

    /// For the hub.
    pub(super) fn registered(&self, plugin: &str) -> Result<OperatorClient> {
        let read = |path: &PathBuf| {
            let text = std::fs::read_to_string(path);
            text.map(SecretString::from).with_context(|| format!("oauth.{plugin}.private_key is {}", path.display()))
        };
        let client = RegisteredClient {
            client_id: self.client_id.clone(),
            secret: self.client_secret.clone(),
            private_key: self.private_key.as_ref().map(read).transpose()?,
            key_id: self.key_id.clone(),
            issuer: self.issuer.clone(),
            subject: self.subject.clone(),
        };
        Ok(OperatorClient { client, shared_grants: self.shared_grants.clone() })
    }
}
