//! `/v1/files`.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State},
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{Shared, auth, form::Form};

/// What is kept.
#[derive(Debug, Default)]
pub(crate) struct Files(BTreeMap<String, File>);

#[derive(Debug)]
struct File {
    name: String,
    purpose: String,
    bytes: Vec<u8>,
}

impl Files {
    pub(crate) fn put(&mut self, id: &str, name: &str, purpose: &str, bytes: Vec<u8>) -> Value {
        let file = File { name: name.to_owned(), purpose: purpose.to_owned(), bytes };
        let view = view(id, &file);
        self.0.insert(id.to_owned(), file);
        view
    }

    pub(crate) fn content(&self, id: &str) -> Option<Vec<u8>> {
        self.0.get(id).map(|file| file.bytes.clone())
    }
}

fn view(id: &str, file: &File) -> Value {
    json!({
        "id": id, "object": "file", "bytes": file.bytes.len(), "created_at": 1_793_491_200, "filename": file.name,
        "purpose": file.purpose, "status": "processed",
    })
}

fn missing(id: &str) -> Response {
    auth::error(404, "invalid_request_error", None, &format!("No such File object: {id}"))
}

pub(crate) async fn upload(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let form = match Form::read(&headers, &body, &["file", "purpose", "expires_after"]) {
        Ok(form) => form,
        Err(refusal) => return *refusal,
    };
    let Some(purpose) = form.field("purpose").map(str::to_owned) else {
        return auth::invalid("'purpose' is a required property");
    };
    let id = shared.next_id("file-");
    let view = shared.files.lock().unwrap().put(&id, &form.file_name, &purpose, form.file);
    Json(view).into_response()
}

pub(crate) async fn list(State(shared): State<Arc<Shared>>) -> Response {
    let files = shared.files.lock().unwrap();
    let data: Vec<_> = files.0.iter().map(|(id, file)| view(id, file)).collect();
    let (first, last) =
        (files.0.keys().next().cloned().unwrap_or_default(), files.0.keys().next_back().cloned().unwrap_or_default());
    Json(json!({"object": "list", "data": data, "first_id": first, "last_id": last, "has_more": false})).into_response()
}

pub(crate) async fn get(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Response {
    match shared.files.lock().unwrap().0.get(&id) {
        Some(file) => Json(view(&id, file)).into_response(),
        None => missing(&id),
    }
}

pub(crate) async fn content(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Response {
    match shared.files.lock().unwrap().content(&id) {
        Some(bytes) => bytes.into_response(),
        None => missing(&id),
    }
}

pub(crate) async fn delete(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Response {
    match shared.files.lock().unwrap().0.remove(&id) {
        Some(_) => Json(json!({"id": id, "object": "file", "deleted": true})).into_response(),
        None => missing(&id),
    }
}
