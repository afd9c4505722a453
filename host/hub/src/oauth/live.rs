//! Tokens of an installation that is ready to be called.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use patchbay_model::{Code, Failure, OrgId, PluginId, Timestamp};
use patchbay_oauth::{Job, OauthClient, RefreshError, RegisteredClient, Stored};
use patchbay_package::Manifest;
use patchbay_storage::Tx;
use patchbay_vault::{CredentialValues, Credentials};

use super::{store::Key, tokens, view::reconnect_url};
use crate::{
    hub::Inner,
    tenant::{Serving, Settings},
};

/// A vendor that refuses tokens so soon after it gave them does not lack newer ones. In seconds.
const TOO_YOUNG_TO_RENEW: i64 = 60;

/// What the database says of an installation's OAuth.
#[derive(Debug, Clone, Default)]
pub(crate) struct OauthSettings {
    pub(crate) tokens: Option<Granted>,
    /// The org's own client.
    pub(crate) client: Option<RegisteredClient>,
}

/// Tokens, and the client that got them.
#[derive(Debug, Clone)]
pub(crate) struct Granted {
    pub(crate) stored: Stored,
    pub(crate) client_id: String,
    /// How the vendor calls the account.
    pub(crate) account: Option<String>,
    /// Another one after each authorization, the same after renewals.
    pub(crate) authorized_at: Timestamp,
}

/// What keeps a version's tokens good.
pub(crate) struct Live {
    seen: Stored,
    /// Or why there is none.
    client: Result<Arc<OauthClient>, Failure>,
}

impl OauthSettings {
    pub(crate) async fn load(hub: &Inner, tx: &mut Tx, org: OrgId, plugin: &PluginId) -> Result<Self, Failure> {
        let mut tx = tx.org(org);
        let tokens = match tx.oauth_tokens().get(plugin).await? {
            None => None,
            Some(row) => match tokens::open(&hub.vault, &mut tx, &row).await {
                Ok(stored) => {
                    let account = row.account_name.or(row.account_id);
                    Some(Granted { stored, client_id: row.client_id, account, authorized_at: row.authorized_at })
                }
                // As if there were none, so that a new authorization can take their place.
                Err(failure) if failure.code == Code::ReauthorizationNeeded => {
                    tracing::error!(%org, %plugin, error = %failure, "stored tokens cannot be read");
                    None
                }
                Err(failure) => return Err(failure),
            },
        };
        let client = match tx.oauth_clients().get(plugin).await? {
            None => None,
            Some(row) => Some(tokens::open_client(&hub.vault, &mut tx, &row).await?),
        };
        Ok(Self { tokens, client })
    }

    /// The credentials with the access token among them, where the manifest wants it.
    pub(crate) fn fill(&self, manifest: &Manifest, others: Option<Arc<Credentials>>) -> Option<Arc<Credentials>> {
        let (Some(oauth), Some(granted)) = (&manifest.oauth, &self.tokens) else { return others };
        let mut values: BTreeMap<_, _> = others.map(|others| others.values().clone()).unwrap_or_default();
        let access = CredentialValues { current: granted.stored.tokens.access.clone(), previous: None };
        values.insert(oauth.credential.clone(), access);
        Some(Arc::new(Credentials::new(values)))
    }

    pub(crate) fn account(&self) -> Option<String> {
        self.tokens.as_ref().and_then(|granted| granted.account.clone())
    }
}

impl Inner {
    /// What keeps the tokens good; nothing if there are none or the version takes none.
    pub(crate) fn live(&self, manifest: &Manifest, settings: &Settings) -> Option<Live> {
        manifest.oauth.as_ref()?;
        let granted = settings.oauth.tokens.as_ref()?;
        let installation = &settings.installation;
        let client = self
            .registered(&manifest.id, settings.oauth.client.as_ref())
            .and_then(|registered| self.oauth_client(installation.org, manifest, &installation.config, registered))
            .and_then(|client| {
                if client.client_id() == granted.client_id {
                    return Ok(Arc::new(client));
                }
                let detail = "the client at the vendor was replaced since: authorize the connection again";
                Err(Failure::new(Code::ReauthorizationNeeded, detail))
            });
        Some(Live { seen: granted.stored.clone(), client })
    }

    /// The installation with tokens that a request may carry: these, or renewed ones.
    pub(crate) async fn with_fresh_tokens(
        &self,
        org: OrgId,
        plugin: &PluginId,
        serving: Arc<Serving>,
    ) -> Result<Arc<Serving>, Failure> {
        let Some(live) = &serving.live else { return Ok(serving) };
        let now = self.clock.now();
        if !live.seen.tokens.is_due(now) {
            return Ok(serving);
        }
        let key = (org, plugin.clone());
        if live.seen.needs_authorization && !live.seen.tokens.is_usable(now) {
            if self.is_stored(&key, live.seen.version).await? {
                return Err(self.with_way_back(RefreshError::NeedsAuthorization.into(), plugin));
            }
            // Another node has learned of a new authorization.
            self.tenants.invalidate(&key).await;
            return self.serving(org, plugin).await;
        }
        let client = match &live.client {
            Ok(client) => Arc::clone(client),
            Err(_) if live.seen.tokens.is_usable(now) => return Ok(serving),
            Err(failure) => return Err(self.with_way_back(failure.clone(), plugin)),
        };
        let job = Job { key, client, seen: live.seen.clone() };
        let current = self.refresher.current(&job).await.map_err(|error| self.with_way_back(error.into(), plugin))?;
        if current.version == live.seen.version {
            return Ok(serving);
        }
        // Who renewed them dropped the old ones here; another node could not.
        if let Some(cached) = self.tenants.cached(&job.key).await
            && cached.settings.oauth.tokens.as_ref().is_some_and(|known| known.stored.version == live.seen.version)
        {
            self.tenants.invalidate(&job.key).await;
        }
        self.serving(org, plugin).await
    }

    /// A vendor answered 401: the next call shall have other tokens, if these are not brand-new.
    pub(crate) fn tokens_were_refused(&self, serving: &Serving) {
        let Some(Live { seen, client: Ok(client) }) = &serving.live else { return };
        let young = chrono::Duration::seconds(TOO_YOUNG_TO_RENEW);
        if seen.needs_authorization || self.clock.now() - seen.tokens.issued_at < young {
            return;
        }
        let key = (serving.tenant.org, serving.plugin.manifest().id.clone());
        let job = Job { key, client: Arc::clone(client), seen: seen.clone() };
        let refresher = self.refresher.clone();
        // Failures are logged and stored by the refresher.
        self.work.spawn(async move { refresher.renew(&job).await.map(drop) });
    }

    /// True if these tokens are the connection's still.
    async fn is_stored(&self, (org, plugin): &Key, version: u64) -> Result<bool, Failure> {
        let mut tx = self.database.read().await?;
        let row = tx.org(*org).oauth_tokens().get(plugin).await?;
        Ok(row.is_some_and(|row| row.version == version))
    }

    fn with_way_back(&self, failure: Failure, plugin: &PluginId) -> Failure {
        if failure.code != Code::ReauthorizationNeeded {
            return failure;
        }
        let url = reconnect_url(&self.config.public_url, plugin);
        Failure { detail: format!("{} (POST {url})", failure.detail), ..failure }
    }
}

/// The longest that one request to a vendor's endpoints takes.
pub(crate) const REQUEST_TIME: Duration = Duration::from_secs(10);
