//! `GET /v1/deliveries`

use axum::{Json, extract::State};
use patchbay_hub::{DeliveryFilter, Hub};
use patchbay_model::{DeliveryId, delivery::DeliveryStatus};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::{
    extract::{Allowed, Query, ReadActivity},
    problem::Problem,
    view::{Delivery, Page},
};

/// Which deliveries.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DeliveryQuery {
    /// Only these.
    #[param(inline)]
    status: Option<Status>,
    /// Only of events of this type.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// Only those before this one: the cursor.
    #[param(value_type = Option<String>)]
    before: Option<DeliveryId>,
    /// At most so many: 1 to 200, default 50.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// How far a delivery has come.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = DeliveryStatus)]
pub(crate) enum Status {
    /// It is to be sent.
    Pending,
    /// The endpoint took it.
    Succeeded,
    /// It was given up.
    Exhausted,
    /// Its endpoint was deleted, or switched off for long.
    Cancelled,
    /// The transformation made nothing of it.
    Skipped,
}

impl From<Status> for DeliveryStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Pending => Self::Pending,
            Status::Succeeded => Self::Succeeded,
            Status::Exhausted => Self::Exhausted,
            Status::Cancelled => Self::Cancelled,
            Status::Skipped => Self::Skipped,
        }
    }
}

impl From<DeliveryQuery> for DeliveryFilter {
    fn from(query: DeliveryQuery) -> Self {
        let DeliveryQuery { status, kind, before, limit } = query;
        Self { status: status.map(DeliveryStatus::from), kind, before, limit }
    }
}

/// List deliveries
///
/// To all endpoints, those that were deleted too, those of the newest events first. A page can be short although there are
/// more: ask on for as long as there is a `next`.
#[utoipa::path(
    get,
    path = "/v1/deliveries",
    tag = "Endpoints",
    security(("api_key" = ["read_activity"])),
    params(DeliveryQuery),
    responses((status = 200, description = "A part of them", body = Page<Delivery>))
)]
pub(crate) async fn list_deliveries(
    caller: Allowed<ReadActivity>,
    State(hub): State<Hub>,
    Query(query): Query<DeliveryQuery>,
) -> Result<Json<Page<Delivery>>, Problem> {
    Ok(Json(hub.all_deliveries(&caller, query.into()).await?.into()))
}
