//! Authorizations by OAuth, without the tokens.

use std::collections::BTreeMap;

use patchbay_hub::{ClientOwner, ClientView, OauthState, OauthView};
use patchbay_model::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// How a connection is authorized by OAuth. Tokens never come out.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Oauth {
    /// `connected`; `incomplete`: a person left out what the plugin requires; `reauthorization_needed`: only a person can
    /// help; `client_rejected`: the vendor does not accept the client, whose registration must be put right;
    /// `grant_refused`: the vendor refuses a grant that needs nobody's consent. In the last two cases the hub tries again.
    #[schema(value_type = String, example = "connected")]
    state: OauthState,
    /// Why it is not connected, by what the vendor said.
    reason: Option<String>,
    /// Since when.
    #[schema(value_type = Option<String>, format = DateTime)]
    refused_at: Option<Timestamp>,
    /// By which grant it was authorized.
    #[schema(example = "authorization-code")]
    grant: String,
    /// What was granted.
    scopes: Vec<String>,
    /// What the plugin requires and was not granted.
    missing_scopes: Vec<String>,
    /// Whose account it is.
    account: Account,
    /// Whose client got the tokens: `organization` or `operator`; null if that client is not used any more.
    #[schema(value_type = Option<String>, example = "operator")]
    client: Option<ClientOwner>,
    /// What the plugin's manifest has kept of the vendor's answer, as its address of the account. No secrets.
    kept: BTreeMap<String, String>,
    /// When the access token ends; the hub renews it before.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// When it was authorized.
    #[schema(value_type = String, format = DateTime)]
    authorized_at: Timestamp,
    /// When the vendor last gave tokens.
    #[schema(value_type = String, format = DateTime)]
    renewed_at: Timestamp,
    /// A page for a person, who brings the same account back there. It ends when the connection is authorized anew.
    reconnect_url: String,
}

/// An account at a vendor.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ConnectedAccount)]
struct Account {
    /// What stays the same.
    id: Option<String>,
    /// What people call it.
    name: Option<String>,
}

impl From<OauthView> for Oauth {
    fn from(view: OauthView) -> Self {
        let OauthView {
            state,
            reason,
            refused_at,
            grant,
            scopes,
            missing_scopes,
            account_id: id,
            account_name: name,
            client,
            kept,
            expires_at,
            authorized_at,
            renewed_at,
            reconnect_url,
        } = view;
        let account = Account { id, name };
        Self {
            state,
            reason,
            refused_at,
            grant,
            scopes,
            missing_scopes,
            account,
            client,
            kept,
            expires_at,
            authorized_at,
            renewed_at,
            reconnect_url,
        }
    }
}

/// The hub's client at a vendor. Its secret and key never come out.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OauthClient {
    /// `organization` or `operator`; null if there is no client yet.
    #[schema(value_type = Option<String>, example = "organization")]
    owner: Option<ClientOwner>,
    /// The id of the organization's own client.
    client_id: Option<String>,
    /// Register this at the vendor: it sends browsers back there.
    redirect_url: String,
    /// When the organization registered its own.
    #[schema(value_type = Option<String>, format = DateTime)]
    created_at: Option<Timestamp>,
    /// When it last changed.
    #[schema(value_type = Option<String>, format = DateTime)]
    updated_at: Option<Timestamp>,
}

impl From<ClientView> for OauthClient {
    fn from(view: ClientView) -> Self {
        let ClientView { owner, client_id, redirect_url, created_at, updated_at } = view;
        Self { owner, client_id, redirect_url, created_at, updated_at }
    }
}
