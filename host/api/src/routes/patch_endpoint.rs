//! `PATCH /v1/endpoints/{endpoint}`

use std::collections::BTreeMap;

use axum::{Json as Reply, extract::State};
use patchbay_hub::{EndpointPatch, Hub};
use patchbay_model::{EndpointId, endpoint::EventTypes, rate::Rate};
use secrecy::SecretString;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    extract::{Allowed, Json, ManageInstallations, Path},
    problem::Problem,
    view::{Endpoint, Transform},
};

/// What shall be different. What is not said stays; null takes away what can be missing.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndpointChanges {
    /// Where events are sent.
    url: Option<String>,
    /// For people.
    description: Option<String>,
    /// Types of events.
    #[schema(value_type = Option<Vec<String>>)]
    types: Option<EventTypes>,
    /// What the data of events must look like.
    #[serde(default, deserialize_with = "said")]
    #[schema(value_type = Option<Object>)]
    filter: Option<Option<Value>>,
    /// What makes the payload.
    #[serde(default, deserialize_with = "said")]
    #[schema(value_type = Option<Transform>)]
    transform: Option<Option<Transform>>,
    /// All that are sent along.
    headers: Option<BTreeMap<String, String>>,
    /// Secret ones that are new, or null for those that are taken away; others stay.
    #[serde(default, deserialize_with = "secrets")]
    #[schema(value_type = BTreeMap<String, Option<String>>)]
    secret_headers: BTreeMap<String, Option<SecretString>>,
    /// How often it is sent to at most.
    #[serde(default, deserialize_with = "said")]
    #[schema(value_type = Option<String>, example = "10/s")]
    rate: Option<Option<Rate>>,
    /// One delivery at a time, in the order of the events.
    fifo: Option<bool>,
    /// Is it switched on?
    #[schema(example = true)]
    enabled: Option<bool>,
}

/// Change an endpoint
///
/// One that is switched on gets the events that are published from then on; replay those of before, if you want them. What is
/// due to it is sent at once, as if it had never failed.
#[utoipa::path(
    patch,
    path = "/v1/endpoints/{endpoint}",
    tag = "Endpoints",
    security(("api_key" = ["manage_installations"])),
    params(("endpoint" = String, Path, description = "The endpoint's id")),
    request_body = EndpointChanges,
    responses((status = 200, description = "The endpoint as it is now", body = Endpoint))
)]
pub(crate) async fn patch_endpoint(
    caller: Allowed<ManageInstallations>,
    State(hub): State<Hub>,
    Path(endpoint): Path<EndpointId>,
    Json(input): Json<EndpointChanges>,
) -> Result<Reply<Endpoint>, Problem> {
    let patch = EndpointPatch {
        url: input.url,
        description: input.description,
        types: input.types,
        filter: input.filter,
        transform: input.transform.map(|transform| transform.map(Into::into)),
        headers: input.headers,
        secret_headers: input.secret_headers,
        rate: input.rate,
        fifo: input.fifo,
        enabled: input.enabled,
    };
    Ok(Reply(hub.change_endpoint(&caller, endpoint, patch).await?.into()))
}

/// Tells what is null from what is not said.
fn said<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}

fn secrets<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, Option<SecretString>>, D::Error> {
    let plain = BTreeMap::<String, Option<String>>::deserialize(deserializer)?;
    Ok(plain.into_iter().map(|(name, secret)| (name, secret.map(SecretString::from))).collect())
}
