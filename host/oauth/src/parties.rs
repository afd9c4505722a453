//! Between whom an authorization counts.

use serde::{Deserialize, Serialize};
use url::Url;

use crate::{OauthClient, OauthError, Tokens};

/// The hub's client and the vendor's token endpoint that an authorization was begun with, or that tokens came from. They
/// are sealed with it. A code, a refresh token or a client's secret goes to no others: a new version of a plugin, changed
/// settings or another registration would otherwise carry it to whoever stands there now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parties {
    /// The client's id.
    pub client_id: String,
    /// The origin of the token endpoint, as in `https://auth.example.com`. Its path may change: a manifest's paths are
    /// approved by the org's admin.
    pub origin: String,
}

impl Parties {
    pub(crate) fn new(client_id: &str, token: &Url) -> Self {
        Self { client_id: client_id.to_owned(), origin: token.origin().ascii_serialization() }
    }
}

impl OauthClient {
    /// Between whom what this client gets counts.
    #[must_use]
    pub fn parties(&self) -> Parties {
        Parties::new(&self.registration.client_id, self.provider.token.url())
    }

    /// Fails unless the org's settings say the same as the vendor's answer, where the manifest wants that: these tokens are then for
    /// another host, or whatever it is, than the settings name.
    ///
    /// # Errors
    /// [`OauthError::OtherSettings`], which says what to change.
    pub fn require_settings(&self, tokens: &Tokens) -> Result<(), OauthError> {
        let bare = |text: &str| text.trim_end_matches('/').to_ascii_lowercase();
        for (name, said) in &self.provider.said {
            let told = tokens.kept.get(name).map(|text| bare(text));
            if told.is_none() || told != said.value.as_deref().map(bare) {
                let told = tokens.kept.get(name).cloned();
                return Err(OauthError::OtherSettings { setting: said.setting.clone(), told });
            }
        }
        Ok(())
    }

    /// Fails unless these are still the same.
    pub(crate) fn require_parties(&self, parties: &Parties) -> Result<(), OauthError> {
        if *parties == self.parties() { Ok(()) } else { Err(OauthError::OtherParties) }
    }
}
