//! An authorization as the API shows it: never a token.

use patchbay_model::{Failure, PluginId, Timestamp, oauth::SealedTokens};
use patchbay_storage::OrgTx;
use serde::Serialize;

use crate::hub::Inner;

/// How an authorization stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OauthState {
    /// The hub keeps its tokens good.
    Connected,
    /// Only a person can help: the vendor takes the tokens no more, or the client that got them is not the hub's now.
    ReauthorizationNeeded,
}

/// Whose registration at the vendor a client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientOwner {
    /// The org's own.
    Organization,
    /// The operator's, for all orgs that have none.
    Operator,
}

/// A connection's authorization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OauthView {
    /// How it stands.
    pub state: OauthState,
    /// Why it must be authorized again, in the vendor's words.
    pub reason: Option<String>,
    /// Since when.
    pub refused_at: Option<Timestamp>,
    /// By which grant it was authorized.
    pub grant: String,
    /// What was granted.
    pub scopes: Vec<String>,
    /// What the plugin requires and was not granted.
    pub missing_scopes: Vec<String>,
    /// The vendor's id of the account.
    pub account_id: Option<String>,
    /// What people call the account.
    pub account_name: Option<String>,
    /// Through whose client; none if it is neither's now.
    pub client: Option<ClientOwner>,
    /// When the access token ends; the hub renews it before.
    pub expires_at: Option<Timestamp>,
    /// When it was authorized.
    pub authorized_at: Timestamp,
    /// When the vendor last gave tokens.
    pub renewed_at: Timestamp,
    /// A POST there, by somebody who may `manage_connections`, begins a new authorization.
    pub reconnect_url: String,
}

/// Where a new authorization begins. It carries no right: an event and its readers may know it.
pub(crate) fn reconnect_url(public_url: &str, plugin: &PluginId) -> String {
    format!("{}/v1/connections/{plugin}/authorize", public_url.trim_end_matches('/'))
}

impl Inner {
    /// The authorization of an org's connection, if there is one.
    pub(crate) async fn oauth_view(
        &self,
        tx: &mut OrgTx<'_>,
        plugin: &PluginId,
        required: &[String],
    ) -> Result<Option<OauthView>, Failure> {
        let Some(row) = tx.oauth_tokens().get(plugin).await? else { return Ok(None) };
        let own = tx.oauth_clients().get(plugin).await?.map(|own| own.client_id);
        let client = match &own {
            Some(own) => (*own == row.client_id).then_some(ClientOwner::Organization),
            None => {
                let operators = self.config.oauth_clients.get(plugin.as_str());
                operators.is_some_and(|known| known.client_id == row.client_id).then_some(ClientOwner::Operator)
            }
        };
        let SealedTokens { refused, granted_by, scopes, account_id, account_name, expires_at, .. } = row;
        let state = if refused.is_none() && client.is_some() {
            OauthState::Connected
        } else {
            OauthState::ReauthorizationNeeded
        };
        let refused_at = refused.as_ref().map(|refused| refused.at);
        Ok(Some(OauthView {
            state,
            reason: refused.map(|refused| refused.reason),
            refused_at,
            grant: granted_by,
            missing_scopes: required.iter().filter(|scope| !scopes.contains(scope)).cloned().collect(),
            scopes,
            account_id,
            account_name,
            client,
            expires_at,
            authorized_at: row.authorized_at,
            renewed_at: row.renewed_at,
            reconnect_url: reconnect_url(&self.config.public_url, plugin),
        }))
    }
}
