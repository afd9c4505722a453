//! `POST /v1/installations/{plugin}/syncs/{object}/runs`

use axum::{Json as Reply, extract::State};
use http::{Extensions, HeaderMap, HeaderName, StatusCode, header};
use patchbay_hub::{Hub, IdempotencyKey};
use patchbay_model::{PluginId, object::StandardObject, sync::SyncMode};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    extract::{Allowed, Json, ManageInstallations, Path, notes},
    problem::Problem,
    view::SyncRun,
};

/// How much the run shall read.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SyncRunInput {
    /// `delta` (what changed since the last run) or `full` (all that the vendor has).
    #[schema(value_type = String, example = "delta")]
    mode: SyncMode,
}

/// Run a sync now
///
/// In the background: look at the run for how far it has come. While a run waits or goes on there is no second one: that one is
/// the answer, and reads all if a full one is asked for before it has begun.
#[utoipa::path(
    post,
    path = "/v1/installations/{plugin}/syncs/{object}/runs",
    tag = "Syncs",
    security(("api_key" = ["manage_installations"])),
    params(
        ("plugin" = String, Path, description = "The plugin's id", example = "hubspot"),
        ("object" = String, Path, description = "The standard object's name", example = "contact"),
        ("idempotency-key" = Option<String>, Header, description = "The run is asked for once: a repeat with this key and this body within 24 hours gets the first one, with `idempotent-replayed: true`. 1 to 255 printable ASCII characters"),
    ),
    request_body = SyncRunInput,
    responses((status = 202, description = "The run; its address is in `Location`", body = SyncRun))
)]
pub(crate) async fn create_sync_run(
    caller: Allowed<ManageInstallations>,
    State(hub): State<Hub>,
    Path((plugin, object)): Path<(PluginId, StandardObject)>,
    headers: HeaderMap,
    extensions: Extensions,
    Json(input): Json<SyncRunInput>,
) -> Result<(StatusCode, [(HeaderName, String); 1], Reply<SyncRun>), Problem> {
    let key = IdempotencyKey::from_headers(&headers)?;
    let run = hub.sync_request_run(&caller, &plugin, object, input.mode, key, &notes(&extensions)).await?;
    let location = [(header::LOCATION, format!("/v1/sync-runs/{}", run.id))];
    Ok((StatusCode::ACCEPTED, location, Reply(run.into())))
}
