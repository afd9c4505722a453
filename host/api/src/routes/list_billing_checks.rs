//! `GET /v1/billing/reconciliation`

use axum::{Json, extract::State};
use patchbay_hub::Hub;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    extract::{Allowed, ManageBilling, Query},
    problem::Problem,
    view::{BillingCheck, Page},
};

/// Which days.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ChecksQuery {
    /// Only those on which the vendor had something else. Default: false.
    #[serde(default)]
    only_gaps: bool,
    /// At most so many: 1 to 200, default 50.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// Compare with the vendor
///
/// What the vendor's meters had of each of the last days when they were compared at night, beside what they were told, newest first.
/// What was missing was told once more. Owners alone.
#[utoipa::path(
    get,
    path = "/v1/billing/reconciliation",
    tag = "Billing",
    security(("api_key" = ["manage_billing"])),
    params(ChecksQuery),
    responses((status = 200, description = "Days and metrics", body = Page<BillingCheck>))
)]
pub(crate) async fn list_billing_checks(
    caller: Allowed<ManageBilling>,
    State(hub): State<Hub>,
    Query(query): Query<ChecksQuery>,
) -> Result<Json<Page<BillingCheck>>, Problem> {
    Ok(Json(hub.billing_checks(&caller, query.only_gaps, query.limit).await?.into()))
}
