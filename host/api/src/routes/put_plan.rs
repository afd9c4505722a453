//! `PUT /v1/plan`

use axum::{Json as Reply, extract::State};
use patchbay_hub::Hub;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    extract::{Allowed, Json, ManageBilling},
    problem::Problem,
    view::Plan,
};

/// Which plan.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlanInput {
    /// Its name: `plans` of the present one lists them.
    #[schema(example = "pro")]
    plan: String,
}

/// Choose the plan
///
/// At once, and for the whole of the present billing period. Owners alone, and where the operator lets them; else the operator
/// gives plans.
#[utoipa::path(
    put,
    path = "/v1/plan",
    tag = "Plan",
    security(("api_key" = ["manage_billing"])),
    request_body = PlanInput,
    responses((status = 200, description = "The plan as it is now", body = Plan))
)]
pub(crate) async fn put_plan(
    caller: Allowed<ManageBilling>,
    State(hub): State<Hub>,
    Json(input): Json<PlanInput>,
) -> Result<Reply<Plan>, Problem> {
    Ok(Reply(hub.choose_plan(&caller, &input.plan).await?.into()))
}
