//! `GET /v1/budgets`

use axum::{Json, extract::State};
use patchbay_hub::Hub;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    extract::{Allowed, ReadSettings},
    problem::Problem,
    view::Budget,
};

/// The org's budgets.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Budgets {
    /// All of them, in the order in which they were made.
    items: Vec<Budget>,
}

/// List budgets
#[utoipa::path(
    get,
    path = "/v1/budgets",
    tag = "Plan",
    security(("api_key" = ["read_settings"])),
    responses((status = 200, description = "All of them", body = Budgets))
)]
pub(crate) async fn list_budgets(
    caller: Allowed<ReadSettings>,
    State(hub): State<Hub>,
) -> Result<Json<Budgets>, Problem> {
    Ok(Json(Budgets { items: hub.budgets(&caller).await?.into_iter().map(Budget::from).collect() }))
}
