//! `GET /v1/usage`

use axum::{Json, extract::State};
use patchbay_hub::{Hub, UsageFilter};
use patchbay_model::{PluginId, Timestamp, UsageId};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    extract::{Allowed, Query, ReadActivity},
    problem::Problem,
    view::Usage,
};

/// Which usage.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct UsageQuery {
    /// Only of this plugin.
    #[param(value_type = Option<String>)]
    plugin: Option<PluginId>,
    /// From this time on (RFC 3339).
    #[param(value_type = Option<String>, format = DateTime, example = "2026-11-01T00:00:00Z")]
    from: Option<Timestamp>,
    /// Up to this time, which is not counted in (RFC 3339).
    #[param(value_type = Option<String>, format = DateTime, example = "2026-12-01T00:00:00Z")]
    to: Option<Timestamp>,
    /// Only records before this one: the cursor. Totals do not heed it.
    #[param(value_type = Option<String>)]
    before: Option<UsageId>,
    /// At most so many records: 1 to 200, default 50.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// Read usage
///
/// Totals by plugin, meter and basis, and the records behind them, newest first.
#[utoipa::path(
    get,
    path = "/v1/usage",
    tag = "Usage",
    security(("api_key" = ["read_activity"])),
    params(UsageQuery),
    responses((status = 200, description = "Totals and records", body = Usage))
)]
pub(crate) async fn list_usage(
    caller: Allowed<ReadActivity>,
    State(hub): State<Hub>,
    Query(query): Query<UsageQuery>,
) -> Result<Json<Usage>, Problem> {
    let UsageQuery { plugin, from, to, before, limit } = query;
    Ok(Json(hub.usage(&caller, UsageFilter { plugin, from, to, before, limit }).await?.into()))
}
