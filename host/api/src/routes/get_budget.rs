//! `GET /v1/budgets/{subject}/{unit}`

use axum::{Json, extract::State};
use patchbay_hub::Hub;
use patchbay_model::budget::{BudgetSubject, BudgetUnit};

use crate::{
    extract::{Allowed, Path, ReadSettings},
    problem::Problem,
    view::Budget,
};

/// Read a budget
#[utoipa::path(
    get,
    path = "/v1/budgets/{subject}/{unit}",
    tag = "Plan",
    security(("api_key" = ["read_settings"])),
    params(
        ("subject" = String, Path, description = "`org`, `plugin:` and an id, or the id of an API key", example = "plugin:openai"),
        ("unit" = String, Path, description = "`money`, or a metric", example = "ai_tokens"),
    ),
    responses((status = 200, description = "The budget, and how it stands", body = Budget))
)]
pub(crate) async fn get_budget(
    caller: Allowed<ReadSettings>,
    State(hub): State<Hub>,
    Path((subject, unit)): Path<(BudgetSubject, BudgetUnit)>,
) -> Result<Json<Budget>, Problem> {
    Ok(Json(hub.budget(&caller, &subject, unit).await?.into()))
}
