//! A manifest's section made ready to be called: its URLs for one org's settings, and the rules that let them through.

use std::{collections::BTreeMap, fmt};

use oauth2::{AuthUrl, RevocationUrl, TokenUrl};
use patchbay_egress::{Rules, RulesError};
use patchbay_model::PluginId;
use patchbay_package::{
    Manifest,
    endpoint::{Endpoint, InvalidEndpoint},
    manifest::{Egress, Oauth, oauth::Grant},
};
use serde_json::Value;
use url::Url;

/// What a connection cannot be authorized with: the manifest, the org's settings, or the registration lacks something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetupError {
    /// The plugin has no section for OAuth.
    #[error("the plugin {0} does not connect by OAuth: its manifest has no [oauth]")]
    NotDeclared(PluginId),
    /// An endpoint of the section.
    #[error("oauth.{field}: {source}")]
    Endpoint {
        /// Its key.
        field: &'static str,
        /// What is wrong.
        source: InvalidEndpoint,
    },
    /// No rule can let the section's endpoints through.
    #[error("oauth: {0}")]
    Rules(#[from] RulesError),
    /// The section does not list the grant.
    #[error("the plugin cannot be connected by {}: add it to oauth.grants", .0.as_str())]
    Grant(Grant),
    /// What the client that was registered at the vendor must have and has not.
    #[error("the client that is registered at the vendor needs {0}")]
    Registration(String),
}

/// What a setting says that a vendor's answer has to say too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    /// Where it stands: a JSON Pointer.
    pub(crate) setting: String,
    /// Nothing where the settings have nothing there.
    pub(crate) value: Option<String>,
}

/// A vendor, for one org's settings.
pub struct Provider {
    pub(crate) plugin: PluginId,
    pub(crate) oauth: Oauth,
    pub(crate) authorize: Option<AuthUrl>,
    pub(crate) token: TokenUrl,
    pub(crate) revoke: Option<RevocationUrl>,
    pub(crate) account: Option<Url>,
    /// For whom assertions are signed.
    pub(crate) audience: String,
    /// What the settings say of what the manifest's `answer.settings` names, by the names of `keep`.
    pub(crate) said: BTreeMap<String, Said>,
    /// Lets the section's endpoints through and nothing else: not what the plugin itself may reach.
    pub(crate) rules: Rules,
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").field("plugin", &self.plugin).field("token", &self.token).finish_non_exhaustive()
    }
}

impl Provider {
    /// Makes a manifest's section ready. `settings` are the org's for the plugin; endpoints may begin with one.
    ///
    /// # Errors
    /// If there is no section, or a setting that an endpoint needs is missing or cannot stand in a host.
    pub fn new(manifest: &Manifest, settings: &Value) -> Result<Self, SetupError> {
        let oauth = manifest.oauth.clone().ok_or_else(|| SetupError::NotDeclared(manifest.id.clone()))?;
        let url = |field: &'static str, text: &str| {
            let url = Endpoint::parse(text).and_then(|endpoint| endpoint.resolve(settings));
            url.map_err(|source| SetupError::Endpoint { field, source })
        };
        let optional = |field, text: Option<&String>| text.map(|text| url(field, text)).transpose();
        let authorize = optional("authorize-url", oauth.authorize_url.as_ref())?;
        let token = url("token-url", &oauth.token_url)?;
        let revoke = optional("revoke-url", oauth.revoke_url.as_ref())?;
        let account = optional("account.url", oauth.account.as_ref().and_then(|account| account.url.as_ref()))?;
        let audience = match oauth.jwt.as_ref().and_then(|jwt| jwt.audience.as_deref()) {
            None => token.as_str().to_owned(),
            Some(text) if text.contains('{') => {
                let url = url("jwt.audience", text)?;
                // As it is written: a parser puts a slash behind a host.
                let bare = !text.trim_start_matches("https://").contains('/');
                url.as_str().strip_suffix('/').filter(|_| bare).unwrap_or(url.as_str()).to_owned()
            }
            Some(text) => text.to_owned(),
        };
        let reached = [("POST", Some(&token)), ("POST", revoke.as_ref()), ("GET", account.as_ref())];
        let egress = reached.into_iter().filter_map(|(method, url)| url.map(|url| rule(method, url))).collect();
        let rules = Rules::compile(&Manifest { egress, ..manifest.clone() })?;
        let said = oauth.answer.settings.iter().map(|(name, pointer)| {
            let value = settings.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
            (name.clone(), Said { setting: pointer.clone(), value })
        });
        let said = said.collect();
        Ok(Self {
            plugin: manifest.id.clone(),
            said,
            oauth,
            authorize: authorize.map(AuthUrl::from_url),
            token: TokenUrl::from_url(token),
            revoke: revoke.map(RevocationUrl::from_url),
            account,
            audience,
            rules,
        })
    }

    /// The manifest's section.
    #[must_use]
    pub const fn oauth(&self) -> &Oauth {
        &self.oauth
    }

    /// The host where a person consents, if one does.
    #[must_use]
    pub fn authorize_host(&self) -> Option<&str> {
        self.authorize.as_ref().and_then(|url| url.url().host_str())
    }

    /// Required scopes that were not granted: a person can leave some out. Empty: the connection is complete.
    pub fn missing_scopes<'a>(&'a self, granted: &'a [String]) -> impl Iterator<Item = &'a str> {
        let required = self.oauth.scopes.required.iter();
        required.filter(|scope| !granted.contains(scope)).map(String::as_str)
    }
}

/// Lets requests of a method to a URL through.
pub(crate) fn rule(method: &str, url: &Url) -> Egress {
    Egress {
        idempotency_header: None,
        pauses: true,
        host: url.host_str().unwrap_or_default().to_owned(),
        methods: vec![method.to_owned()],
        paths: vec![url.path().to_owned()],
    }
}
