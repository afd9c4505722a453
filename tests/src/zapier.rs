//! Zapier's hooks, simulated: where Zaps are pushed to.
//!
//! It keeps to Zapier's limits (thirty a second for each URL, ten thousand in five minutes for each account), answers as each
//! Zap is told to, and forgets none of what came. A push that Zapier could make nothing of is a recorded violation.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::State as Extract,
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::any,
};
use chrono::Duration;
use patchbay_model::{Clock, Timestamp};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// The largest payload, in bytes.
const MOST_BYTES: usize = 10 << 20;

/// How a Zap answers its next push.
#[derive(Debug, Clone, Copy)]
pub enum ZapFault {
    /// It was switched off and deleted.
    Gone,
    /// 429, with so many seconds to wait if they are said.
    Limited(Option<u64>),
    /// This status.
    Status(u16),
    /// 301 to another hook.
    Moved,
}

#[derive(Default)]
struct State {
    faults: BTreeMap<String, VecDeque<ZapFault>>,
    /// Pushes that were taken, with their path.
    pushes: Vec<(String, Value)>,
    /// When something came, with its path.
    times: Vec<(String, Timestamp)>,
    violations: Vec<String>,
}

struct Shared {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

/// A running simulator; it stops when this is dropped.
pub struct Zapier {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

impl Zapier {
    /// Starts on a free port of 127.0.0.1.
    pub async fn start(clock: Arc<dyn Clock>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port on the loopback address");
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared { clock, state: Mutex::default() });
        let router = Router::new().fallback(any(push)).with_state(Arc::clone(&shared));
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Self { address, shared, task }
    }

    /// `http://127.0.0.1:port`, to map `hooks.zapier.com` to.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The URL of a Zap's hook, as Zapier gives it.
    #[must_use]
    pub fn standard(account: &str, token: &str) -> String {
        format!("https://hooks.zapier.com/hooks/standard/{account}/{token}/")
    }

    /// The next pushes to a URL are answered like this.
    pub fn fail(&self, url: &str, faults: impl IntoIterator<Item = ZapFault>) {
        let path = url.strip_prefix("https://hooks.zapier.com").expect("a URL of Zapier's").to_owned();
        self.shared.state.lock().unwrap().faults.entry(path).or_default().extend(faults);
    }

    /// What was taken for a URL, in order.
    #[must_use]
    pub fn pushes(&self, url: &str) -> Vec<Value> {
        let state = self.shared.state.lock().unwrap();
        let of = state.pushes.iter().filter(|(path, _)| url.ends_with(path));
        of.map(|(_, payload)| payload.clone()).collect()
    }

    /// When something came to a URL, whatever became of it.
    #[must_use]
    pub fn times(&self, url: &str) -> Vec<Timestamp> {
        let state = self.shared.state.lock().unwrap();
        state.times.iter().filter(|(path, _)| url.ends_with(path)).map(|(_, at)| *at).collect()
    }

    /// Everything that a well-behaved client would not have sent, in words.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        self.shared.state.lock().unwrap().violations.clone()
    }
}

impl Drop for Zapier {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn push(
    Extract(shared): Extract<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.path().to_owned();
    let now = shared.clock.now();
    let mut state = shared.state.lock().unwrap();
    let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
    let ["hooks", "standard" | "catch", account, _, ..] = segments.as_slice() else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let account = (*account).to_owned();
    let media = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let payload: Value = serde_json::from_slice(&body).unwrap_or_default();
    let mut wrong = Vec::new();
    if method != Method::POST || !media.starts_with("application/json") || !payload.is_object() {
        wrong.push(format!("{method} {media}: one JSON object is posted"));
    }
    if payload["id"].is_null() {
        wrong.push("a push without an id".to_owned());
    }
    if body.len() > MOST_BYTES {
        wrong.push(format!("{} bytes", body.len()));
    }
    if headers.contains_key(header::AUTHORIZATION) || headers.contains_key(header::COOKIE) {
        wrong.push("a key or a cookie for a URL that needs none".to_owned());
    }
    state.violations.extend(wrong);
    let within = |state: &State, seconds: i64, prefix: &str| {
        let since = now - Duration::seconds(seconds);
        state.times.iter().filter(|(path, at)| *at > since && path.contains(prefix)).count()
    };
    if within(&state, 1, &path) >= 30 || within(&state, 300, &format!("/{account}/")) >= 10_000 {
        state.violations.push("more pushes than Zapier takes".to_owned());
    }
    state.times.push((path.clone(), now));
    if let Some(fault) = state.faults.get_mut(&path).and_then(VecDeque::pop_front) {
        return match fault {
            ZapFault::Gone => StatusCode::GONE.into_response(),
            ZapFault::Limited(None) => StatusCode::TOO_MANY_REQUESTS.into_response(),
            ZapFault::Limited(Some(seconds)) => {
                (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, seconds.to_string())]).into_response()
            }
            ZapFault::Status(status) => StatusCode::from_u16(status).expect("a status").into_response(),
            ZapFault::Moved => {
                let elsewhere = "https://hooks.zapier.com/hooks/standard/1/elsewhere/";
                (StatusCode::MOVED_PERMANENTLY, [(header::LOCATION, elsewhere)]).into_response()
            }
        };
    }
    state.pushes.push((path, payload));
    Json(json!({"attempt": "0190", "id": "0190", "request_id": "0190", "status": "success"})).into_response()
}
