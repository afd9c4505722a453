//! `POST /v1/billing/subscription/preview`

use axum::{Json as Reply, extract::State};
use patchbay_hub::{Hub, PlanChange};
use patchbay_model::Timestamp;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    extract::{Allowed, Json, ManageBilling},
    problem::Problem,
    view::Preview,
};

/// What it would become.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PreviewInput {
    /// A plan of the hub: `GET /v1/plan` lists them.
    #[schema(example = "business")]
    plan: String,
    /// As of when, as a preview gave it. Default: now.
    #[schema(value_type = Option<String>, format = DateTime)]
    as_of: Option<Timestamp>,
}

/// Preview a change
///
/// What another plan would cost, with what is left of the period in proportion. Nothing is changed. Owners alone. `conflict` without a
/// subscription.
#[utoipa::path(
    post,
    path = "/v1/billing/subscription/preview",
    tag = "Billing",
    security(("api_key" = ["manage_billing"])),
    request_body = PreviewInput,
    responses((status = 200, description = "What it would cost", body = Preview))
)]
pub(crate) async fn preview_subscription(
    caller: Allowed<ManageBilling>,
    State(hub): State<Hub>,
    Json(input): Json<PreviewInput>,
) -> Result<Reply<Preview>, Problem> {
    let PreviewInput { plan, as_of } = input;
    Ok(Reply(hub.preview_plan(&caller, &PlanChange { plan, as_of }).await?.into()))
}
