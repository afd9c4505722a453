//! ElevenLabs, simulated: strict about what it is sent, obedient about how it fails.
//!
//! It makes speech anew each time, with its number in the bytes, so that a test hears whether speech was made or given
//! again. It stops where it is told to, before it answers or in the middle of it, until it is told to go on. What only
//! a careless client sends is a recorded violation even where ElevenLabs would let it pass.

mod contract;
mod library;
mod sender;
mod speech;

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State as Extract},
    http::StatusCode,
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch};

use crate::openai::Captured;

pub use sender::{ElevenLabsSender, vector};
pub use speech::cost;

/// Where it stops until it is told to go on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Stop {
    /// Nowhere.
    #[default]
    Nowhere,
    /// Before it answers.
    BeforeTheAnswer,
    /// When half of the audio is sent.
    HalfWay,
}

/// How the next speech fails.
#[derive(Debug, Clone)]
pub enum Fault {
    /// With this status and `code`.
    Refuses(u16, &'static str),
    /// It breaks off half way.
    BreaksOff,
    /// It makes the speech and bills it, and the connection ends before any of the answer is sent.
    NeverAnswers,
    /// It does not say what it costs.
    TellsNoCost,
}

/// Speech that was made.
#[derive(Debug, Clone)]
struct Item {
    id: String,
    voice: String,
    model: String,
    text: String,
    content_type: String,
    audio: Vec<u8>,
}

struct State {
    captured: Vec<Captured>,
    violations: Vec<String>,
    faults: VecDeque<Fault>,
    history: Vec<Item>,
    /// Speech that was asked for, those that failed among it.
    asked: u64,
    /// What was billed, in credits.
    billed: u64,
}

pub(crate) struct Shared {
    key: String,
    contract: Option<contract::Contract>,
    state: Mutex<State>,
    stop: watch::Sender<Stop>,
    /// Speech that is being answered.
    open: watch::Sender<usize>,
}

impl Shared {
    fn violation(&self, text: impl Into<String>) {
        self.state.lock().unwrap().violations.push(text.into());
    }

    /// Waits while it is told to stop here.
    async fn pass(&self, here: Stop) {
        // the simulator is never dropped while it answers
        let _ = self.stop.subscribe().wait_for(|stop| *stop != here).await;
    }
}

/// A running simulator; it stops when this is dropped.
pub struct ElevenLabs {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

impl ElevenLabs {
    /// Starts on a free port of 127.0.0.1; `key` is the only one that it takes.
    pub async fn start(key: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port on the loopback address");
        let address = listener.local_addr().unwrap();
        let state = State {
            captured: Vec::new(),
            violations: Vec::new(),
            faults: VecDeque::new(),
            history: Vec::new(),
            asked: 0,
            billed: 0,
        };
        let shared = Arc::new(Shared {
            key: key.to_owned(),
            contract: contract::Contract::load(),
            state: Mutex::new(state),
            stop: watch::Sender::new(Stop::default()),
            open: watch::Sender::new(0),
        });
        let router = Router::new()
            .route("/v1/text-to-speech/{voice}", post(speech::audio))
            .route("/v1/text-to-speech/{voice}/stream", post(speech::audio_stream))
            .route("/v1/text-to-speech/{voice}/with-timestamps", post(speech::timestamps))
            .route("/v1/text-to-speech/{voice}/stream/with-timestamps", post(speech::timestamp_stream))
            .route("/v2/voices", get(library::voices))
            .route("/v1/voices/{voice}", get(library::voice))
            .route("/v1/models", get(library::models))
            .route("/v1/history", get(library::history))
            .route("/v1/history/{item}", get(library::item).delete(library::delete))
            .route("/v1/history/{item}/audio", get(library::audio))
            .route("/v1/user/subscription", get(library::subscription))
            .fallback(unknown)
            .layer(middleware::from_fn_with_state(Arc::clone(&shared), observe))
            .with_state(Arc::clone(&shared));
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Self { address, shared, task }
    }

    /// `http://127.0.0.1:port`, to map `api.elevenlabs.io` to.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it stops from now on; what stands elsewhere goes on.
    pub fn stop(&self, at: Stop) {
        self.shared.stop.send_replace(at);
    }

    /// How the next speech fails that is not told to yet.
    pub fn fail_next(&self, fault: Fault) {
        self.shared.state.lock().unwrap().faults.push_back(fault);
    }

    /// How often it was asked for speech.
    #[must_use]
    pub fn asked(&self) -> u64 {
        self.shared.state.lock().unwrap().asked
    }

    /// What it billed, in credits.
    #[must_use]
    pub fn billed(&self) -> u64 {
        self.shared.state.lock().unwrap().billed
    }

    /// Every request so far.
    #[must_use]
    pub fn captured(&self) -> Vec<Captured> {
        self.shared.state.lock().unwrap().captured.clone()
    }

    /// Everything that a well-behaved client would not have sent, in words.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        self.shared.state.lock().unwrap().violations.clone()
    }

    /// Waits until so many requests for speech are being answered.
    pub async fn answering(&self, count: usize) {
        // the sender lives as long as the simulator
        let _ = self.shared.open.subscribe().wait_for(|open| *open == count).await;
    }
}

impl Drop for ElevenLabs {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A failure in ElevenLabs' present shape.
fn refuse(status: u16, code: &str, message: &str) -> Response {
    let status = StatusCode::from_u16(status).expect("a status");
    let kind = if status == StatusCode::UNAUTHORIZED { "authentication_error" } else { "invalid_request_error" };
    let detail = json!({"type": kind, "code": code, "status": code, "message": message, "request_id": "sim"});
    (status, axum::Json(json!({"detail": detail}))).into_response()
}

/// A finding of its check of requests.
fn invalid(place: &[&str], message: &str) -> Response {
    let finding: Value = json!({"loc": place, "msg": message, "type": "value_error"});
    (StatusCode::UNPROCESSABLE_ENTITY, axum::Json(json!({"detail": [finding]}))).into_response()
}

async fn unknown() -> Response {
    (StatusCode::NOT_FOUND, axum::Json(json!({"detail": "Not Found"}))).into_response()
}

/// Remembers each request, and looks for what must not be in one.
async fn observe(Extract(shared): Extract<Arc<Shared>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(bytes) = axum::body::to_bytes(body, 16 << 20).await else {
        return invalid(&["body"], "the body broke off or is too large");
    };
    let captured = Captured {
        method: parts.method.to_string(),
        path: parts.uri.path_and_query().map_or_else(String::new, ToString::to_string),
        headers: parts
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect(),
        body: bytes.to_vec(),
    };
    if format!("{captured:?}").contains("pb_") || String::from_utf8_lossy(&bytes).contains("pb_") {
        shared.violation("a key of the hub's");
    }
    for unwanted in ["cookie", "authorization", "forwarded", "x-forwarded-for"] {
        if captured.header(unwanted).is_some() {
            shared.violation(format!("the header {unwanted}"));
        }
    }
    if let Some(contract) = &shared.contract
        && !contract.has(&captured.method, parts.uri.path())
    {
        shared.violation(format!("{} {} is no request of ElevenLabs'", captured.method, captured.path));
    }
    let keys: Vec<_> = parts.headers.get_all("xi-api-key").iter().collect();
    let is_right = matches!(&keys[..], [key] if key.as_bytes() == shared.key.as_bytes());
    shared.state.lock().unwrap().captured.push(captured);
    if !is_right {
        return refuse(401, "invalid_api_key", "Invalid API key");
    }
    next.run(Request::from_parts(parts, Body::from(bytes))).await
}
