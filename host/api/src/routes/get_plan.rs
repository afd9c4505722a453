//! `GET /v1/plan`

use axum::{Json, extract::State};
use patchbay_hub::Hub;

use crate::{
    extract::{Allowed, ReadSettings},
    problem::Problem,
    view::Plan,
};

/// Read the plan
///
/// The org's plan: what it includes, what more costs, which features it has, and the present billing period. The operator
/// gives plans; what was used is in `GET /v1/usage`.
#[utoipa::path(
    get,
    path = "/v1/plan",
    tag = "Plan",
    security(("api_key" = ["read_settings"])),
    responses((status = 200, description = "The plan", body = Plan))
)]
pub(crate) async fn get_plan(caller: Allowed<ReadSettings>, State(hub): State<Hub>) -> Result<Json<Plan>, Problem> {
    Ok(Json(hub.plan(&caller).await?.into()))
}
