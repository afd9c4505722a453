//! `PUT /v1/connections/{plugin}`

use std::collections::BTreeMap;

use axum::{Json as Reply, extract::State};
use patchbay_hub::{Hub, PutConnection};
use patchbay_model::PluginId;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use crate::{
    extract::{Allowed, Json, ManageConnections, Path},
    problem::Problem,
    view::Connection,
};

/// Credentials as they should be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConnectionInput {
    /// Secrets by the names that the plugin's manifest gives them.
    #[serde(deserialize_with = "secrets")]
    #[schema(value_type = BTreeMap<String, String>, example = json!({"api_key": "sk-…"}))]
    credentials: BTreeMap<String, SecretString>,
    /// How the vendor calls the account, for people.
    account: Option<String>,
    /// For how many seconds the credentials that were there before stay valid for checking webhooks.
    keep_previous_for_s: Option<u64>,
}

/// Connect a plugin or change its credentials
#[utoipa::path(
    put,
    path = "/v1/connections/{plugin}",
    tag = "Connections",
    security(("api_key" = ["manage_connections"])),
    params(("plugin" = String, Path, description = "The plugin's id", example = "openai")),
    request_body = ConnectionInput,
    responses((status = 200, description = "The connection as it is now", body = Connection))
)]
pub(crate) async fn put_connection(
    caller: Allowed<ManageConnections>,
    State(hub): State<Hub>,
    Path(plugin): Path<PluginId>,
    Json(input): Json<ConnectionInput>,
) -> Result<Reply<Connection>, Problem> {
    let ConnectionInput { credentials, account, keep_previous_for_s } = input;
    let put = PutConnection { credentials, account, keep_previous_for_s };
    Ok(Reply(hub.put_connection(&caller, &plugin, put).await?.into()))
}

/// Named secrets in a body.
pub(super) fn secrets<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, SecretString>, D::Error> {
    let plain = BTreeMap::<String, String>::deserialize(deserializer)?;
    Ok(plain.into_iter().map(|(name, secret)| (name, SecretString::from(secret))).collect())
}
