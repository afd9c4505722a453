//! `GET /downloads/{link}`

use axum::{body::Body, extract::State, response::Response};
use http::{HeaderValue, header};
use patchbay_hub::{ExportFile, Hub};

use crate::{
    extract::{Path, Visitor},
    foreign,
    problem::Problem,
};

/// Download an export's file
///
/// By the link that the export shows as `download`, which is good for an hour and needs no key.
#[utoipa::path(
    get,
    path = "/downloads/{link}",
    tag = "Exports",
    params(("link" = String, Path, description = "Of the export")),
    responses((status = 200, description = "The file", content_type = "application/octet-stream"))
)]
pub(crate) async fn download_export(
    _: Visitor,
    State(hub): State<Hub>,
    Path(link): Path<String>,
) -> Result<Response, Problem> {
    let ExportFile { name, format, size, sha256, bytes } = hub.download_export(&link).await?;
    let mut response = Response::new(Body::from_stream(bytes));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(format.media_type()));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(size));
    // who has the link has the file, so no cache on the way may keep it
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    let disposition = HeaderValue::try_from(format!("attachment; filename=\"{name}\""));
    headers.insert(header::CONTENT_DISPOSITION, disposition.unwrap_or(HeaderValue::from_static("attachment")));
    if let Some(Ok(tag)) = sha256.map(|sha256| HeaderValue::try_from(format!("\"{sha256}\""))) {
        headers.insert(header::ETAG, tag);
    }
    foreign::guard(headers);
    Ok(response)
}
