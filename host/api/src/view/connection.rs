//! An org's credentials for a plugin, without the secrets.

use patchbay_hub::ConnectionView;
use patchbay_model::{ConnectionId, PluginId, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::Oauth;

/// What is connected. Secrets go in and never come out.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Connection {
    /// Its id.
    #[schema(value_type = String)]
    id: ConnectionId,
    /// For which plugin.
    #[schema(value_type = String, example = "openai")]
    plugin: PluginId,
    /// Names of the credentials that have a value, the one that OAuth fills included.
    credentials: Vec<String>,
    /// How the vendor calls the account.
    account: Option<String>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When its credentials were last put.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    /// How it is authorized by OAuth, if it is.
    oauth: Option<Oauth>,
}

impl From<ConnectionView> for Connection {
    fn from(view: ConnectionView) -> Self {
        let ConnectionView { id, plugin, credentials, account, created_at, updated_at, oauth } = view;
        let oauth = oauth.map(Oauth::from);
        Self { id, plugin, credentials, account, created_at, updated_at, oauth }
    }
}
