//! `GET /v1/blobs/{blob}`

use axum::{body::Body, extract::State, response::Response};
use http::{HeaderValue, header};
use patchbay_hub::Hub;
use patchbay_model::BlobId;

use crate::{
    extract::{Allowed, Path, ReadActivity},
    foreign,
    problem::Problem,
};

/// Read a file
///
/// The bytes of a file that a plugin stored, with the media type that the plugin gave it.
#[utoipa::path(
    get,
    path = "/v1/blobs/{blob}",
    tag = "Runs",
    security(("api_key" = ["read_activity"])),
    params(("blob" = String, Path, description = "The file's id")),
    responses((status = 200, description = "The bytes", content_type = "application/octet-stream"))
)]
pub(crate) async fn get_blob(
    caller: Allowed<ReadActivity>,
    State(hub): State<Hub>,
    Path(blob): Path<BlobId>,
) -> Result<Response, Problem> {
    let (blob, bytes) = hub.blob(&caller, blob).await?;
    let mut response = Response::new(Body::from_stream(bytes));
    let headers = response.headers_mut();
    let media_type =
        HeaderValue::try_from(blob.content_type).unwrap_or(HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CONTENT_TYPE, media_type);
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(blob.size));
    // the same bytes for ever: the id stands for them
    if let Ok(tag) = HeaderValue::try_from(format!("\"{}\"", blob.sha256)) {
        headers.insert(header::ETAG, tag);
    }
    foreign::guard(headers);
    Ok(response)
}
