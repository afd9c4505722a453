//! How somebody asks for an authorization.

use std::fmt;

use patchbay_model::{Code, Failure, Permission, PluginId, Timestamp};
use patchbay_oauth::{OauthClient, SetupError, StateHash, unguessable};
use patchbay_package::manifest::oauth::Grant;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::{connect::Wish, granted::Granted, link::is_unguessable};
use crate::{
    ConnectionView,
    auth::Caller,
    hub::{Hub, Inner},
};

/// Which browser may bring the vendor's answer back. No other can: else one could have somebody else consent, and so get
/// the other's account into an org of one's own (RFC 6749, 10.12).
#[derive(Debug, Clone, Copy)]
pub enum Browser<'a> {
    /// The one that asks. It is sent to the vendor at once.
    Asking {
        /// What it has in its cookie from before, if anything.
        nonce: Option<&'a str>,
    },
    /// The one that opens the link first: who asks is a program.
    Opening,
}

/// What came of the wish to authorize a connection. Its text for people is without the URL, which holds what is good once.
#[derive(Clone, PartialEq, Eq)]
pub enum Authorization {
    /// A person must consent.
    Pending {
        /// For their browser, and not for a log: the vendor's page for the browser that asked, else a link to the hub that is good
        /// once.
        url: Url,
        /// From when on it counts no more.
        expires_at: Timestamp,
    },
    /// The vendor needed nobody's consent.
    Done(Box<ConnectionView>),
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pending { url: _, expires_at } => {
                f.debug_struct("Pending").field("expires_at", expires_at).finish_non_exhaustive()
            }
            Self::Done(view) => f.debug_tuple("Done").field(view).finish(),
        }
    }
}

/// What came of it, and what binds it to a browser.
#[derive(Debug)]
pub struct Begun {
    /// What came of it.
    pub authorization: Authorization,
    /// For the cookie of the browser that asked: `HttpOnly`, `Secure`, `SameSite=Lax`.
    pub nonce: Option<SecretString>,
}

impl Hub {
    /// Begins to authorize the org's connection of a plugin, or does it where nobody has to consent. Without a grant
    /// it is the first of the manifest's. `browser` says whose may come back with the vendor's answer. Needs the permission
    /// `manage_connections`; `conflict` for a plugin without OAuth or without that grant, `connection_missing` if there is no
    /// client for its vendor or a setting is missing.
    pub async fn authorize_connection(
        &self,
        caller: &Caller,
        plugin: &PluginId,
        grant: Option<Grant>,
        browser: Browser<'_>,
    ) -> Result<Begun, Failure> {
        caller.require(Permission::ManageConnections)?;
        let hub = &*self.0;
        hub.running()?;
        let listed = hub.oauth_grants_of(caller.org, plugin).await?;
        let grant = grant.or_else(|| listed.first().copied()).unwrap_or(Grant::AuthorizationCode);
        if !listed.contains(&grant) {
            return Err(Failure::new(Code::Conflict, SetupError::Grant(grant).to_string()));
        }
        if grant == Grant::AuthorizationCode {
            return self.begin_consent(caller, plugin, browser).await;
        }
        let client = hub.oauth_client_of(caller.org, plugin, Some(grant)).await?;
        let tokens = match grant {
            Grant::JwtBearer => client.jwt_bearer().await?,
            _ => client.client_credentials().await?,
        };
        let (org, actor, client) = (caller.org, caller.actor, &client);
        hub.connected(Granted { org, plugin, client, tokens, actor, only: None }).await?;
        let view = self.connection_of(caller.org, plugin).await?;
        Ok(Begun { authorization: Authorization::Done(Box::new(view)), nonce: None })
    }

    /// Begins an authorization that a person has to consent to, for somebody who may. `conflict` for a plugin without OAuth or
    /// without that grant.
    pub(crate) async fn begin_consent(
        &self,
        caller: &Caller,
        plugin: &PluginId,
        browser: Browser<'_>,
    ) -> Result<Begun, Failure> {
        let hub = &*self.0;
        hub.running()?;
        // Whoever asks is told at once what is missing, and not the person who opens the link.
        let client = hub.oauth_client_of(caller.org, plugin, Some(Grant::AuthorizationCode)).await?;
        if !client.provider().oauth().grants.contains(&Grant::AuthorizationCode) {
            return Err(Failure::new(Code::Conflict, SetupError::Grant(Grant::AuthorizationCode).to_string()));
        }
        match browser {
            Browser::Asking { nonce } => hub.begin_here(caller, plugin, &client, nonce).await,
            Browser::Opening => {
                let (url, expires_at) = hub.new_link(caller, plugin).await?;
                Ok(Begun { authorization: Authorization::Pending { url, expires_at }, nonce: None })
            }
        }
    }
}

impl Inner {
    /// Begins in the browser that asks. What it has in its cookie stays: it may have other consents open.
    async fn begin_here(
        &self,
        caller: &Caller,
        plugin: &PluginId,
        client: &OauthClient,
        nonce: Option<&str>,
    ) -> Result<Begun, Failure> {
        let nonce = self.browsers_nonce(nonce);
        let wish = Wish {
            org: caller.org,
            plugin: plugin.clone(),
            asked_by: caller.actor.to_string(),
            account: None,
            ticket: None,
        };
        let browser = StateHash::of(nonce.expose_secret());
        let (url, expires_at) = self.begin(&wish, client, browser, Some(caller.actor)).await?;
        Ok(Begun { authorization: Authorization::Pending { url, expires_at }, nonce: Some(nonce) })
    }

    /// What a browser has in its cookie if the hub can have put it there, else something new.
    pub(super) fn browsers_nonce(&self, kept: Option<&str>) -> SecretString {
        match kept.filter(|nonce| is_unguessable(nonce)) {
            Some(nonce) => SecretString::from(nonce),
            None => unguessable(&*self.random),
        }
    }
}
