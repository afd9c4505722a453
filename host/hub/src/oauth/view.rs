//! An authorization as the API shows it: never a token.

use std::collections::BTreeMap;

use patchbay_model::{
    Failure, PluginId, Timestamp,
    oauth::{Failing, FailingKind, SealedTokens},
};
use patchbay_oauth::Parties;
use patchbay_storage::OrgTx;
use serde::Serialize;

use super::tokens;
use crate::hub::Inner;

/// How an authorization stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OauthState {
    /// The hub keeps its tokens good.
    Connected,
    /// As connected, but a person left out what the plugin requires.
    Incomplete,
    /// The vendor does not accept the hub as its client: whoever registered it must put it right. The hub tries again.
    ClientRejected,
    /// The vendor refuses a grant that needs nobody's consent. The hub tries again.
    GrantRefused,
    /// Only a person can help: the vendor takes the tokens no more, or they came by another client or from another token
    /// endpoint than there is now.
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
    /// Why it is not connected, in the vendor's words.
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
    /// What the manifest has kept of the vendor's answer. No secrets.
    pub kept: BTreeMap<String, String>,
    /// When it was authorized.
    pub authorized_at: Timestamp,
    /// When the vendor last gave tokens.
    pub renewed_at: Timestamp,
    /// A page for a person, who brings the same account back there. It ends with this authorization.
    pub reconnect_url: String,
}

impl Inner {
    /// The authorization of an org's connection, if there is one. `now` is between whom the org would be authorized now.
    pub(crate) async fn oauth_view(
        &self,
        tx: &mut OrgTx<'_>,
        plugin: &PluginId,
        required: &[String],
        now: Option<&Parties>,
    ) -> Result<Option<OauthView>, Failure> {
        let Some(row) = tx.oauth_tokens().get(plugin).await? else { return Ok(None) };
        // What cannot be read is as good as what the vendor refuses.
        let stored = tokens::open(&self.vault, tx, &row).await.ok();
        let same = stored.as_ref().is_some_and(|stored| now == Some(&stored.tokens.parties));
        let client = match tx.oauth_clients().get(plugin).await? {
            _ if !same => None,
            Some(_) => Some(ClientOwner::Organization),
            None => Some(ClientOwner::Operator),
        };
        let kept = stored.map(|stored| stored.tokens.kept.clone()).unwrap_or_default();
        let SealedTokens { refused, failing, granted_by, scopes, account_id, account_name, expires_at, .. } = row;
        let missing_scopes: Vec<_> = required.iter().filter(|scope| !scopes.contains(scope)).cloned().collect();
        let (state, why) = match (refused, failing) {
            (Some(refused), _) => (OauthState::ReauthorizationNeeded, Some((refused.reason, refused.at))),
            _ if !same => (OauthState::ReauthorizationNeeded, None),
            (None, Some(Failing { kind, reason, at })) => {
                let state = match kind {
                    FailingKind::ClientRejected => OauthState::ClientRejected,
                    FailingKind::GrantRefused => OauthState::GrantRefused,
                };
                (state, Some((reason, at)))
            }
            (None, None) if !missing_scopes.is_empty() => (OauthState::Incomplete, None),
            (None, None) => (OauthState::Connected, None),
        };
        let (reason, refused_at) = why.unzip();
        Ok(Some(OauthView {
            state,
            reason,
            refused_at,
            grant: granted_by,
            missing_scopes,
            scopes,
            kept,
            account_id,
            account_name,
            client,
            expires_at,
            authorized_at: row.authorized_at,
            renewed_at: row.renewed_at,
            reconnect_url: self.links.reconnect(row.org, plugin, row.authorized_at),
        }))
    }
}
