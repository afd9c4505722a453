//! How an authorization ends: the browser comes back from the vendor.
//!
//! Nobody is known here but by the state and by the cookie of the browser that the hub sent to the vendor. The row under
//! the state's hash is taken out of the database before anything else is done with the answer, so that an answer counts
//! once, whatever comes of it.

use patchbay_model::{Failure, OrgId, PluginId, oauth::AuthorizationStage};
use patchbay_oauth::{Callback, CallbackError, Consent, Pending};
use patchbay_package::manifest::oauth::Grant;
use secrecy::{ExposeSecret as _, SecretString};

use super::{asker::asker, granted::Granted, tokens::unreadable};
use crate::{audit::Actor, hub::Hub, request::carried};

/// A connection that was just authorized, for the person at the browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorized {
    /// Of which plugin.
    pub plugin: PluginId,
    /// The name of the org that has it now.
    pub organization: String,
    /// What the vendor calls the account, if it says.
    pub account: Option<String>,
}

/// A consent, and what was settled when it was asked for.
struct Redeemed {
    org: OrgId,
    actor: Actor,
    account: Option<String>,
    consent: Consent,
}

impl Hub {
    /// Takes the vendor's answer, from the query of the redirect to a plugin's URL, without its question mark. Goes on
    /// to its end also if the browser leaves: the code is spent by then. `nonce` is what the browser has in its cookie.
    pub async fn complete_authorization(
        &self,
        plugin: &PluginId,
        query: &str,
        nonce: Option<&str>,
    ) -> Result<Authorized, Failure> {
        self.0.running()?;
        let callback = Callback::parse(query)?;
        let (hub, plugin, nonce) = (self.clone(), plugin.clone(), nonce.map(SecretString::from));
        let work = async move { hub.complete(plugin, callback, nonce).await };
        self.0.work.spawn(carried(work)).await.map_err(Failure::internal)?
    }

    async fn complete(
        &self,
        plugin: PluginId,
        callback: Callback,
        nonce: Option<SecretString>,
    ) -> Result<Authorized, Failure> {
        let hub = &*self.0;
        let Redeemed { org, actor, account: only, consent } = self.redeem(&plugin, callback, nonce.as_ref()).await?;
        let client = hub.oauth_client_of(org, &plugin, Some(Grant::AuthorizationCode)).await?;
        let tokens = client.exchange(consent).await?;
        let account = tokens.account.clone();
        hub.connected(Granted { org, plugin: &plugin, client: &client, tokens, actor, only }).await?;
        let mut tx = hub.database.read().await?;
        let row = tx.org(org).oauth_tokens().get(&plugin).await?;
        let organization = tx.hub().org(org).await?.map(|org| org.name).unwrap_or_default();
        let account = row.and_then(|row| row.account_name.or(row.account_id)).or(account.name);
        Ok(Authorized { plugin, organization, account })
    }

    async fn redeem(
        &self,
        plugin: &PluginId,
        callback: Callback,
        nonce: Option<&SecretString>,
    ) -> Result<Redeemed, Failure> {
        let hub = &*self.0;
        let (stage, state) = (AuthorizationStage::Browser, callback.state());
        // Anybody can come with whatever state: the one writer that there may be is not for them.
        let mut tx = hub.database.read().await?;
        let known = tx.hub().oauth_authorization(stage, state.as_bytes()).await?;
        drop(tx);
        known.ok_or(CallbackError::NotPending)?;
        let mut tx = hub.database.begin().await?;
        let row = tx.hub().take_oauth_authorization(stage, state.as_bytes()).await?;
        let row = row.ok_or(CallbackError::NotPending)?;
        let text = hub.open_authorization(&mut tx.org(row.org), &row).await;
        tx.commit().await?;
        let pending = Pending::from_secret(&text?).map_err(unreadable)?;
        let (org, asked_by, account) = (pending.org, pending.asked_by.clone(), pending.account.clone());
        let now = hub.clock.now();
        let consent = pending.redeem(callback, plugin, nonce.map(|nonce| nonce.expose_secret()), now)?;
        let mut tx = hub.database.read().await?;
        let actor = asker(&mut tx.org(org), &asked_by, now).await?.actor;
        Ok(Redeemed { org, actor, account, consent })
    }
}
