//! The routes: uploads, transcripts, lists, deletions, tokens.

use std::{collections::HashMap, sync::Arc};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{Path, Query, Request, State as Extract},
    http::{HeaderMap, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use futures::StreamExt as _;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::{Refusal, Shared, Uploaded, transcript::Ended, transcript::Entry};
use crate::openai::Captured;

/// Where uploads are said to be.
const CDN: &str = "https://cdn.assemblyai.com/upload/";

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/v2/upload", post(upload))
        .route("/v2/transcript", post(create).get(list))
        .route("/v2/transcript/{id}", get(look).delete(delete))
        .route("/v2/transcript/{id}/{what}", get(part))
        .route("/v3/token", get(token))
        .fallback(unknown)
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), observe))
        .with_state(shared)
}

fn refuse(status: u16, text: &str) -> Response {
    (StatusCode::from_u16(status).expect("a status"), Json(json!({"error": text}))).into_response()
}

async fn observe(Extract(shared): Extract<Arc<Shared>>, request: Request, next: Next) -> Response {
    let text = |value: &header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let captured = Captured {
        method: request.method().to_string(),
        path: request.uri().path_and_query().map_or_else(String::new, ToString::to_string),
        headers: request.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
        body: Vec::new(),
    };
    if format!("{captured:?}").contains("pb_") {
        shared.violation("a key of the hub's");
    }
    if captured.header("cookie").is_some() {
        shared.violation("a cookie");
    }
    let authorization = captured.header("authorization").unwrap_or_default().to_owned();
    let fault = {
        let mut state = shared.state.lock().unwrap();
        state.captured.push(captured);
        state.faults.pop_front()
    };
    if let Some(Refusal(status, wait)) = fault {
        let mut response = refuse(status, "the simulator was asked to refuse");
        if let Some(seconds) = wait {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        return response;
    }
    if authorization.starts_with("Bearer ") {
        shared.violation("a key with a scheme before it");
    }
    if authorization != shared.key {
        return refuse(401, "Authentication error, API token missing/invalid");
    }
    next.run(request).await
}

async fn unknown(Extract(shared): Extract<Arc<Shared>>, request: Request) -> Response {
    shared.violation(format!("{} {}: no such path", request.method(), request.uri().path()));
    refuse(404, "Not found")
}

/// Counts and hashes what flows in.
async fn upload(Extract(shared): Extract<Arc<Shared>>, request: Request) -> Response {
    let media = request.headers().get(header::CONTENT_TYPE).cloned();
    if media.as_ref().is_none_or(|media| media != "application/octet-stream") {
        shared.violation(format!("an upload of the type {media:?}"));
    }
    let (mut size, mut hash) = (0, Sha256::new());
    let mut stream = request.into_body().into_data_stream();
    while let Some(chunk) = stream.next().await {
        let Ok(chunk) = chunk else { return refuse(400, "Upload failed, please try again") };
        size += chunk.len() as u64;
        hash.update(&chunk);
    }
    let mut state = shared.state.lock().unwrap();
    let url = format!("{CDN}{:08}", state.uploads.len());
    state.uploads.insert(url.clone(), Uploaded { size, sha256: hex::encode(hash.finalize()) });
    Json(json!({"upload_url": url})).into_response()
}

/// Why AssemblyAI would not take a request for a transcript.
fn misfit(shared: &Shared, order: &Map<String, Value>) -> Option<(u16, String)> {
    let Some(audio) = order.get("audio_url").and_then(Value::as_str) else {
        return Some((400, "audio_url is required".to_owned()));
    };
    if audio.starts_with(CDN) && !shared.state.lock().unwrap().uploads.contains_key(audio) {
        return Some((403, "Cannot access uploaded file".to_owned()));
    }
    let secret = |name: &str| order.get(name).and_then(Value::as_str).unwrap_or_default().is_empty();
    if secret("webhook_auth_header_name") != secret("webhook_auth_header_value") {
        shared.violation("a webhook's header without a value, or a value without a header");
    }
    let wrong = shared.contract.as_ref().map(|contract| contract.order(order)).unwrap_or_default();
    (!wrong.is_empty()).then(|| (400, wrong.join("; ")))
}

async fn create(Extract(shared): Extract<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let media = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !media.starts_with("application/json") {
        shared.violation(format!("a transcript asked for as {media:?}"));
    }
    let Ok(order) = serde_json::from_slice::<Map<String, Value>>(&body) else {
        return refuse(400, "Invalid JSON");
    };
    if let Some((status, text)) = misfit(&shared, &order) {
        return refuse(status, &text);
    }
    let entry = Entry { order, looks: 0, ended: None, deleted: false };
    let (id, is_said) = {
        let mut state = shared.state.lock().unwrap();
        let id = format!("00000000-0000-4000-8000-{:012}", state.transcripts.len());
        state.transcripts.insert(id.clone(), entry.clone());
        let is_said = state.unsaid == 0;
        state.unsaid = state.unsaid.saturating_sub(1);
        (id, is_said)
    };
    if !is_said {
        // the head is not written before the body has something
        let broken = futures::stream::iter([Err::<Bytes, _>(std::io::Error::other("as it was told"))]);
        return Body::from_stream(broken).into_response();
    }
    show(&shared, &entry, &id)
}

/// A transcript that is answered with keeps to the contract as well.
fn show(shared: &Shared, entry: &Entry, id: &str) -> Response {
    let shown = entry.shown(id);
    let wrong = shared.contract.as_ref().map(|contract| contract.transcript(&shown)).unwrap_or_default();
    if !wrong.is_empty() {
        shared.violation(format!("the simulator's own transcript: {}", wrong.join("; ")));
    }
    Json(shown).into_response()
}

fn missing() -> Response {
    refuse(400, "Transcript lookup error, transcript id not found")
}

async fn look(Extract(shared): Extract<Arc<Shared>>, Path(id): Path<String>) -> Response {
    let entry = {
        let mut state = shared.state.lock().unwrap();
        let looks = state.looks;
        let Some(entry) = state.transcripts.get_mut(&id) else { return missing() };
        entry.looks += 1;
        if entry.ended.is_none() && looks.is_some_and(|looks| entry.looks >= looks) {
            entry.ended = Some(Ended::Completed);
        }
        entry.clone()
    };
    show(&shared, &entry, &id)
}

async fn delete(Extract(shared): Extract<Arc<Shared>>, Path(id): Path<String>) -> Response {
    let entry = {
        let mut state = shared.state.lock().unwrap();
        let Some(entry) = state.transcripts.get_mut(&id) else { return missing() };
        if entry.ended.is_none() {
            return refuse(400, "Transcripts that are queued or processing cannot be deleted");
        }
        entry.deleted = true;
        entry.clone()
    };
    show(&shared, &entry, &id)
}

async fn part(Extract(shared): Extract<Arc<Shared>>, Path((id, what)): Path<(String, String)>) -> Response {
    let state = shared.state.lock().unwrap();
    let Some(entry) = state.transcripts.get(&id) else { return missing() };
    let redacted = entry.order.get("redact_pii_audio") == Some(&Value::Bool(true));
    match (&entry.ended, what.as_str()) {
        (Some(Ended::Completed), "srt") => {
            "1\n00:00:00,000 --> 00:00:00,900\nVery good.\n\n2\n00:00:00,950 --> 00:00:01,700\nNot so.\n"
                .into_response()
        }
        (Some(Ended::Completed), "redacted-audio") if redacted => {
            let url = format!("https://s3.example/redacted/{id}.mp3");
            Json(json!({"status": "redacted_audio_ready", "redacted_audio_url": url})).into_response()
        }
        _ => refuse(400, "This transcript has no such part"),
    }
}

async fn list(Extract(shared): Extract<Arc<Shared>>, Query(mut query): Query<HashMap<String, String>>) -> Response {
    let limit = match query.remove("limit").map(|text| text.parse::<usize>()) {
        None => 10,
        Some(Ok(limit)) if (1..=200).contains(&limit) => limit,
        Some(_) => return refuse(400, "limit must be from 1 to 200"),
    };
    let (status, before) = (query.remove("status"), query.remove("before_id"));
    let (answer, wrong) = {
        let state = shared.state.lock().unwrap();
        let newest_first = state.transcripts.iter().rev();
        let fits = |(id, entry): &(&String, &Entry)| {
            status.as_deref().is_none_or(|status| status == entry.status())
                && before.as_ref().is_none_or(|before| *id < before)
        };
        let mut found = newest_first.filter(fits);
        let page: Vec<_> = found.by_ref().take(limit).collect();
        let base = "https://api.assemblyai.com/v2/transcript";
        let older = page.last().filter(|_| found.next().is_some());
        let older = older.map(|(id, _)| format!("{base}?limit={limit}&before_id={id}"));
        let answer = json!({
            "page_details": {"limit": limit, "result_count": page.len(), "current_url": base, "prev_url": older, "next_url": null},
            "transcripts": page.iter().map(|(id, entry)| entry.listed(id)).collect::<Vec<_>>(),
        });
        let wrong = shared.contract.as_ref().map(|contract| contract.list(&answer)).unwrap_or_default();
        (answer, wrong)
    };
    if !wrong.is_empty() {
        shared.violation(format!("the simulator's own list: {}", wrong.join("; ")));
    }
    Json(answer).into_response()
}

async fn token(Extract(shared): Extract<Arc<Shared>>, Query(query): Query<HashMap<String, String>>) -> Response {
    let number = |name: &str| query.get(name).map(|text| text.parse::<u64>().unwrap_or_default());
    let expires = number("expires_in_seconds").unwrap_or_default();
    let session = number("max_session_duration_seconds").unwrap_or(10_800);
    if !(1..=600).contains(&expires) || !(60..=10_800).contains(&session) {
        return refuse(400, "expires_in_seconds must be from 1 to 600, max_session_duration_seconds from 60 to 10800");
    }
    let mut state = shared.state.lock().unwrap();
    state.tokens += 1;
    Json(json!({"token": format!("streaming-token-{}", state.tokens), "expires_in_seconds": expires})).into_response()
}
