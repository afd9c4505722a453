//! How somebody asks for an authorization.

use patchbay_model::{Code, Failure, PluginId, Timestamp, org::Scope};
use patchbay_oauth::SetupError;
use patchbay_package::manifest::oauth::Grant;
use url::Url;

use super::granted::Granted;
use crate::{ConnectionView, audit::Actor, auth::Caller, hub::Hub};

/// What came of the wish to authorize a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authorization {
    /// A person must consent.
    Pending {
        /// A link to the hub for their browser: good once. It is not for a log.
        url: Url,
        /// From when on the link counts no more.
        expires_at: Timestamp,
    },
    /// The vendor needed nobody's consent.
    Done(Box<ConnectionView>),
}

impl Hub {
    /// Begins to authorize the org's connection of a plugin, or does it where nobody has to consent. Without a grant
    /// it is the first of the manifest's. Needs the scope `admin`; `conflict` for a plugin without OAuth or without that
    /// grant, `connection_missing` if there is no client for its vendor or a setting is missing.
    pub async fn authorize_connection(
        &self,
        caller: &Caller,
        plugin: &PluginId,
        grant: Option<Grant>,
    ) -> Result<Authorization, Failure> {
        caller.require(Scope::Admin)?;
        let hub = &*self.0;
        hub.running()?;
        let listed = hub.oauth_grants_of(caller.org, plugin).await?;
        let grant = grant.or_else(|| listed.first().copied()).unwrap_or(Grant::AuthorizationCode);
        if !listed.contains(&grant) {
            return Err(Failure::new(Code::Conflict, SetupError::Grant(grant).to_string()));
        }
        let client = hub.oauth_client_of(caller.org, plugin, Some(grant)).await?;
        let actor = Actor::Key(caller.key);
        let granted = match grant {
            Grant::AuthorizationCode => return self.begin_consent(caller, plugin).await,
            Grant::ClientCredentials => client.client_credentials().await?,
            Grant::JwtBearer => client.jwt_bearer().await?,
        };
        let (org, client) = (caller.org, &client);
        hub.connected(Granted { org, plugin, client, tokens: granted, actor, only: None }).await?;
        let view = self.connection_of(caller.org, plugin).await?;
        Ok(Authorization::Done(Box::new(view)))
    }

    /// Asks for a person's consent in the name of somebody who may: makes the link that they open.
    pub(crate) async fn begin_consent(&self, caller: &Caller, plugin: &PluginId) -> Result<Authorization, Failure> {
        let actor = Actor::Key(caller.key);
        let (url, expires_at) = self.0.new_link(caller.org, plugin, actor, caller.key.to_string()).await?;
        Ok(Authorization::Pending { url, expires_at })
    }
}
