//! `PUT /v1/billing/subscription`

use axum::{Json as Reply, extract::State};
use patchbay_hub::{Hub, PlanChange};
use patchbay_model::Timestamp;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    extract::{Allowed, Json, ManageBilling},
    problem::Problem,
    view::Subscription,
};

/// What it becomes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SubscriptionInput {
    /// A plan of the hub: `GET /v1/plan` lists them.
    #[schema(example = "business")]
    plan: String,
    /// As of when, as a preview gave it. Default: now.
    #[schema(value_type = Option<String>, format = DateTime)]
    as_of: Option<Timestamp>,
}

/// Change the subscription
///
/// Another plan, at once; what is left of the period is charged or given back in proportion. Owners alone. `conflict` without a
/// subscription.
#[utoipa::path(
    put,
    path = "/v1/billing/subscription",
    tag = "Billing",
    security(("api_key" = ["manage_billing"])),
    request_body = SubscriptionInput,
    responses((status = 200, description = "How it stands now", body = Subscription))
)]
pub(crate) async fn put_subscription(
    caller: Allowed<ManageBilling>,
    State(hub): State<Hub>,
    Json(input): Json<SubscriptionInput>,
) -> Result<Reply<Subscription>, Problem> {
    let SubscriptionInput { plan, as_of } = input;
    Ok(Reply(hub.change_subscription(&caller, &PlanChange { plan, as_of }).await?.into()))
}
