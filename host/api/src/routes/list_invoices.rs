//! `GET /v1/billing/invoices`

use axum::{Json, extract::State};
use patchbay_hub::{Hub, InvoiceQuery};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    extract::{Allowed, ManageBilling, Query},
    problem::Problem,
    view::{Invoice, Page},
};

/// Which bills.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct InvoicesQuery {
    /// Only those after this one in the list: the cursor.
    after: Option<String>,
    /// At most so many: 1 to 100, default 20.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
}

/// List bills
///
/// Newest first, asked of the vendor. Owners alone. `conflict` if nothing was ever bought.
#[utoipa::path(
    get,
    path = "/v1/billing/invoices",
    tag = "Billing",
    security(("api_key" = ["manage_billing"])),
    params(InvoicesQuery),
    responses((status = 200, description = "A part of them", body = Page<Invoice>))
)]
pub(crate) async fn list_invoices(
    caller: Allowed<ManageBilling>,
    State(hub): State<Hub>,
    Query(query): Query<InvoicesQuery>,
) -> Result<Json<Page<Invoice>>, Problem> {
    let InvoicesQuery { after, limit } = query;
    let found = hub.billing_invoices(&caller, &InvoiceQuery { after, limit }).await?;
    Ok(Json(patchbay_hub::Page { items: found.invoices, next: found.next }.into()))
}
