//! Tokens of an installation that is ready to be called.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use patchbay_model::{Code, Failure, OrgId, PluginId, Timestamp};
use patchbay_oauth::{Job, OauthClient, OauthError, RefreshError, RegisteredClient, Stored};
use patchbay_package::{Manifest, manifest::oauth::Grant};
use patchbay_storage::Tx;
use patchbay_vault::{CredentialValues, Credentials};

use super::{store::Key, suspicion::Sign, tokens};
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

/// Tokens, and whose account they are for.
#[derive(Debug, Clone)]
pub(crate) struct Granted {
    pub(crate) stored: Stored,
    /// How the vendor calls the account.
    pub(crate) account: Option<String>,
    /// Another one after each authorization, the same after renewals.
    pub(crate) authorized_at: Timestamp,
}

/// What keeps a version's tokens good.
pub(crate) struct Live {
    seen: Stored,
    authorized_at: Timestamp,
    /// Or why there is none.
    client: Result<Arc<OauthClient>, Failure>,
    /// Why the tokens go into no request, although they are good.
    withheld: Option<Failure>,
}

impl Serving {
    /// The vendor's id of the account that the tokens are for, if there are any and it has said that.
    pub(crate) fn account(&self) -> Option<&str> {
        self.live.as_ref()?.seen.tokens.account.id.as_deref()
    }
}

impl OauthSettings {
    pub(crate) async fn load(hub: &Inner, tx: &mut Tx, org: OrgId, plugin: &PluginId) -> Result<Self, Failure> {
        let mut tx = tx.org(org);
        let tokens = match tx.oauth_tokens().get(plugin).await? {
            None => None,
            Some(row) => match tokens::open(&hub.vault, &mut tx, &row).await {
                Ok(stored) => {
                    let account = row.account_name.or(row.account_id);
                    Some(Granted { stored, account, authorized_at: row.authorized_at })
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
        let grant = granted.stored.tokens.grant;
        let client = self
            .registered(&manifest.id, settings.oauth.client.as_ref(), Some(grant))
            .and_then(|registered| {
                self.oauth_client(installation.org, manifest, &installation.config, registered, Some(grant))
            })
            .and_then(|client| {
                if client.parties() == granted.stored.tokens.parties {
                    return Ok(Arc::new(client));
                }
                Err(OauthError::OtherParties.into())
            });
        let withheld = client.as_ref().ok().and_then(|client| client.require_settings(&granted.stored.tokens).err());
        let (seen, authorized_at) = (granted.stored.clone(), granted.authorized_at);
        Some(Live { seen, authorized_at, client, withheld: withheld.map(Failure::from) })
    }

    /// The installation with tokens that a request may carry: these, or renewed ones.
    pub(crate) async fn with_fresh_tokens(
        &self,
        org: OrgId,
        plugin: &PluginId,
        serving: Arc<Serving>,
    ) -> Result<Arc<Serving>, Failure> {
        let Some(live) = &serving.live else { return Ok(serving) };
        if let Some(failure) = &live.withheld {
            return Err(failure.clone());
        }
        let (now, tokens) = (self.clock.now(), &live.seen.tokens);
        // What the vendor refused and has no end of its own would be good for ever.
        let ended = live.seen.needs_authorization && (tokens.expires_at.is_none() || !tokens.is_usable(now));
        if !ended && !tokens.is_due(now) {
            return Ok(serving);
        }
        let key = (org, plugin.clone());
        let failed = |failure: Failure| self.with_way_back(failure, &key, live.authorized_at);
        if ended {
            if self.is_stored(&key, live.seen.version).await? {
                return Err(failed(RefreshError::NeedsAuthorization.into()));
            }
            // Another node has learned of a new authorization.
            self.tenants.invalidate(&key).await;
            return self.serving_anew(org, plugin).await;
        }
        let client = match &live.client {
            Ok(client) => Arc::clone(client),
            Err(_) if live.seen.tokens.is_usable(now) => return Ok(serving),
            Err(failure) => return Err(failed(failure.clone())),
        };
        let job = Job { key: key.clone(), client, seen: live.seen.clone() };
        let current = self.refresher.current(&job).await.map_err(|error| failed(error.into()))?;
        if current.version == live.seen.version {
            return Ok(serving);
        }
        // Who renewed them dropped the old ones here; another node could not.
        if let Some(cached) = self.tenants.cached(&job.key).await
            && cached.settings.oauth.tokens.as_ref().is_some_and(|known| known.stored.version == live.seen.version)
        {
            self.tenants.invalidate(&job.key).await;
        }
        self.serving_anew(org, plugin).await
    }

    /// The installation with tokens that have just come, and that may be for something else than those before.
    async fn serving_anew(&self, org: OrgId, plugin: &PluginId) -> Result<Arc<Serving>, Failure> {
        let serving = self.serving(org, plugin).await?;
        match serving.live.as_ref().and_then(|live| live.withheld.clone()) {
            Some(failure) => Err(failure),
            None => Ok(serving),
        }
    }

    /// Takes note of how the vendor took the token that a call carried. If it refused it, the next call shall have another
    /// one; where there is none to be had, the vendor is asked once more before a person is.
    pub(crate) fn note_answers(&self, serving: &Serving, answered: &BTreeMap<String, u16>, failed: Option<Code>) {
        let manifest = serving.plugin.manifest();
        let (Some(live), Some(oauth)) = (&serving.live, &manifest.oauth) else { return };
        let Some(sign) = Sign::of(&oauth.credential, answered, failed) else { return };
        let key = (serving.tenant.org, manifest.id.clone());
        if sign == Sign::Taken {
            return self.suspicions.clear(&key);
        }
        let (Live { seen, client: Ok(client), .. }, now) = (live, self.clock.now()) else { return };
        let suspicion = self.suspicions.refused(&key, now);
        let young = now - seen.tokens.issued_at < chrono::Duration::seconds(TOO_YOUNG_TO_RENEW);
        if seen.needs_authorization || young {
            return;
        }
        let by_a_person = seen.tokens.grant == Grant::AuthorizationCode;
        // The plugin says so still, of tokens that were renewed since it said so first.
        let in_vain = sign == Sign::Ended && suspicion.is_grave(now) && seen.tokens.issued_at > suspicion.since;
        let job = Job { key: key.clone(), client: Arc::clone(client), seen: seen.clone() };
        let refresher = self.refresher.clone();
        // Failures are logged and stored by the refresher.
        if seen.tokens.is_renewable() && !(in_vain && by_a_person) {
            self.work.spawn(async move { refresher.renew(&job).await.map(drop) });
        } else if self.suspicions.begin_check(&key) {
            let (suspicions, grave) = (Arc::clone(&self.suspicions), suspicion.is_grave(now));
            self.work.spawn(async move {
                let ended = match job.client.still_takes(&job.seen.tokens).await {
                    Ok(Some(taken)) => !taken || in_vain,
                    Ok(None) => grave,
                    Err(error) => {
                        tracing::info!(org = %job.key.0, plugin = %job.key.1, %error, "it is not known whether a token is good");
                        false
                    }
                };
                if ended {
                    let _ = refresher.require_authorization(&job, OauthError::TokenRefused).await;
                }
                suspicions.end_check(&job.key);
            });
        }
    }

    /// True if these tokens are the connection's still.
    async fn is_stored(&self, (org, plugin): &Key, version: u64) -> Result<bool, Failure> {
        let mut tx = self.database.read().await?;
        let row = tx.org(*org).oauth_tokens().get(plugin).await?;
        Ok(row.is_some_and(|row| row.version == version))
    }

    fn with_way_back(&self, failure: Failure, (org, plugin): &Key, authorized_at: Timestamp) -> Failure {
        if failure.code != Code::ReauthorizationNeeded {
            return failure;
        }
        let url = self.links.reconnect(*org, plugin, authorized_at);
        Failure { detail: format!("{}: {url}", failure.detail), ..failure }
    }
}

/// The longest that one request to a vendor's endpoints takes.
pub(crate) const REQUEST_TIME: Duration = Duration::from_secs(10);
