//! `DELETE /v1/billing/subscription`

use axum::{Json, extract::State};
use patchbay_hub::Hub;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    extract::{Allowed, ManageBilling, Query},
    problem::Problem,
    view::Subscription,
};

/// How it ends.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct CancelQuery {
    /// Now, and not with the period that is paid for. Default: false.
    #[serde(default)]
    at_once: bool,
}

/// Cancel the subscription
///
/// It ends with the period that is paid for, and until then it can be resumed. Owners alone. `conflict` without a subscription.
#[utoipa::path(
    delete,
    path = "/v1/billing/subscription",
    tag = "Billing",
    security(("api_key" = ["manage_billing"])),
    params(CancelQuery),
    responses((status = 200, description = "How it stands now", body = Subscription))
)]
pub(crate) async fn cancel_subscription(
    caller: Allowed<ManageBilling>,
    State(hub): State<Hub>,
    Query(query): Query<CancelQuery>,
) -> Result<Json<Subscription>, Problem> {
    Ok(Json(hub.cancel_subscription(&caller, query.at_once).await?.into()))
}
