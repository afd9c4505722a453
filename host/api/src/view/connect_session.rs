//! Connect sessions, for the org and for the end user.

use patchbay_hub::{ConnectView, Connectable as Available};
use patchbay_model::{
    ConnectSessionId, PluginId, Timestamp,
    identity::{self, Connected},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::plugin::Credential;

/// The right of an end user to connect one account. The token never comes out again.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConnectSession {
    /// Its id.
    #[schema(value_type = String, example = "csn_018f3c5e7d2a7c3b9f1e2d3c4b5a6978")]
    id: ConnectSessionId,
    /// One of these plugins.
    #[schema(value_type = Vec<String>, example = json!(["salesforce"]))]
    plugins: Vec<PluginId>,
    /// Who the end user is to the org.
    end_user: String,
    /// What the connection's account shall be called, if the vendor does not say.
    account: Option<String>,
    /// Who began it: a key's or a user's id.
    made_by: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// From when on it counts no more.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    /// For which plugin an account was connected; null: none yet.
    #[schema(value_type = Option<String>, example = "salesforce")]
    connected_plugin: Option<PluginId>,
    /// When it was connected.
    #[schema(value_type = Option<String>, format = DateTime)]
    connected_at: Option<Timestamp>,
}

impl From<identity::ConnectSession> for ConnectSession {
    fn from(session: identity::ConnectSession) -> Self {
        let identity::ConnectSession {
            id,
            org: _,
            plugins,
            end_user,
            account,
            made_by,
            created_at,
            expires_at,
            connected,
        } = session;
        let (connected_plugin, connected_at) = connected.map(|Connected { plugin, at }| (plugin, at)).unzip();
        Self { id, plugins, end_user, account, made_by, created_at, expires_at, connected_plugin, connected_at }
    }
}

/// A connect session that was just begun.
#[derive(Serialize, ToSchema)]
pub(crate) struct ConnectSessionReply {
    /// The session.
    pub(crate) session: ConnectSession,
    /// For the end user's browser. It is shown only now.
    #[schema(example = "pbc_…")]
    pub(crate) token: String,
    /// A page of the hub where the end user can connect.
    pub(crate) url: String,
}

/// What an end user can connect.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Connect {
    /// For which organization.
    organization: String,
    /// Until when.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    /// One of these can be connected.
    plugins: Vec<Connectable>,
    /// For which an account was connected; null: none yet.
    #[schema(value_type = Option<String>)]
    connected_plugin: Option<PluginId>,
    /// When.
    #[schema(value_type = Option<String>, format = DateTime)]
    connected_at: Option<Timestamp>,
}

/// A plugin that an end user can connect.
#[derive(Debug, Serialize, ToSchema)]
struct Connectable {
    /// Its id.
    #[schema(value_type = String, example = "salesforce")]
    plugin: PluginId,
    /// What people call it.
    name: String,
    /// What can be put.
    credentials: Vec<Credential>,
    /// It can be authorized at the vendor instead.
    oauth: bool,
}

impl From<ConnectView> for Connect {
    fn from(view: ConnectView) -> Self {
        let ConnectView { session, organization, plugins } = view;
        let (connected_plugin, connected_at) = session.connected.map(|Connected { plugin, at }| (plugin, at)).unzip();
        let plugins = plugins.into_iter().map(|Available { plugin, name, credentials, oauth }| Connectable {
            plugin,
            name,
            credentials: super::all(credentials),
            oauth,
        });
        Self {
            organization,
            expires_at: session.expires_at,
            plugins: plugins.collect(),
            connected_plugin,
            connected_at,
        }
    }
}
