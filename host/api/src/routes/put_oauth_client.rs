//! `PUT /v1/connections/{plugin}/client`

use axum::{Json as Reply, extract::State};
use patchbay_hub::{Hub, PutClient, RegisteredClient};
use patchbay_model::PluginId;
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    extract::{Allowed, Json, ManageConnections, Path, optional_secret},
    problem::Problem,
    view::OauthClient,
};

/// The organization's own client, as the vendor registered it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OauthClientInput {
    /// Its id at the vendor.
    client_id: String,
    /// Its secret, if the vendor gave one.
    #[serde(default, deserialize_with = "optional_secret")]
    #[schema(value_type = Option<String>)]
    client_secret: Option<SecretString>,
    /// Its private key in PEM (PKCS#8), if the vendor takes signed assertions.
    #[serde(default, deserialize_with = "optional_secret")]
    #[schema(value_type = Option<String>)]
    private_key: Option<SecretString>,
    /// By what name the vendor knows the key.
    key_id: Option<String>,
    /// Who signs with the grant `jwt-bearer`; the client's id if not said.
    issuer: Option<String>,
    /// For which account the hub signs with the grant `jwt-bearer`.
    subject: Option<String>,
}

/// Register the organization's own client
///
/// It takes the place of the operator's for this organization. What another client was granted must be authorized
/// again.
#[utoipa::path(
    put,
    path = "/v1/connections/{plugin}/client",
    tag = "Connections",
    security(("api_key" = ["manage_connections"])),
    params(("plugin" = String, Path, description = "The plugin's id", example = "salesforce")),
    request_body = OauthClientInput,
    responses((status = 200, description = "The client as it is now", body = OauthClient))
)]
pub(crate) async fn put_oauth_client(
    caller: Allowed<ManageConnections>,
    State(hub): State<Hub>,
    Path(plugin): Path<PluginId>,
    Json(input): Json<OauthClientInput>,
) -> Result<Reply<OauthClient>, Problem> {
    let OauthClientInput { client_id, client_secret: secret, private_key, key_id, issuer, subject } = input;
    let client = RegisteredClient { client_id, secret, private_key, key_id, issuer, subject };
    Ok(Reply(hub.put_oauth_client(&caller, &plugin, PutClient { client }).await?.into()))
}
