//! `POST /v1/endpoints`

use std::collections::BTreeMap;

use axum::{Json as Reply, extract::State};
use http::StatusCode;
use patchbay_hub::{Hub, NewEndpoint};
use patchbay_model::{endpoint::EventTypes, rate::Rate};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::put_connection::secrets;
use crate::{
    extract::{Allowed, Json, ManageInstallations},
    problem::Problem,
    view::{EndpointReply, SigningKind, Transform},
};

/// What the endpoint shall be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndpointInput {
    /// Where events are sent: https, and in the open Internet.
    #[schema(example = "https://example.com/hooks")]
    url: String,
    /// For people; at most 500 characters.
    #[serde(default)]
    description: String,
    /// Types of events: exact ones, all below one as in `call.*`, or `*`. Empty: all.
    #[serde(default)]
    #[schema(value_type = Vec<String>, example = json!(["call.*"]))]
    types: EventTypes,
    /// What the data of events must look like (see the guide to filters).
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    filter: Option<Value>,
    /// What makes the payload; if not said, it is the event itself.
    transform: Option<Transform>,
    /// Sent along; 20 headers at most, secret ones included.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// The same, kept secret.
    #[serde(default, deserialize_with = "secrets")]
    #[schema(value_type = BTreeMap<String, String>)]
    secret_headers: BTreeMap<String, SecretString>,
    /// How often it is sent to at most.
    #[schema(value_type = Option<String>, example = "10/s")]
    rate: Option<Rate>,
    /// One delivery at a time, in the order of the events; one that fails holds up the others.
    #[serde(default)]
    fifo: bool,
    /// Is it switched on? Yes if not said.
    enabled: Option<bool>,
    /// How deliveries are signed. Stays as it is.
    #[serde(default)]
    signing: SigningKind,
}

/// Make an endpoint
///
/// From now on the events that it subscribes to are sent to it, as Standard Webhooks prescribes; the guide to webhooks says how to
/// verify them.
#[utoipa::path(
    post,
    path = "/v1/endpoints",
    tag = "Endpoints",
    security(("api_key" = ["manage_installations"])),
    request_body = EndpointInput,
    responses((status = 201, description = "The endpoint and its secret", body = EndpointReply))
)]
pub(crate) async fn create_endpoint(
    caller: Allowed<ManageInstallations>,
    State(hub): State<Hub>,
    Json(input): Json<EndpointInput>,
) -> Result<(StatusCode, Reply<EndpointReply>), Problem> {
    let new = NewEndpoint {
        url: input.url,
        description: input.description,
        types: input.types,
        filter: input.filter,
        transform: input.transform.map(Into::into),
        headers: input.headers,
        secret_headers: input.secret_headers,
        rate: input.rate,
        fifo: input.fifo,
        enabled: input.enabled.unwrap_or(true),
        signing: input.signing.into(),
    };
    Ok((StatusCode::CREATED, Reply(hub.create_endpoint(&caller, new).await?.into())))
}
