//! `POST /v1/blobs/{blob}/links`

use axum::{Json as Reply, extract::State};
use http::StatusCode;
use patchbay_hub::Hub;
use patchbay_model::BlobId;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    extract::{Allowed, Json, Path, ReadActivity},
    problem::Problem,
    view::BlobLink,
};

/// How long a link is good.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BlobLinkInput {
    /// In seconds: 1 to 86400; 86400 (a day) if not said.
    #[schema(minimum = 1, maximum = 86_400)]
    expires_in_s: Option<u32>,
}

/// Share a file
///
/// Makes a link that leads to the file without a key, for a day at most: for somebody who shall hear a recording and has no
/// key. It cannot be taken back by itself; it leads nowhere once the file is deleted.
#[utoipa::path(
    post,
    path = "/v1/blobs/{blob}/links",
    tag = "Runs",
    security(("api_key" = ["read_activity"])),
    params(("blob" = String, Path, description = "The file's id")),
    request_body = BlobLinkInput,
    responses((status = 201, description = "The link", body = BlobLink))
)]
pub(crate) async fn create_blob_link(
    caller: Allowed<ReadActivity>,
    State(hub): State<Hub>,
    Path(blob): Path<BlobId>,
    Json(input): Json<BlobLinkInput>,
) -> Result<(StatusCode, Reply<BlobLink>), Problem> {
    let link = hub.link_blob(&caller, blob, input.expires_in_s).await?;
    Ok((StatusCode::CREATED, Reply(link.into())))
}
