//! The hub's client at a vendor: the org's own where it has one, else the operator's.

use std::{fmt, sync::Arc};

use patchbay_model::{Code, Failure, OrgId, Permission, PluginId, Timestamp, oauth::SealedClient};
use patchbay_oauth::{OauthClient, Parties, Provider, RegisteredClient, SetupError};
use patchbay_package::{Manifest, manifest::oauth::Grant};
use patchbay_runtime::Plugin;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::{tokens, view::ClientOwner};
use crate::{
    auth::Caller,
    connections::tell_of,
    hub::{Hub, Inner},
    plans::catalogue::Feature,
};

/// The longest text of a client, in bytes.
const MOST_BYTES: usize = 16 * 1024;

/// A client that an org registered at a vendor.
pub struct PutClient {
    /// What the vendor gave, and what the manifest's section needs beside it.
    pub client: RegisteredClient,
}

impl fmt::Debug for PutClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PutClient").field(&self.client.client_id).finish()
    }
}

/// A client at a vendor as the API shows it: never its secret or key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientView {
    /// Whose registration it is; none if there is no client yet.
    pub owner: Option<ClientOwner>,
    /// Its id at the vendor; the operator's is not shown to orgs.
    pub client_id: Option<String>,
    /// Where the vendor shall send browsers back to: to be registered there.
    pub redirect_url: String,
    /// When the org registered its own.
    pub created_at: Option<Timestamp>,
    /// When it last changed.
    pub updated_at: Option<Timestamp>,
}

impl Hub {
    /// Which client connects the org to a plugin's vendor. Needs the permission `read_settings`; `conflict` for a plugin without
    /// OAuth.
    pub async fn oauth_client(&self, caller: &Caller, plugin: &PluginId) -> Result<ClientView, Failure> {
        caller.require(Permission::ReadSettings)?;
        let hub = &*self.0;
        hub.oauth_version_of(caller.org, plugin).await?;
        let mut tx = hub.database.read().await?;
        let own = tx.org(caller.org).oauth_clients().get(plugin).await?;
        Ok(hub.client_view(plugin, own.as_ref()))
    }

    /// Registers the org's own client in place of the operator's. Needs the permission `manage_connections`;
    /// `invalid_input` if it lacks what each of the plugin's grants calls for. Tokens that another client got are good until they end; then the connection
    /// must be authorized again.
    pub async fn put_oauth_client(
        &self,
        caller: &Caller,
        plugin: &PluginId,
        put: PutClient,
    ) -> Result<ClientView, Failure> {
        caller.require(Permission::ManageConnections)?;
        let hub = &*self.0;
        hub.running()?;
        hub.require_feature(caller.org, Feature::OwnOauthClient).await?;
        let version = hub.oauth_version_of(caller.org, plugin).await?;
        let PutClient { client } = put;
        check_lengths(&client)?;
        if let Some(oauth) = &version.manifest().oauth {
            client.registration(oauth, None).map_err(|error| Failure::violation("", error.to_string()))?;
        }
        let now = hub.clock.now();
        let mut tx = hub.database.begin().await?;
        // the org's data key is made with the first thing that is sealed
        tx.org(caller.org).lock().await?;
        let before = tx.org(caller.org).oauth_clients().get(plugin).await?;
        let sealed = SealedClient {
            org: caller.org,
            plugin: plugin.clone(),
            client_id: client.client_id.clone(),
            sealed: tokens::seal_client(&hub.vault, &mut tx.org(caller.org), plugin, &client).await?,
            created_at: before.as_ref().map_or(now, |before| before.created_at),
            updated_at: now,
        };
        let detail =
            json!({ "old": before.map(|before| before.client_id), "new": sealed.client_id, "subject": client.subject });
        let entry = hub.audit(caller.org, caller.actor, "connection.client.put", plugin, detail);
        tx.org(caller.org).oauth_clients().put(&sealed).await?;
        tell_of(&mut tx, caller.org, plugin).await?;
        tx.org(caller.org).audit().append(&entry).await?;
        tx.commit().await?;
        hub.client_changed(caller.org, plugin).await;
        Ok(hub.client_view(plugin, Some(&sealed)))
    }

    /// Forgets the org's own client. Needs the permission `manage_connections`; `not_found` if it has none.
    pub async fn delete_oauth_client(&self, caller: &Caller, plugin: &PluginId) -> Result<(), Failure> {
        caller.require(Permission::ManageConnections)?;
        let hub = &*self.0;
        let entry = hub.audit(caller.org, caller.actor, "connection.client.delete", plugin, json!({}));
        let mut tx = hub.database.begin().await?;
        if !tx.org(caller.org).oauth_clients().delete(plugin).await? {
            let detail = format!("the organization has no client of its own for the plugin `{plugin}`");
            return Err(Failure::new(Code::NotFound, detail));
        }
        tell_of(&mut tx, caller.org, plugin).await?;
        tx.org(caller.org).audit().append(&entry).await?;
        tx.commit().await?;
        hub.client_changed(caller.org, plugin).await;
        Ok(())
    }
}

impl Inner {
    async fn client_changed(&self, org: OrgId, plugin: &PluginId) {
        let key = (org, plugin.clone());
        self.tenants.invalidate(&key).await;
        // what the vendor refused of the former client says nothing of this one
        self.refresher.wake(&key);
    }

    /// Where the vendor of a plugin sends browsers back to. A URL per plugin: an answer of one vendor that is meant to
    /// look like another's arrives at the wrong one (RFC 9700, 4.4).
    pub(crate) fn redirect_url(&self, plugin: &PluginId) -> String {
        self.config.public(&format!("/oauth/callback/{plugin}"))
    }

    /// One org's client of a manifest's vendor.
    pub(crate) fn oauth_client(
        &self,
        org: OrgId,
        manifest: &Manifest,
        settings: &Value,
        registered: &RegisteredClient,
        grant: Option<Grant>,
    ) -> Result<OauthClient, Failure> {
        let failed = |error: SetupError| match error {
            SetupError::NotDeclared(_) | SetupError::Grant(_) => Failure::new(Code::Conflict, error.to_string()),
            error => Failure::new(Code::ConnectionMissing, error.to_string()),
        };
        let provider = Provider::new(manifest, settings).map_err(failed)?;
        let registration = registered.registration(provider.oauth(), grant).map_err(failed)?;
        OauthClient::new(self.oauth_net.clone(), org, provider.into(), registration.into()).map_err(failed)
    }

    /// The org's client for what the plugin's manifest and the org's settings say now. `grant` is what it is for, if that is
    /// known.
    pub(crate) async fn oauth_client_of(
        &self,
        org: OrgId,
        plugin: &PluginId,
        grant: Option<Grant>,
    ) -> Result<OauthClient, Failure> {
        let version = self.oauth_version_of(org, plugin).await?;
        let installed = self.installed(org, plugin).await?;
        let settings = installed.as_ref().map_or_else(|| json!({}), |one| one.settings.installation.config.clone());
        let mut tx = self.database.read().await?;
        let own = match tx.org(org).oauth_clients().get(plugin).await? {
            None => None,
            Some(row) => Some(tokens::open_client(&self.vault, &mut tx.org(org), &row).await?),
        };
        drop(tx);
        self.oauth_client(org, version.manifest(), &settings, self.registered(plugin, own.as_ref(), grant)?, grant)
    }

    /// The grants that the plugin lists.
    pub(crate) async fn oauth_grants_of(&self, org: OrgId, plugin: &PluginId) -> Result<Vec<Grant>, Failure> {
        let version = self.oauth_version_of(org, plugin).await?;
        Ok(version.manifest().oauth.as_ref().map(|oauth| oauth.grants.clone()).unwrap_or_default())
    }

    /// Between whom the org's connection would be authorized now; nothing where that is not possible.
    pub(crate) async fn parties_of(&self, org: OrgId, plugin: &PluginId) -> Option<Parties> {
        Some(self.oauth_client_of(org, plugin, None).await.ok()?.parties())
    }

    /// The version whose manifest says how the plugin is authorized: the one that serves the org, or would. One that the
    /// org's admin has not approved says nothing here: it could name other endpoints.
    async fn oauth_version_of(&self, org: OrgId, plugin: &PluginId) -> Result<Arc<Plugin>, Failure> {
        let version = match self.installed(org, plugin).await? {
            Some(installed) if installed.serving().is_none() => {
                let within = self.registry.catalogue().choice_within(&installed.settings.installation).cloned();
                within.ok_or_else(|| {
                    let detail = format!("no version of `{plugin}` that was approved is loaded: see the installation");
                    Failure::new(Code::Conflict, detail)
                })?
            }
            _ => self.version_of(org, plugin).await?,
        };
        if version.manifest().oauth.is_none() {
            let detail = format!("the plugin `{plugin}` does not connect by OAuth: PUT /v1/connections/{plugin}");
            return Err(Failure::new(Code::Conflict, detail));
        }
        Ok(version)
    }

    fn client_view(&self, plugin: &PluginId, own: Option<&SealedClient>) -> ClientView {
        let operator = self.config.oauth_clients.contains_key(plugin.as_str());
        let owner = match own {
            Some(_) => Some(ClientOwner::Organization),
            None => operator.then_some(ClientOwner::Operator),
        };
        ClientView {
            owner,
            client_id: own.map(|own| own.client_id.clone()),
            redirect_url: self.redirect_url(plugin),
            created_at: own.map(|own| own.created_at),
            updated_at: own.map(|own| own.updated_at),
        }
    }
}

fn check_lengths(client: &RegisteredClient) -> Result<(), Failure> {
    let secret = |secret: &Option<SecretString>| secret.as_ref().map(|secret| secret.expose_secret().len());
    let text = |text: &Option<String>| text.as_ref().map(String::len);
    for (pointer, length) in [
        ("/client_id", Some(client.client_id.len())),
        ("/client_secret", secret(&client.secret)),
        ("/private_key", secret(&client.private_key)),
        ("/key_id", text(&client.key_id)),
        ("/issuer", text(&client.issuer)),
        ("/subject", text(&client.subject)),
    ] {
        if length.is_some_and(|length| !(1..=MOST_BYTES).contains(&length)) {
            return Err(Failure::violation(pointer, format!("1 to {MOST_BYTES} bytes")));
        }
    }
    Ok(())
}
