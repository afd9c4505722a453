//! `GET /v1/records/{object}/{record}`

use axum::{Json, extract::State};
use patchbay_hub::Hub;
use patchbay_model::object::StandardObject;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    extract::{Allowed, Path, Query, ReadActivity},
    problem::Problem,
    view::Record,
};

/// Which records.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RecordQuery {
    /// Also one that was deleted, for as long as it is known who did that: it has no data.
    #[serde(default)]
    deleted: bool,
}

/// Read a record
///
/// With who wrote it, field by field.
#[utoipa::path(
    get,
    path = "/v1/records/{object}/{record}",
    tag = "Records",
    security(("api_key" = ["read_activity"])),
    params(
        ("object" = String, Path, description = "The object's name, as in `call`"),
        ("record" = String, Path, description = "The record's id"),
        RecordQuery,
    ),
    responses((status = 200, description = "The record", body = Record))
)]
pub(crate) async fn get_record(
    caller: Allowed<ReadActivity>,
    State(hub): State<Hub>,
    Path((object, record)): Path<(StandardObject, String)>,
    Query(query): Query<RecordQuery>,
) -> Result<Json<Record>, Problem> {
    Ok(Json(hub.record(&caller, object, &record, query.deleted).await?.into()))
}
