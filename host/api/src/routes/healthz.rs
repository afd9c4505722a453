//! `GET /healthz`

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

/// How the hub is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok` or `ready`.
    pub(crate) status: &'static str,
}

/// Is the process alive
///
/// Asks nothing else: a database that is slow is no reason to restart the hub.
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "Operating",
    responses((status = 200, description = "It is", body = Health))
)]
pub(crate) async fn healthz() -> Json<Health> {
    Json(Health { status: "ok" })
}
