//! `PUT /v1/installations/{plugin}`

use axum::{Json as Reply, extract::State};
use patchbay_hub::{Hub, PutInstallation};
use patchbay_model::{Digest, PluginId, installation::VersionPolicy};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::{
    extract::{Allowed, Json, ManageInstallations, Path},
    problem::Problem,
    view::Installation,
};

/// An installation as it should be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InstallationInput {
    /// The org's settings, by the plugin's `config_schema`. Default: `{}`.
    #[serde(default)]
    #[schema(value_type = Object)]
    config: Map<String, Value>,
    /// Which version it runs. Default: as before, at first the newest.
    #[schema(value_type = Option<crate::view::Policy>)]
    policy: Option<VersionPolicy>,
    /// Switched on. Default: as before, at first `true`.
    enabled: Option<bool>,
    /// The digest of a version of the plugin: what it may do is approved. Needed before an installation moves
    /// to a version that may do more than the ones before; see `held_back` of the installation.
    #[schema(value_type = Option<String>)]
    accept: Option<Digest>,
    /// Hosts that the settings name, as in a `base_url` of the org's own: named here they are approved, and the connection's
    /// credentials may go there. Those that were approved before and that the settings still name need not be repeated. Needs the
    /// permission `manage_connections`.
    #[serde(default)]
    #[schema(example = json!(["acme.openai.azure.com"]))]
    hosts: Vec<String>,
}

/// Install a plugin or change its settings
#[utoipa::path(
    put,
    path = "/v1/installations/{plugin}",
    tag = "Installations",
    security(("api_key" = ["manage_installations"])),
    params(("plugin" = String, Path, description = "The plugin's id", example = "openai")),
    request_body = InstallationInput,
    responses((status = 200, description = "The installation as it is now", body = Installation))
)]
pub(crate) async fn put_installation(
    caller: Allowed<ManageInstallations>,
    State(hub): State<Hub>,
    Path(plugin): Path<PluginId>,
    Json(input): Json<InstallationInput>,
) -> Result<Reply<Installation>, Problem> {
    let InstallationInput { config, policy, enabled, accept, hosts } = input;
    let put = PutInstallation { config: Value::Object(config), policy, enabled, accept, hosts };
    Ok(Reply(hub.put_installation(&caller, &plugin, put).await?.into()))
}
