//! `PUT /v1/connect/{plugin}`

use std::collections::BTreeMap;

use axum::{Json as Reply, extract::State};
use patchbay_hub::Hub;
use patchbay_model::PluginId;
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

use super::put_connection::secrets;
use crate::{
    extract::{Allowed, ConnectAccount, Json, Path},
    problem::Problem,
    view::Connect,
};

/// The end user's credentials.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConnectInput {
    /// Secrets by the names that `GET /v1/connect` gives.
    #[serde(deserialize_with = "secrets")]
    #[schema(value_type = BTreeMap<String, String>, example = json!({"api_key": "sk-…"}))]
    credentials: BTreeMap<String, SecretString>,
}

/// Connect an account by credentials
///
/// For the token of a connect session, once. The secrets never come out again.
#[utoipa::path(
    put,
    path = "/v1/connect/{plugin}",
    tag = "Connect sessions",
    security(("connect_session" = ["connect_account"])),
    params(("plugin" = String, Path, description = "The plugin's id", example = "openai")),
    request_body = ConnectInput,
    responses((status = 200, description = "What is connected now", body = Connect))
)]
pub(crate) async fn put_connect(
    caller: Allowed<ConnectAccount>,
    State(hub): State<Hub>,
    Path(plugin): Path<PluginId>,
    Json(input): Json<ConnectInput>,
) -> Result<Reply<Connect>, Problem> {
    hub.connect_by_credentials(&caller, &plugin, input.credentials).await?;
    Ok(Reply(hub.connectable(&caller).await?.into()))
}
