//! `[oidc]`: the identity provider that people sign in by.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use patchbay_hub::{OidcConfig, OidcSettings, Provision};
use patchbay_model::identity::Role;
use secrecy::SecretString;
use serde::Deserialize;

use super::secret;

/// `[oidc]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Oidc {
    /// The provider, to the letter as it names itself.
    pub issuer: String,
    /// The hub's id there.
    pub client_id: String,
    /// The hub's secret there.
    #[serde(default, deserialize_with = "secret")]
    pub client_secret: Option<SecretString>,
    /// A file with the secret, in its place.
    pub client_secret_file: Option<PathBuf>,
    /// What is behind the `@` of those who may sign in. Empty: whoever the provider knows.
    #[serde(default)]
    pub allowed_domains: Vec<String>,
    /// For a provider that does not say whether addresses are verified, and verifies them all the same.
    #[serde(default)]
    pub trust_unverified_email: bool,
    /// The organization, by name or id, of people whom nobody has invited. Without it they are refused.
    pub provision_org: Option<String>,
    /// What they are there.
    #[serde(default = "member")]
    pub provision_role: Role,
}

const fn member() -> Role {
    Role::Member
}

impl Oidc {
    /// Lets its paths start at this folder.
    pub(super) fn start_at(&mut self, folder: &Path) {
        if let Some(path) = &mut self.client_secret_file {
            *path = folder.join(&*path);
        }
    }

    /// For the hub.
    pub(super) fn config(&self) -> Result<OidcConfig> {
        let client_secret = match (&self.client_secret, &self.client_secret_file) {
            (Some(_), Some(_)) => bail!("oidc has both client_secret and client_secret_file: give one of them"),
            (Some(secret), None) => Some(secret.clone()),
            (None, Some(path)) => {
                let text = std::fs::read_to_string(path);
                let text = text.with_context(|| format!("oidc.client_secret_file is {}", path.display()))?;
                Some(SecretString::from(text.trim()))
            }
            (None, None) => None,
        };
        if !self.issuer.starts_with("https://") {
            bail!("oidc.issuer is {:?}, and must be an https URL", self.issuer);
        }
        let provider = OidcSettings { issuer: self.issuer.clone(), client_id: self.client_id.clone(), client_secret };
        let role = self.provision_role;
        Ok(OidcConfig {
            provider,
            allowed_domains: self.allowed_domains.iter().map(|domain| domain.to_ascii_lowercase()).collect(),
            trust_unverified_email: self.trust_unverified_email,
            provision: self.provision_org.clone().map(|org| Provision { org, role }),
        })
    }
}
