//! `DELETE /v1/budgets/{subject}/{unit}`

use axum::extract::State;
use http::StatusCode;
use patchbay_hub::Hub;
use patchbay_model::budget::{BudgetSubject, BudgetUnit};

use crate::{
    extract::{Allowed, ManageInstallations, Path},
    problem::Problem,
};

/// Take a budget away
#[utoipa::path(
    delete,
    path = "/v1/budgets/{subject}/{unit}",
    tag = "Plan",
    security(("api_key" = ["manage_installations"])),
    params(
        ("subject" = String, Path, description = "`org`, `plugin:` and an id, or the id of an API key", example = "plugin:openai"),
        ("unit" = String, Path, description = "`money`, or a metric", example = "ai_tokens"),
    ),
    responses((status = 204, description = "It is gone"))
)]
pub(crate) async fn delete_budget(
    caller: Allowed<ManageInstallations>,
    State(hub): State<Hub>,
    Path((subject, unit)): Path<(BudgetSubject, BudgetUnit)>,
) -> Result<StatusCode, Problem> {
    hub.delete_budget(&caller, &subject, unit).await?;
    Ok(StatusCode::NO_CONTENT)
}
