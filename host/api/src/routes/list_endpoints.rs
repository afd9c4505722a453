//! `GET /v1/endpoints`

use axum::{Json, extract::State};
use patchbay_hub::Hub;
use patchbay_model::EndpointId;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    extract::{Allowed, Query, ReadSettings},
    problem::Problem,
    view::{Endpoint, Page},
};

/// Which endpoints.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EndpointQuery {
    /// Only those before this one: the cursor.
    #[param(value_type = Option<String>)]
    before: Option<EndpointId>,
    /// At most so many: 1 to 200, default 50.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// List endpoints
///
/// The newest first.
#[utoipa::path(
    get,
    path = "/v1/endpoints",
    tag = "Endpoints",
    security(("api_key" = ["read_settings"])),
    params(EndpointQuery),
    responses((status = 200, description = "A part of them", body = Page<Endpoint>))
)]
pub(crate) async fn list_endpoints(
    caller: Allowed<ReadSettings>,
    State(hub): State<Hub>,
    Query(query): Query<EndpointQuery>,
) -> Result<Json<Page<Endpoint>>, Problem> {
    let EndpointQuery { before, limit } = query;
    Ok(Json(hub.endpoints(&caller, before, limit).await?.into()))
}
