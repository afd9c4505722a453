//! Connect sessions: the right of an org's end user to connect one account, and nothing else.
//!
//! A program of the org begins one for an end user and hands them its token. With it their browser learns what can be connected
//! and connects it, by credentials or by OAuth. The first account that is connected settles the session, in the transaction that
//! stores the credentials, so that of two that come at once one counts.

use std::collections::BTreeMap;

use chrono::Duration;
use patchbay_model::{
    Code, ConnectSessionId, Failure, OrgId, Permission, PluginId, Timestamp,
    identity::{Actor, ConnectSession},
};
use patchbay_package::manifest::oauth::Grant;
use patchbay_storage::Tx;
use patchbay_vault::TokenKind;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use crate::{
    auth::{Caller, connect_session_of},
    connections::PutConnection,
    hub::{Hub, Inner},
    oauth::{Begun, Browser},
    orgs::check_text,
    queries::not_found,
    registry::view::{CredentialDoc, credential_docs},
};

/// The longest that one lasts, and how long it does if nothing is said.
const LONGEST: u64 = 3600;
const USUAL: u64 = 900;
/// How many plugins an end user can be let choose from.
const MOST_PLUGINS: usize = 50;

/// What a connect session shall be.
#[derive(Debug, Clone)]
pub struct NewConnectSession {
    /// The end user connects one of these; 1 to 50.
    pub plugins: Vec<PluginId>,
    /// Who the end user is to the org; 1 to 200 characters.
    pub end_user: String,
    /// What the connection's account shall be called, if the vendor does not say; 1 to 200 characters.
    pub account: Option<String>,
    /// How long it lasts, in seconds: at most an hour; 15 minutes if not said.
    pub expires_in_s: Option<u64>,
}

/// A connect session as its end user sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectView {
    /// The session.
    pub session: ConnectSession,
    /// The name of the org.
    pub organization: String,
    /// What can be connected.
    pub plugins: Vec<Connectable>,
}

/// A plugin that can be connected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connectable {
    /// Its id.
    pub plugin: PluginId,
    /// What people call it.
    pub name: String,
    /// What it takes.
    pub credentials: Vec<CredentialDoc>,
    /// It can be authorized at the vendor instead.
    pub oauth: bool,
}

impl Hub {
    /// Begins a connect session. The token is given here and never again. Needs the permission `manage_connect_sessions`;
    /// `invalid_input` for a plugin that there is not.
    pub async fn create_connect_session(
        &self,
        caller: &Caller,
        new: NewConnectSession,
    ) -> Result<(ConnectSession, SecretString), Failure> {
        caller.require(Permission::ManageConnectSessions)?;
        let hub = &*self.0;
        check_text("/end_user", &new.end_user, 200)?;
        if let Some(account) = &new.account {
            check_text("/account", account, 200)?;
        }
        if !(1..=MOST_PLUGINS).contains(&new.plugins.len()) {
            return Err(Failure::violation("/plugins", format!("1 to {MOST_PLUGINS} plugins")));
        }
        for (index, plugin) in new.plugins.iter().enumerate() {
            if hub.version_of(caller.org, plugin).await.is_err() {
                return Err(Failure::violation(format!("/plugins/{index}"), "a plugin that the hub has loaded"));
            }
        }
        let lifetime = new.expires_in_s.unwrap_or(USUAL);
        if !(1..=LONGEST).contains(&lifetime) {
            return Err(Failure::violation("/expires_in_seconds", format!("1 to {LONGEST}")));
        }
        let now = hub.clock.now();
        let session = ConnectSession {
            id: ConnectSessionId::new(&*hub.clock, &*hub.random),
            org: caller.org,
            plugins: new.plugins,
            end_user: new.end_user,
            account: new.account,
            made_by: caller.actor.to_string(),
            created_at: now,
            expires_at: now + Duration::seconds(i64::try_from(lifetime).unwrap_or_default()),
            connected: None,
        };
        let token = TokenKind::Connect.generate(&*hub.random);
        let hash = hub.hasher.hash(token.expose_secret());
        let detail = json!({
            "plugins": session.plugins, "end_user": session.end_user, "expires_at": session.expires_at,
        });
        let entry = hub.audit(caller.org, caller.actor, "connect_session.create", session.id, detail);
        let mut tx = hub.database.begin().await?;
        tx.org(caller.org).connect_sessions().insert(&session, &hash).await?;
        tx.org(caller.org).audit().append(&entry).await?;
        tx.commit().await?;
        Ok((session, token))
    }

    /// A connect session of the org, for a day after its end; `not_found` for another org's. Needs the permission
    /// `manage_connect_sessions`.
    pub async fn connect_session(&self, caller: &Caller, id: ConnectSessionId) -> Result<ConnectSession, Failure> {
        caller.require(Permission::ManageConnectSessions)?;
        let mut tx = self.0.database.read().await?;
        tx.org(caller.org).connect_sessions().get(id).await?.ok_or_else(|| not_found("connect session"))
    }

    /// Ends a connect session before its time; what it connected stays. Needs the permission `manage_connect_sessions`.
    pub async fn end_connect_session(&self, caller: &Caller, id: ConnectSessionId) -> Result<(), Failure> {
        caller.require(Permission::ManageConnectSessions)?;
        let hub = &*self.0;
        let entry = hub.audit(caller.org, caller.actor, "connect_session.end", id, json!({}));
        let mut tx = hub.database.begin().await?;
        if !tx.org(caller.org).connect_sessions().delete(id).await? {
            return Err(not_found("connect session"));
        }
        tx.org(caller.org).audit().append(&entry).await?;
        Ok(tx.commit().await?)
    }

    /// What an end user can connect, and what they have connected. For connect sessions alone.
    pub async fn connectable(&self, caller: &Caller) -> Result<ConnectView, Failure> {
        let hub = &*self.0;
        let session = hub.own_connect_session(caller).await?;
        let mut plugins = Vec::with_capacity(session.plugins.len());
        for plugin in &session.plugins {
            // one that was taken away meanwhile is left out
            let Ok(version) = hub.version_of(caller.org, plugin).await else { continue };
            let manifest = version.manifest();
            plugins.push(Connectable {
                plugin: plugin.clone(),
                name: manifest.name.clone(),
                credentials: credential_docs(manifest),
                oauth: manifest.oauth.as_ref().is_some_and(|oauth| oauth.grants.contains(&Grant::AuthorizationCode)),
            });
        }
        let mut tx = hub.database.read().await?;
        let organization = tx.hub().org(caller.org).await?.map(|org| org.name).unwrap_or_default();
        Ok(ConnectView { session, organization, plugins })
    }

    /// Connects an account by credentials. For connect sessions alone; `not_found` for a plugin that the session is not for,
    /// `conflict` if it has connected an account, and as of [`Hub::put_connection`].
    pub async fn connect_by_credentials(
        &self,
        caller: &Caller,
        plugin: &PluginId,
        credentials: BTreeMap<String, SecretString>,
    ) -> Result<Timestamp, Failure> {
        let session = self.0.open_connect_session(caller, plugin).await?;
        let put = PutConnection { credentials, account: session.account, keep_previous_for_s: None };
        Ok(self.store_connection(caller, plugin, put).await?.updated_at)
    }

    /// Begins to connect an account by the vendor's consent. For connect sessions alone; `not_found` for a plugin that the
    /// session is not for, `conflict` if it has connected an account, and as of [`Hub::authorize_connection`].
    pub async fn connect_by_consent(
        &self,
        caller: &Caller,
        plugin: &PluginId,
        browser: Browser<'_>,
    ) -> Result<Begun, Failure> {
        self.0.open_connect_session(caller, plugin).await?;
        self.begin_consent(caller, plugin, browser).await
    }
}

impl Inner {
    async fn own_connect_session(&self, caller: &Caller) -> Result<ConnectSession, Failure> {
        let id = connect_session_of(caller)?;
        let mut tx = self.database.read().await?;
        let found = tx.org(caller.org).connect_sessions().get(id).await?;
        found.ok_or_else(|| Failure::new(Code::Unauthenticated, "the connect session has ended: begin another"))
    }

    /// The caller's connect session, if it is for this plugin and has connected nothing yet.
    async fn open_connect_session(&self, caller: &Caller, plugin: &PluginId) -> Result<ConnectSession, Failure> {
        let session = self.own_connect_session(caller).await?;
        if !session.plugins.contains(plugin) {
            return Err(not_found("plugin in this connect session"));
        }
        if session.connected.is_some() {
            return Err(used_up());
        }
        Ok(session)
    }

    /// Notes that a connect session has connected its account, if that is who does it. In the transaction that stores the
    /// connection.
    pub(crate) async fn settle_connect_session(
        &self,
        tx: &mut Tx,
        org: OrgId,
        actor: Actor,
        plugin: &PluginId,
    ) -> Result<(), Failure> {
        let Actor::Connect(id) = actor else { return Ok(()) };
        if tx.org(org).connect_sessions().settle(id, plugin, self.clock.now()).await? {
            return Ok(());
        }
        Err(used_up())
    }
}

fn used_up() -> Failure {
    Failure::new(Code::Conflict, "the connect session has connected an account already, or was ended: begin another")
}
