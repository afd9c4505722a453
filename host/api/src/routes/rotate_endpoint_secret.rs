//! `POST /v1/endpoints/{endpoint}/secret/rotate`

use std::time::Duration;

use axum::{Json as Reply, extract::State};
use patchbay_hub::Hub;
use patchbay_model::EndpointId;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    extract::{Allowed, Json, ManageInstallations, Path},
    problem::Problem,
    view::EndpointReply,
};

/// How the secret is replaced.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SecretRotationInput {
    /// How long the former secret signs as well, in seconds: at most 604800 (7 days); 86400 (a day) if not said; 0: not at
    /// all.
    #[schema(minimum = 0, maximum = 604_800)]
    overlap_seconds: Option<u64>,
}

/// Replace an endpoint's secret
///
/// For a while deliveries have two signatures, one by the new secret and one by the former, so that your receivers can change over
/// when it suits them.
#[utoipa::path(
    post,
    path = "/v1/endpoints/{endpoint}/secret/rotate",
    tag = "Endpoints",
    security(("api_key" = ["manage_installations"])),
    params(("endpoint" = String, Path, description = "The endpoint's id")),
    request_body = SecretRotationInput,
    responses((status = 200, description = "The endpoint and its new secret", body = EndpointReply))
)]
pub(crate) async fn rotate_endpoint_secret(
    caller: Allowed<ManageInstallations>,
    State(hub): State<Hub>,
    Path(endpoint): Path<EndpointId>,
    Json(input): Json<SecretRotationInput>,
) -> Result<Reply<EndpointReply>, Problem> {
    let overlap = input.overlap_seconds.map(Duration::from_secs);
    Ok(Reply(hub.rotate_endpoint_secret(&caller, endpoint, overlap).await?.into()))
}
