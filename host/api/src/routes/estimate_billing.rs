//! `POST /v1/billing/estimate`

use std::collections::BTreeMap;

use axum::{Json as Reply, extract::State};
use patchbay_hub::{EstimateUsage, Hub};
use patchbay_model::plan::Metric;
use serde::Deserialize;
use utoipa::ToSchema;

use super::estimate_usage::Estimate;
use crate::{
    extract::{Allowed, Json, ManageBilling},
    problem::Problem,
};

/// What is to come.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BillingEstimateInput {
    /// Under this plan. Default: the org's own.
    #[schema(example = "pro")]
    plan: Option<String>,
    /// Units by metric, beside what was used in the present billing period already. Default: none.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, u64>, example = json!({"minutes": 500}))]
    usage: BTreeMap<Metric, u64>,
}

/// Estimate the next bill
///
/// What the present billing period comes to, by what was used so far and what is to come. Owners alone; who may read usage has
/// `POST /v1/usage/estimate`.
#[utoipa::path(
    post,
    path = "/v1/billing/estimate",
    tag = "Billing",
    security(("api_key" = ["manage_billing"])),
    request_body = BillingEstimateInput,
    responses((status = 200, description = "What it would come to", body = Estimate))
)]
pub(crate) async fn estimate_billing(
    caller: Allowed<ManageBilling>,
    State(hub): State<Hub>,
    Json(input): Json<BillingEstimateInput>,
) -> Result<Reply<Estimate>, Problem> {
    let BillingEstimateInput { plan, usage } = input;
    Ok(Reply(hub.estimate_usage(&caller, EstimateUsage { usage, plan, on_top: true }).await?.into()))
}
