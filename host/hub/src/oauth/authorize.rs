//! How an authorization begins, and how what it gave is stored.

use patchbay_model::{
    Code, ConnectionId, Failure, OrgId, Permission, PluginId, Timestamp,
    installation::SealedConnection,
    oauth::{SealedAuthorization, SealedTokens},
};
use patchbay_oauth::{Browser, OauthClient, SetupError, StateHash, Tokens};
use patchbay_package::manifest::oauth::Grant;
use patchbay_vault::TextPlace;
use secrecy::SecretString;
use serde_json::json;
use url::Url;

use super::tokens;
use crate::{
    ConnectionView,
    audit::Actor,
    auth::Caller,
    connections::tell_of,
    hub::{Hub, Inner},
};

/// What came of the wish to authorize a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authorization {
    /// A person must consent.
    Pending {
        /// Where to send their browser, once. It is not for a log.
        url: Url,
        /// From when on the answer counts no more.
        expires_at: Timestamp,
    },
    /// The vendor needed nobody's consent.
    Done(Box<ConnectionView>),
}

/// What came of it, and what binds it to a browser.
#[derive(Debug)]
pub struct Begun {
    /// What came of it.
    pub authorization: Authorization,
    /// For a cookie of the browser, if one was bound.
    pub nonce: Option<SecretString>,
}

impl Hub {
    /// Begins to authorize the org's connection of a plugin, or does it where nobody has to consent. Without a grant
    /// it is the first of the manifest's. `browser` says whose may come back with the vendor's answer: a program has none yet to
    /// bind it to, so who consents is told for which organization. Needs the permission `manage_connections`; `conflict` for a plugin without OAuth or without that
    /// grant, `connection_missing` if there is no client for its vendor or a setting is missing.
    pub async fn authorize_connection(
        &self,
        caller: &Caller,
        plugin: &PluginId,
        grant: Option<Grant>,
        browser: Browser,
    ) -> Result<Begun, Failure> {
        caller.require(Permission::ManageConnections)?;
        let hub = &*self.0;
        hub.running()?;
        let client = hub.oauth_client_of(caller.org, plugin).await?;
        let listed = &client.provider().oauth().grants;
        let grant = grant.or_else(|| listed.first().copied()).unwrap_or(Grant::AuthorizationCode);
        if !listed.contains(&grant) {
            return Err(Failure::new(Code::Conflict, SetupError::Grant(grant).to_string()));
        }
        let granted = match grant {
            Grant::AuthorizationCode => return hub.begin(caller, plugin, &client, browser).await,
            Grant::ClientCredentials => client.client_credentials().await?,
            Grant::JwtBearer => client.jwt_bearer().await?,
        };
        hub.connected(caller.org, plugin, &client, granted, caller.actor).await?;
        let view = self.connection_of(caller.org, plugin).await?;
        Ok(Begun { authorization: Authorization::Done(Box::new(view)), nonce: None })
    }

    /// Begins an authorization that a person has to consent to, for somebody who may. `conflict` for a plugin without OAuth or
    /// without that grant.
    pub(crate) async fn begin_consent(
        &self,
        caller: &Caller,
        plugin: &PluginId,
        browser: Browser,
    ) -> Result<Begun, Failure> {
        let hub = &*self.0;
        hub.running()?;
        let client = hub.oauth_client_of(caller.org, plugin).await?;
        if !client.provider().oauth().grants.contains(&Grant::AuthorizationCode) {
            return Err(Failure::new(Code::Conflict, SetupError::Grant(Grant::AuthorizationCode).to_string()));
        }
        hub.begin(caller, plugin, &client, browser).await
    }
}

impl Inner {
    async fn begin(
        &self,
        caller: &Caller,
        plugin: &PluginId,
        client: &OauthClient,
        browser: Browser,
    ) -> Result<Begun, Failure> {
        let redirect = Url::parse(&self.redirect_url(plugin))
            .map_err(|error| Failure::internal(format!("the public URL makes no redirect URL: {error}")))?;
        let started = client.authorize(&redirect, &caller.actor.to_string(), browser)?;
        let expires_at = started.pending.expires_at;
        let detail = json!({ "scopes": started.pending.scopes, "expires_at": expires_at });
        let entry = self.audit(caller.org, caller.actor, "connection.authorize", plugin, detail);
        let mut tx = self.database.begin().await?;
        // the org's data key is made with the first thing that is sealed
        tx.org(caller.org).lock().await?;
        let place = pending_place(&started.state);
        let sealed = self.vault.seal_text(&mut tx.org(caller.org), place, &started.pending.to_secret()).await?;
        let row = SealedAuthorization {
            org: caller.org,
            plugin: plugin.clone(),
            state: *started.state.as_bytes(),
            sealed,
            expires_at,
        };
        tx.org(caller.org).oauth_authorizations().insert(&row).await?;
        tx.org(caller.org).audit().append(&entry).await?;
        tx.commit().await?;
        let authorization = Authorization::Pending { url: started.url, expires_at };
        Ok(Begun { authorization, nonce: started.nonce })
    }

    /// Stores what an authorization gave. What cannot be stored is given back to the vendor: nobody could do it later.
    /// What was there before is not given back, because with many vendors that would end the new tokens too.
    pub(crate) async fn connected(
        &self,
        org: OrgId,
        plugin: &PluginId,
        client: &OauthClient,
        mut granted: Tokens,
        actor: Actor,
    ) -> Result<(), Failure> {
        match client.account(&granted).await {
            Ok(account) => granted.account = account,
            Err(error) => tracing::info!(%plugin, %org, %error, "the account's name is not known"),
        }
        let stored = self.store_granted(org, plugin, client.client_id(), &granted, actor).await;
        if stored.is_err()
            && let Err(error) = client.revoke(&granted).await
        {
            tracing::warn!(%plugin, %org, %error, "tokens that were not stored could not be revoked");
        }
        stored?;
        let key = (org, plugin.clone());
        self.tenants.invalidate(&key).await;
        self.refresher.forget(&key);
        // an open connection to a vendor may be logged in with what no longer counts
        self.egress.forget_org(org);
        Ok(())
    }

    async fn store_granted(
        &self,
        org: OrgId,
        plugin: &PluginId,
        client_id: &str,
        granted: &Tokens,
        actor: Actor,
    ) -> Result<(), Failure> {
        let now = self.clock.now();
        let detail = json!({
            "grant": granted.grant, "scopes": granted.scopes, "account": granted.account, "client_id": client_id,
        });
        let entry = self.audit(org, actor, "connection.authorized", plugin, detail);
        let mut tx = self.database.begin().await?;
        // no other hub makes the connection or the org's data key meanwhile
        tx.org(org).lock().await?;
        self.settle_connect_session(&mut tx, org, actor, plugin).await?;
        if tx.org(org).connections().get(plugin).await?.is_none() {
            // The tokens hang on it, and the other credentials may follow.
            let id = ConnectionId::new(&*self.clock, &*self.random);
            let sealed = self.vault.seal_connection(&mut tx.org(org), id, plugin, &Default::default()).await?;
            let connection = SealedConnection {
                id,
                org,
                plugin: plugin.clone(),
                credentials: Vec::new(),
                account: None,
                sealed,
                created_at: now,
                updated_at: now,
            };
            tx.org(org).connections().put(&connection).await?;
        }
        let mut row = SealedTokens {
            org,
            plugin: plugin.clone(),
            sealed: tokens::seal(&self.vault, &mut tx.org(org), plugin, granted).await?,
            // Above all versions that this connection had before it was deleted: nobody mistakes it for one of those.
            version: u64::try_from(now.timestamp_micros()).unwrap_or_default(),
            client_id: client_id.to_owned(),
            granted_by: granted.grant.as_str().to_owned(),
            scopes: Vec::new(),
            account_id: None,
            account_name: None,
            expires_at: None,
            refused: None,
            authorized_at: now,
            renewed_at: now,
        };
        tokens::describe(&mut row, granted);
        tx.org(org).oauth_tokens().put(&row).await?;
        tell_of(&mut tx, org, plugin).await?;
        tx.org(org).audit().append(&entry).await?;
        Ok(tx.commit().await?)
    }

    /// Ends tokens of a connection that is gone, and says in the audit log what came of it.
    pub(crate) async fn revoke(&self, org: OrgId, plugin: &PluginId, client_id: &str, ended: &Tokens, actor: Actor) {
        let outcome = match self.oauth_client_of(org, plugin).await {
            Err(failure) => Err(failure.to_string()),
            Ok(client) if client.client_id() != client_id => Err("another client got the tokens".to_owned()),
            Ok(client) => client.revoke(ended).await.map_err(|error| error.to_string()),
        };
        if let Err(error) = &outcome {
            tracing::warn!(%plugin, %org, error, "tokens were not revoked");
        }
        let detail = match outcome {
            Ok(revoked) => json!({ "revoked": revoked }),
            Err(error) => json!({ "revoked": false, "error": error }),
        };
        let entry = self.audit(org, actor, "connection.revoke", plugin, detail);
        let write = async {
            let mut tx = self.database.begin().await?;
            tx.org(org).audit().append(&entry).await?;
            tx.commit().await
        };
        if let Err(error) = write.await {
            tracing::warn!(%plugin, %org, %error, "what came of a revocation is not in the audit log");
        }
    }

    /// Opens what waited for a browser.
    pub(crate) async fn open_pending(
        &self,
        tx: &mut patchbay_storage::OrgTx<'_>,
        row: &SealedAuthorization,
        state: &StateHash,
    ) -> Result<SecretString, Failure> {
        Ok(self.vault.open_text(tx, pending_place(state), &row.sealed).await?)
    }
}

fn pending_place(state: &StateHash) -> TextPlace<'_> {
    TextPlace { table: "oauth_authorization", row: state.as_bytes() }
}
