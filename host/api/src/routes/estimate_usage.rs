//! `POST /v1/usage/estimate`

use std::collections::BTreeMap;

use axum::{Json as Reply, extract::State};
use patchbay_hub::{EstimateUsage, Hub, UsageEstimate};
use patchbay_model::plan::Metric;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    extract::{Allowed, Json, ReadActivity},
    problem::Problem,
    view::{MetricUsage, Period},
};

/// A consumption.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EstimateInput {
    /// Units by metric.
    #[schema(value_type = BTreeMap<String, u64>, example = json!({"ai_tokens": 12_000_000, "calls": 40_000}))]
    usage: BTreeMap<Metric, u64>,
    /// Under this plan. Default: the org's own.
    #[schema(example = "pro")]
    plan: Option<String>,
    /// Beside what was used in the present billing period already. Default: false.
    #[serde(default)]
    on_top: bool,
}

/// What it would come to in a billing period.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Estimate {
    /// Under which plan.
    plan: String,
    /// Of all costs: three letters (ISO 4217).
    currency: String,
    /// The present billing period.
    period: Period,
    /// Metric by metric.
    metrics: Vec<MetricUsage>,
    /// What the plan costs, in minor units.
    price: u64,
    /// What is beyond the plan, in minor units.
    overage_cost: u64,
    /// Both together.
    total: u64,
    /// Metrics of which the plan allows less: so much would not be let through.
    #[schema(value_type = Vec<String>)]
    refused: Vec<Metric>,
}

impl From<UsageEstimate> for Estimate {
    fn from(estimate: UsageEstimate) -> Self {
        let UsageEstimate { plan, currency, period, metrics, overage_cost, total, refused } = estimate;
        Self {
            plan: plan.name.clone(),
            currency,
            period: period.into(),
            metrics: metrics.into_iter().map(MetricUsage::from).collect(),
            price: plan.price,
            overage_cost,
            total,
            refused,
        }
    }
}

/// Estimate a bill
///
/// What a consumption would cost in a billing period, under the org's plan or another one.
#[utoipa::path(
    post,
    path = "/v1/usage/estimate",
    tag = "Usage",
    security(("api_key" = ["read_activity"])),
    request_body = EstimateInput,
    responses((status = 200, description = "What it would come to", body = Estimate))
)]
pub(crate) async fn estimate_usage(
    caller: Allowed<ReadActivity>,
    State(hub): State<Hub>,
    Json(input): Json<EstimateInput>,
) -> Result<Reply<Estimate>, Problem> {
    let EstimateInput { usage, plan, on_top } = input;
    Ok(Reply(hub.estimate_usage(&caller, EstimateUsage { usage, plan, on_top }).await?.into()))
}
