//! `PUT /v1/budgets/{subject}/{unit}`

use axum::{Json as Reply, extract::State};
use patchbay_hub::{Hub, PutBudget};
use patchbay_model::budget::{BudgetSubject, BudgetUnit};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    extract::{Allowed, Json, ManageInstallations, Path},
    problem::Problem,
    view::Budget,
};

/// A budget as it should be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BudgetInput {
    /// The most per billing period: whole minor units, or units of the metric.
    #[schema(maximum = 1_000_000_000_000_u64)]
    cap: u64,
}

/// Set a budget
///
/// A hard cap. A call reserves what it may use before it begins, and is refused with `budget_exhausted` if there is
/// not enough left; a stream is cut at the cap. Money counts each unit at the plan's price for more than it includes, whether it is
/// included or not.
#[utoipa::path(
    put,
    path = "/v1/budgets/{subject}/{unit}",
    tag = "Plan",
    security(("api_key" = ["manage_installations"])),
    params(
        ("subject" = String, Path, description = "`org`, `plugin:` and an id, or the id of an API key", example = "plugin:openai"),
        ("unit" = String, Path, description = "`money`, or a metric", example = "ai_tokens"),
    ),
    request_body = BudgetInput,
    responses((status = 200, description = "The budget as it is now", body = Budget))
)]
pub(crate) async fn put_budget(
    caller: Allowed<ManageInstallations>,
    State(hub): State<Hub>,
    Path((subject, unit)): Path<(BudgetSubject, BudgetUnit)>,
    Json(input): Json<BudgetInput>,
) -> Result<Reply<Budget>, Problem> {
    let BudgetInput { cap } = input;
    Ok(Reply(hub.put_budget(&caller, subject, unit, PutBudget { cap }).await?.into()))
}
