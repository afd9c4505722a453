//! How an authorization ends: the browser comes back from the vendor.
//!
//! Nobody is known here but by the state, which only the hub and that browser have seen. The row under its hash is
//! taken out of the database before anything else is done with the answer, so that an answer counts once, whatever
//! comes of it.

use patchbay_model::{Failure, OrgId, PluginId};
use patchbay_oauth::{Callback, CallbackError, Consent, Pending};
use secrecy::{ExposeSecret as _, SecretString};

use super::tokens::unreadable;
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

impl Hub {
    /// Takes the vendor's answer, from the query of the redirect to a plugin's URL, without its question mark. Goes on
    /// to its end also if the browser leaves: the code is spent by then. `nonce` is the browser's cookie, if it has one.
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
        let (org, asked_by, consent) = self.redeem(&plugin, callback, nonce.as_ref()).await?;
        let client = hub.oauth_client_of(org, &plugin).await?;
        let granted = client.exchange(consent).await?;
        let actor = asked_by.parse().unwrap_or(Actor::Hub);
        let account = granted.account.clone();
        hub.connected(org, &plugin, &client, granted, actor).await?;
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
    ) -> Result<(OrgId, String, Consent), Failure> {
        let hub = &*self.0;
        let state = callback.state();
        let mut tx = hub.database.begin().await?;
        let taken = tx.hub().take_oauth_authorization(state.as_bytes()).await?;
        let row = taken.ok_or_else(|| Failure::from(CallbackError::NotPending))?;
        let text = hub.open_pending(&mut tx.org(row.org), &row, &state).await;
        tx.commit().await?;
        let pending = Pending::from_secret(&text?).map_err(unreadable)?;
        let (org, asked_by) = (pending.org, pending.asked_by.clone());
        let consent = pending.redeem(callback, plugin, nonce.map(|nonce| nonce.expose_secret()), hub.clock.now())?;
        Ok((org, asked_by, consent))
    }
}
