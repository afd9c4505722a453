//! Routes, and what all of them do before and after.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, Path, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
    serve::ListenerExt,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{Behaviour, Captured, Shared, audio, auth, batches, chat, embeddings, files, moderations, responses};

const BODY_LIMIT: usize = 32 << 20;

/// One request that passed every check.
pub(crate) struct Asked {
    pub(crate) shared: Arc<Shared>,
    pub(crate) credential: String,
    pub(crate) body: Value,
    pub(crate) behaviour: Behaviour,
}

impl Asked {
    pub(crate) fn model(&self) -> &str {
        self.body["model"].as_str().unwrap_or("default")
    }

    /// Words of the answer: as many as wanted, the same on every run.
    pub(crate) fn words(&self, cap: Option<u64>) -> Vec<String> {
        let wanted = u64::from(self.behaviour.tokens.unwrap_or(6));
        let count = cap.map_or(wanted, |cap| cap.min(wanted));
        let mut words: Vec<String> = (0..count).map(|index| format!("word{index} ")).collect();
        if let Some(first) = words.first_mut() {
            first.insert_str(0, &"x".repeat(self.behaviour.padding));
            if self.behaviour.echo_credential {
                first.insert_str(0, &echoes(&self.credential));
            }
        }
        words
    }
}

pub(crate) async fn serve(listener: TcpListener, router: Router) {
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    if let Err(error) = axum::serve(listener, router).await {
        eprintln!("the OpenAI simulator stopped: {error}");
    }
}

pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/v1/chat/completions", post(chat_completions))
        .route("/v1/responses", post(create_response))
        .route("/v1/embeddings", post(create_embeddings))
        .route("/v1/moderations", post(create_moderation))
        .route("/v1/audio/speech", post(create_speech))
        .route("/v1/audio/transcriptions", post(create_transcription))
        .route("/v1/audio/translations", post(create_translation))
        .route("/v1/files", get(files::list).post(files::upload))
        .route("/v1/files/{id}", get(files::get).delete(files::delete))
        .route("/v1/files/{id}/content", get(files::content))
        .route("/v1/batches", get(batches::list).post(create_batch))
        .route("/v1/batches/{id}", get(batches::get))
        .route("/v1/batches/{id}/cancel", post(batches::cancel))
        .route("/v1/models", get(list_models))
        .route("/v1/models/{id}", get(get_model))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), observe))
        .with_state(shared)
}

async fn observe(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(bytes) = axum::body::to_bytes(body, BODY_LIMIT).await else {
        return auth::invalid("the body broke off or is too large");
    };
    let path = parts.uri.path_and_query().map_or_else(String::new, ToString::to_string);
    auth::look_for_hub_keys(&shared, &path, &parts.headers, &bytes);
    shared.captured.lock().unwrap().push(Captured {
        method: parts.method.to_string(),
        path,
        headers: headers_of(&parts.headers),
        body: bytes.to_vec(),
    });
    let credential = match auth::check_key(&shared, &parts.headers) {
        Ok(credential) => credential,
        Err(refusal) => return finish(&shared, *refusal, None),
    };
    let response = next.run(Request::from_parts(parts, Body::from(bytes))).await;
    finish(&shared, response, Some(&credential))
}

fn finish(shared: &Shared, mut response: Response, credential: Option<&str>) -> Response {
    let echo = response.headers_mut().remove("x-simulator-echo").is_some();
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&shared.next_id("req_")) {
        headers.insert("x-request-id", id);
    }
    headers.insert("openai-version", HeaderValue::from_static("2020-10-01"));
    headers.insert("openai-processing-ms", HeaderValue::from_static("1"));
    headers.insert("x-ratelimit-limit-requests", HeaderValue::from_static("10000"));
    headers.insert("x-ratelimit-remaining-requests", HeaderValue::from_static("9999"));
    headers.insert("x-ratelimit-reset-requests", HeaderValue::from_static("6ms"));
    if let (true, Some(credential)) = (echo, credential) {
        if let Ok(value) = HeaderValue::from_str(&format!("Bearer {credential}")) {
            headers.insert("x-echo-authorization", value);
        }
        if let Ok(value) = HeaderValue::from_str(&format!("session={credential}; Secure")) {
            headers.insert(header::SET_COOKIE, value);
        }
    }
    response
}

/// The credential in every form in which a careless or hostile vendor may send it back.
pub(crate) fn echoes(credential: &str) -> String {
    use base64::Engine as _;
    let base64 = base64::engine::general_purpose::STANDARD.encode(credential);
    let percent = percent_encoded(credential);
    let hexadecimal = hex::encode(credential);
    format!("you sent {credential} or {base64} or {percent} or {hexadecimal} ")
}

/// As in a query: all but unreserved characters (RFC 3986) escaped.
#[must_use]
pub fn percent_encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}

async fn asked(shared: Arc<Shared>, headers: &HeaderMap, bytes: &Bytes, component: &str) -> Result<Asked, Response> {
    let media = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    if media.split(';').next().map(str::trim) != Some("application/json") {
        shared.violation(format!("the content type {media:?}"));
        return Err(auth::invalid("the content type must be application/json"));
    }
    let body: Value = serde_json::from_slice(bytes).map_err(|_| auth::invalid("We could not parse the JSON body."))?;
    if !body.is_object() {
        return Err(auth::invalid("the body must be a JSON object"));
    }
    if let Some(contract) = &shared.contract
        && let Err(wrong) = contract.check(component, &body)
    {
        return Err(auth::invalid(&format!("the body breaks {component}: {}", wrong.join("; "))));
    }
    let set = shared.behaviour.lock().unwrap().clone();
    let model = body["model"].as_str().unwrap_or("");
    let behaviour = set.for_model(model).map_err(|text| auth::error(404, "invalid_request_error", None, &text))?;
    let credential = auth::check_key(&shared, headers).map_err(|refusal| *refusal)?;
    if !behaviour.delay.is_zero() {
        // counts as open: a test sees that the request is here, and that it was given up
        let _waiting = OpenStream::new(Arc::clone(&shared));
        tokio::time::sleep(behaviour.delay).await;
    }
    let asked = Asked { shared, credential, body, behaviour };
    match misbehave(&asked.behaviour) {
        Some(response) => Err(response),
        None => Ok(asked),
    }
}

fn misbehave(behaviour: &Behaviour) -> Option<Response> {
    if let Some(fault) = &behaviour.fault {
        let (kind, code) = match fault.status {
            401 => ("invalid_request_error", "invalid_api_key"),
            429 => ("requests", "rate_limit_exceeded"),
            status if status >= 500 => ("server_error", "server_error"),
            _ => ("invalid_request_error", "invalid_value"),
        };
        let mut response = auth::error(fault.status, kind, Some(code), "The simulator was asked to fail.");
        if let Some(seconds) = fault.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        return Some(response);
    }
    behaviour.gzip_bomb.map(|size| {
        let headers = [(header::CONTENT_TYPE, "application/json"), (header::CONTENT_ENCODING, "gzip")];
        (headers, crate::vendor::gzip_of_zeros(size)).into_response()
    })
}

fn mark(asked: &Asked, mut response: Response) -> Response {
    if asked.behaviour.echo_credential {
        response.headers_mut().insert("x-simulator-echo", HeaderValue::from_static("1"));
    }
    response
}

async fn chat_completions(State(shared): State<Arc<Shared>>, headers: HeaderMap, bytes: Bytes) -> Response {
    match asked(shared, &headers, &bytes, "CreateChatCompletionRequest").await {
        Ok(asked) => mark(&asked, chat::answer(&asked)),
        Err(response) => response,
    }
}

async fn create_response(State(shared): State<Arc<Shared>>, headers: HeaderMap, bytes: Bytes) -> Response {
    match asked(shared, &headers, &bytes, "CreateResponse").await {
        Ok(asked) => mark(&asked, responses::answer(&asked)),
        Err(response) => response,
    }
}

async fn create_embeddings(State(shared): State<Arc<Shared>>, headers: HeaderMap, bytes: Bytes) -> Response {
    match asked(shared, &headers, &bytes, "CreateEmbeddingRequest").await {
        Ok(asked) => mark(&asked, embeddings::answer(&asked)),
        Err(response) => response,
    }
}

async fn create_moderation(State(shared): State<Arc<Shared>>, headers: HeaderMap, bytes: Bytes) -> Response {
    match asked(shared, &headers, &bytes, "CreateModerationRequest").await {
        Ok(asked) => mark(&asked, moderations::answer(&asked)),
        Err(response) => response,
    }
}

async fn create_speech(State(shared): State<Arc<Shared>>, headers: HeaderMap, bytes: Bytes) -> Response {
    match asked(shared, &headers, &bytes, "CreateSpeechRequest").await {
        Ok(asked) => mark(&asked, audio::speak(&asked)),
        Err(response) => response,
    }
}

async fn create_transcription(State(shared): State<Arc<Shared>>, headers: HeaderMap, bytes: Bytes) -> Response {
    audio::transcribe(&shared, "/v1/audio/transcriptions", &headers, &bytes)
}

async fn create_translation(State(shared): State<Arc<Shared>>, headers: HeaderMap, bytes: Bytes) -> Response {
    audio::transcribe(&shared, "/v1/audio/translations", &headers, &bytes)
}

async fn create_batch(State(shared): State<Arc<Shared>>, headers: HeaderMap, bytes: Bytes) -> Response {
    match asked(shared, &headers, &bytes, "CreateBatchRequest").await {
        Ok(asked) => mark(&asked, batches::create(&asked)),
        Err(response) => response,
    }
}

const MODELS: [&str; 3] = ["gpt-4.1", "gpt-5.4-mini", "text-embedding-3-small"];

fn model(id: &str) -> Value {
    json!({"id": id, "object": "model", "created": 1_793_491_200, "owned_by": "simulator"})
}

async fn list_models() -> Response {
    axum::Json(json!({"object": "list", "data": MODELS.map(model)})).into_response()
}

async fn get_model(Path(id): Path<String>) -> Response {
    if MODELS.contains(&id.as_str()) {
        return axum::Json(model(&id)).into_response();
    }
    let message = format!("The model '{id}' does not exist");
    auth::error(404, "invalid_request_error", Some("model_not_found"), &message)
}

async fn unknown(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    shared.violation(format!("{} {}: no such path", request.method(), request.uri().path()));
    auth::error(404, "invalid_request_error", Some("unknown_url"), "Unknown request URL.")
}

async fn wrong_method() -> Response {
    let mut response = auth::error(405, "invalid_request_error", None, "Not allowed on this path.");
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    response
}

/// A stream's frames, and the count of open streams while it lives.
pub(crate) fn stream_response(
    asked: &Asked,
    frames: impl futures::Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static,
) -> Response {
    let guard = OpenStream::new(Arc::clone(&asked.shared));
    let body = async_stream::stream! {
        let _guard = guard;
        for await frame in frames {
            yield frame;
        }
    };
    ([(header::CONTENT_TYPE, "text/event-stream; charset=utf-8")], Body::from_stream(body)).into_response()
}

struct OpenStream(Arc<Shared>);

impl OpenStream {
    fn new(shared: Arc<Shared>) -> Self {
        shared.open_streams.send_modify(|count| *count += 1);
        Self(shared)
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.open_streams.send_modify(|count| *count -= 1);
    }
}

/// Waits as long as the behaviour asks for before each frame.
pub(crate) async fn pace(by: Duration) {
    if !by.is_zero() {
        tokio::time::sleep(by).await;
    }
}

fn headers_of(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect()
}
