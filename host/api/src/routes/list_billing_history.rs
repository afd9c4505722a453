//! `GET /v1/billing/history`

use axum::{Json, extract::State};
use patchbay_hub::Hub;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    extract::{Allowed, ManageBilling, Query},
    problem::Problem,
    view::{BillingEntry, Page},
};

/// Which part of the history.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct HistoryQuery {
    /// Only what is before this place: the cursor.
    before: Option<String>,
    /// At most so many: 1 to 200, default 50.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// Read the billing history
///
/// Bills, payments and changes of the subscription, newest first. Owners alone.
#[utoipa::path(
    get,
    path = "/v1/billing/history",
    tag = "Billing",
    security(("api_key" = ["manage_billing"])),
    params(HistoryQuery),
    responses((status = 200, description = "A part of it", body = Page<BillingEntry>))
)]
pub(crate) async fn list_billing_history(
    caller: Allowed<ManageBilling>,
    State(hub): State<Hub>,
    Query(query): Query<HistoryQuery>,
) -> Result<Json<Page<BillingEntry>>, Problem> {
    let HistoryQuery { before, limit } = query;
    Ok(Json(hub.billing_history(&caller, before.as_deref(), limit).await?.into()))
}
