//! A vendor without manners, for the hostile guests: each path is one way to hurt a client.

use std::{
    net::SocketAddr,
    sync::{
        Arc, LazyLock, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Query, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::any,
};
use serde::Deserialize;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::{Notify, watch},
};

use crate::openai::Captured;

type Requests = Arc<Mutex<Vec<Captured>>>;

/// What becomes of requests to `/held`.
#[derive(Debug, Clone, Copy, Default)]
struct Held {
    /// They wait.
    waits: bool,
    /// They are answered with a failure.
    fails: bool,
    /// So many have come.
    asked: usize,
}

/// A running vendor; it stops when this is dropped.
pub struct Vendor {
    address: SocketAddr,
    requests: Requests,
    silent: Arc<Notify>,
    once: Arc<Notify>,
    held: Arc<watch::Sender<Held>>,
    task: tokio::task::JoinHandle<()>,
}

impl Vendor {
    /// Starts on a free port of 127.0.0.1.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port on the loopback address");
        let address = listener.local_addr().unwrap();
        let requests = Requests::default();
        let silent = Arc::new(Notify::new());
        let asked = Arc::clone(&silent);
        let once_notify = Arc::new(Notify::new());
        let once_asked = Arc::clone(&once_notify);
        let held: Arc<watch::Sender<Held>> = Arc::default();
        let waiting = Arc::clone(&held);
        let router = Router::new()
            .route("/ok", any(|| async { axum::Json(serde_json::json!({"ok": true})) }))
            .route("/echo", any(echo))
            .route(
                "/once",
                any(move |requests: State<Requests>, request: Request| {
                    once_asked.notify_one();
                    once(requests, request)
                }),
            )
            .route("/limited", any(limited))
            .route("/redirect", any(redirect))
            .route("/huge-header", any(|| async { ([("x-huge", "h".repeat(300 << 10))], "ok") }))
            .route("/many-headers", any(many_headers))
            .route("/drip", any(|| async { drip(Duration::from_millis(50)) }))
            .route(
                "/silent",
                any(move || {
                    asked.notify_one();
                    async { drip(Duration::from_secs(3600)) }
                }),
            )
            .route(
                "/held",
                any(move || {
                    waiting.send_modify(|held| held.asked += 1);
                    answer_held(waiting.subscribe())
                }),
            )
            .route("/endless", any(endless))
            .route("/gzip-bomb", any(gzip_bomb))
            .route("/deep-json", any(|| async { "[".repeat(100_000) + &"]".repeat(100_000) }))
            .fallback(|| async { StatusCode::NOT_FOUND })
            .with_state(Arc::clone(&requests));
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Self { address, requests, silent, once: once_notify, held, task }
    }

    /// `http://127.0.0.1:port`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits until `/silent` was asked for.
    pub async fn silent_was_asked(&self) {
        self.silent.notified().await;
    }

    /// Waits until `/once` was asked for; it has not answered then.
    pub async fn once_was_asked(&self) {
        self.once.notified().await;
    }

    /// Lets requests to `/held` wait, or go on.
    pub fn hold(&self, waits: bool) {
        self.held.send_modify(|held| held.waits = waits);
    }

    /// Answers requests to `/held` with a failure, or as they should be.
    pub fn fail(&self, fails: bool) {
        self.held.send_modify(|held| held.fails = fails);
    }

    /// How often `/held` was asked.
    #[must_use]
    pub fn held_requests(&self) -> usize {
        self.held.borrow().asked
    }

    /// What came to `/echo`, `/once`, `/limited` and `/redirect`.
    #[must_use]
    pub fn requests(&self) -> Vec<Captured> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Vendor {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("memory takes every write");
    encoder.finish().expect("memory takes every write")
}

/// This many zero bytes, as gzip.
#[must_use]
pub fn gzip_of_zeros(size: usize) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let block = vec![0; 1 << 20];
    let mut left = size;
    while left > 0 {
        let part = left.min(block.len());
        encoder.write_all(&block[..part]).expect("memory takes every write");
        left -= part;
    }
    encoder.finish().expect("memory takes every write")
}

async fn capture(requests: &Requests, request: Request) -> Captured {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 16 << 20).await.unwrap_or_default();
    let captured = Captured {
        method: parts.method.to_string(),
        path: parts.uri.path_and_query().map_or_else(String::new, ToString::to_string),
        headers: parts
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect(),
        body: body.to_vec(),
    };
    requests.lock().unwrap().push(captured.clone());
    captured
}

/// Everything that came goes back: in the body, and the credential in headers too.
async fn echo(State(requests): State<Requests>, request: Request) -> Response {
    let captured = capture(&requests, request).await;
    let credential = captured.header("authorization").unwrap_or("").to_owned();
    let secret = credential.trim_start_matches("Bearer ");
    let text = format!(
        "{} {}\n{:?}\n{}\n{} {}\n{}",
        captured.method,
        captured.path,
        captured.headers,
        crate::openai::echoes(secret),
        secret.replace('/', "\\/"),
        secret.replace('+', "\\u002B"),
        String::from_utf8_lossy(&captured.body),
    );
    let before = requests.lock().unwrap().iter().filter(|other| other.path == captured.path).count();
    // every second one comes compressed, so that whoever asks twice sees both
    let mut response = if before % 2 == 0 && captured.header("accept-encoding").is_some_and(|all| all.contains("gzip"))
    {
        let headers = [(header::CONTENT_ENCODING, "gzip"), (HeaderName::from_static("x-compressed"), "1")];
        (headers, gzip(text.as_bytes())).into_response()
    } else {
        text.into_response()
    };
    if let Ok(value) = HeaderValue::from_str(&credential) {
        response.headers_mut().insert("x-echo-authorization", value.clone());
        response.headers_mut().insert(header::SET_COOKIE, value);
    }
    response
}

/// Takes its time, and answers with what identifies the request; a test counts what came.
async fn once(State(requests): State<Requests>, request: Request) -> Response {
    let captured = capture(&requests, request).await;
    tokio::time::sleep(Duration::from_millis(10)).await;
    format!("{} {}", captured.path, captured.header("idempotency-key").unwrap_or("without a key")).into_response()
}

#[derive(Deserialize)]
struct Limit {
    status: u16,
    name: String,
    value: String,
}

/// Answers with this status and this header.
async fn limited(State(requests): State<Requests>, Query(limit): Query<Limit>, request: Request) -> Response {
    capture(&requests, request).await;
    let status = StatusCode::from_u16(limit.status).unwrap_or(StatusCode::OK);
    let mut response = (status, "limited").into_response();
    if let (Ok(name), Ok(value)) = (HeaderName::try_from(limit.name), HeaderValue::try_from(limit.value)) {
        response.headers_mut().insert(name, value);
    }
    response
}

#[derive(Deserialize)]
struct Target {
    to: String,
}

async fn redirect(State(requests): State<Requests>, Query(target): Query<Target>, request: Request) -> Response {
    capture(&requests, request).await;
    (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, target.to)]).into_response()
}

async fn many_headers() -> Response {
    let mut headers = HeaderMap::new();
    for index in 0..5_000 {
        if let Ok(name) = HeaderName::from_bytes(format!("x-field-{index}").as_bytes()) {
            headers.insert(name, HeaderValue::from_static("value"));
        }
    }
    (headers, "ok").into_response()
}

/// Says yes, or fails, once it may.
async fn answer_held(mut held: watch::Receiver<Held>) -> Response {
    // fails only when the vendor stops
    match held.wait_for(|held| !held.waits).await.map(|held| held.fails) {
        Ok(false) => "yes".into_response(),
        _ => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn drip(every: Duration) -> Response {
    Body::from_stream(async_stream::stream! {
        yield Ok::<_, std::io::Error>(Bytes::from_static(b"d"));
        loop {
            tokio::time::sleep(every).await;
            yield Ok(Bytes::from_static(b"d"));
        }
    })
    .into_response()
}

async fn endless() -> Response {
    let block = Bytes::from(vec![b'e'; 64 << 10]);
    Body::from_stream(async_stream::stream! {
        loop {
            yield Ok::<_, std::io::Error>(block.clone());
        }
    })
    .into_response()
}

async fn gzip_bomb() -> Response {
    static BOMB: LazyLock<Bytes> = LazyLock::new(|| gzip_of_zeros(64 << 20).into());
    ([(header::CONTENT_ENCODING, "gzip")], BOMB.clone()).into_response()
}

/// A listener that nobody may reach: it counts who connected, and answers so that a client that got
/// through is seen to have.
pub struct Trap {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Trap {
    /// Starts on a free port of 127.0.0.1.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port on the loopback address");
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let mut request = [0; 1024];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\ntrapped").await;
            }
        });
        Self { address, connections, task }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections were made to it. Any number but 0 is a hole.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Trap {
    fn drop(&mut self) {
        self.task.abort();
    }
}
