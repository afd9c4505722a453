//! `POST /v1/exports`

use axum::{Json as Reply, extract::State};
use http::{Extensions, HeaderMap, HeaderName, StatusCode, header};
use patchbay_hub::{Hub, IdempotencyKey, NewExport};
use patchbay_model::{
    PluginId, Timestamp,
    export::{ExportFormat, Exported},
};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    extract::{AllowedEither, Json, ReadActivity, ReadAudit, notes},
    problem::Problem,
    view::Export,
};

/// Which rows, and how they are written.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExportInput {
    /// Rows of what: `runs`, `events`, `deliveries`, `usage`, `audit` or `records`.
    #[schema(value_type = String, example = "runs")]
    what: Exported,
    /// `csv` or `jsonl`.
    #[schema(value_type = String, example = "csv")]
    format: ExportFormat,
    /// Only of this plugin. Not for `audit` and `deliveries`.
    #[schema(value_type = Option<String>, example = "openai")]
    plugin: Option<PluginId>,
    /// Of `records`: of this collection of the plugin.
    collection: Option<String>,
    /// Of `records`: of this standard object, and not of a plugin.
    object: Option<String>,
    /// Of `events`: of these types, `a.*` for all below `a.`; at most 50.
    #[serde(default)]
    #[schema(example = json!([]))]
    types: Vec<String>,
    /// Only from this time on; of records, by their last change.
    #[schema(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Only before this time.
    #[schema(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
}

/// Export rows
///
/// Writes rows into a file, oldest first, in the background: look at the export for how far it has come, and for the link to its
/// file. The file has what is there when it begins, and ends at the plan's number of rows (`cut_off`). It is kept for 24 hours.
/// The audit log needs `read_audit`, everything else `read_activity`.
#[utoipa::path(
    post,
    path = "/v1/exports",
    tag = "Exports",
    security(("api_key" = ["read_activity"]), ("api_key" = ["read_audit"])),
    params(("idempotency-key" = Option<String>, Header, description = "The export is made once: a repeat with this key and this body within 24 hours gets the first one, with `idempotent-replayed: true`. 1 to 255 printable ASCII characters")),
    request_body = ExportInput,
    responses((status = 202, description = "The export; its address is in `Location`", body = Export))
)]
pub(crate) async fn create_export(
    caller: AllowedEither<ReadActivity, ReadAudit>,
    State(hub): State<Hub>,
    headers: HeaderMap,
    extensions: Extensions,
    Json(input): Json<ExportInput>,
) -> Result<(StatusCode, [(HeaderName, String); 1], Reply<Export>), Problem> {
    let ExportInput { what, format, plugin, collection, object, types, from, to } = input;
    let key = IdempotencyKey::from_headers(&headers)?;
    let new = NewExport { what, format, plugin, collection, object, types, from, to };
    let view = hub.create_export(&caller, new, key, &notes(&extensions)).await?;
    let location = [(header::LOCATION, format!("/v1/exports/{}", view.export.id))];
    Ok((StatusCode::ACCEPTED, location, Reply(view.into())))
}
