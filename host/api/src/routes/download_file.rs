//! `GET /files/{link}`

use axum::{body::Body, extract::State, response::Response};
use http::{HeaderValue, header};
use patchbay_hub::Hub;

use crate::{
    extract::{Path, Visitor},
    foreign,
    problem::Problem,
};

/// Download a shared file
///
/// By a link that was made for it, which is good for a day at most and needs no key.
#[utoipa::path(
    get,
    path = "/files/{link}",
    tag = "Runs",
    params(("link" = String, Path, description = "Of the file")),
    responses((status = 200, description = "The bytes", content_type = "application/octet-stream"))
)]
pub(crate) async fn download_file(
    _: Visitor,
    State(hub): State<Hub>,
    Path(link): Path<String>,
) -> Result<Response, Problem> {
    let (blob, bytes) = hub.linked_blob(&link).await?;
    let mut response = Response::new(Body::from_stream(bytes));
    let headers = response.headers_mut();
    let media_type =
        HeaderValue::try_from(blob.content_type).unwrap_or(HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CONTENT_TYPE, media_type);
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(blob.size));
    // who has the link has the file, so no cache on the way may keep it, and no other site may be told of it
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    if let Ok(tag) = HeaderValue::try_from(format!("\"{}\"", blob.sha256)) {
        headers.insert(header::ETAG, tag);
    }
    foreign::guard(headers);
    Ok(response)
}
