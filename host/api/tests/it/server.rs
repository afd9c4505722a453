//! Connections that misbehave, on a real socket.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Body, routing::get};
use bytes::Bytes;
use patchbay_api::ServeConfig;
use patchbay_model::org::Scope;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};

use crate::support::Face;

/// Far longer than anything here takes; a test that meets it hangs.
const PATIENCE: Duration = Duration::from_secs(20);

struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Server {
    async fn start(face: &Face, config: ServeConfig) -> Self {
        Self::of(face.router.clone(), config).await
    }

    async fn of(router: Router, config: ServeConfig) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(patchbay_api::serve_within(config, listener, router, async move {
            let _ = stopped.await;
        }));
        Self { address, stop, task }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }
}

/// Everything up to the end of the connection.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset is an end as well.
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("the connection ends");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// One answer of a connection that stays open.
async fn answer(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    tokio::time::timeout(PATIENCE, async {
        loop {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
                if body.len() >= length.parse().unwrap() {
                    return text;
                }
            }
            let read = stream.read_buf(&mut bytes).await.unwrap();
            assert!(read > 0, "the connection ended after {text:?}");
        }
    })
    .await
    .expect("an answer comes")
}

fn hasty() -> ServeConfig {
    ServeConfig { header_timeout: Duration::from_millis(50), ..ServeConfig::default() }
}

#[tokio::test]
async fn a_head_that_never_ends_is_cut_off() {
    let face = Face::new().await;
    let server = Server::start(&face, hasty()).await;
    for start in ["", "P", "PRI * HT", "GET /healthz HTTP/1.1\r\nhost: x\r\nx-slow: "] {
        let mut stream = server.connect().await;
        stream.write_all(start.as_bytes()).await.unwrap();
        assert_eq!(rest(&mut stream).await, "", "{start:?}");
    }
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let face = Face::new().await;
    let server = Server::start(&face, ServeConfig { max_head_bytes: 8 << 10, ..ServeConfig::default() }).await;
    let mut stream = server.connect().await;
    let head = format!("GET /healthz HTTP/1.1\r\nhost: x\r\nx-large: {}\r\n\r\n", "x".repeat(20 << 10));
    let _ = stream.write_all(head.as_bytes()).await;
    assert!(rest(&mut stream).await.starts_with("HTTP/1.1 431 "));
}

#[tokio::test]
async fn a_body_that_stops_coming_is_answered_with_a_timeout() {
    let face = Face::with(|config| config.body_idle_timeout = Duration::from_millis(50)).await;
    let key = face.key(&Scope::ALL).await;
    let server = Server::start(&face, ServeConfig::default()).await;
    let mut stream = server.connect().await;
    let head = format!(
        "POST /v1/actions/openai/create-response HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\ncontent-length: 100\r\n\r\n{{\"half"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let text = answer(&mut stream).await;
    assert!(text.starts_with("HTTP/1.1 408 ") && text.contains("\"request_timeout\""), "{text}");
}

#[tokio::test]
async fn a_refusal_reaches_a_client_that_is_still_sending_and_the_connection_goes_on() {
    let face = Face::new().await;
    let server = Server::start(&face, ServeConfig::default()).await;
    let mut stream = server.connect().await;
    let size = 3 << 20;
    let head = format!("POST /v1/plugins HTTP/1.1\r\nhost: x\r\ncontent-length: {size}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&vec![0; size]).await.unwrap();
    let text = answer(&mut stream).await;
    assert!(text.starts_with("HTTP/1.1 401 "), "{text}");
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let text = answer(&mut stream).await;
    assert!(text.starts_with("HTTP/1.1 200 "), "{text}");
}

#[tokio::test]
async fn a_shutdown_ends_idle_connections_and_the_server() {
    let face = Face::new().await;
    let server = Server::start(&face, ServeConfig::default()).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    answer(&mut stream).await;
    server.stop.send(()).unwrap();
    assert_eq!(rest(&mut stream).await, "");
    tokio::time::timeout(PATIENCE, server.task).await.expect("the server ends").unwrap();
}

#[tokio::test]
async fn connections_above_the_limit_wait_for_one_to_end() {
    let face = Face::new().await;
    let server = Server::start(&face, ServeConfig { max_connections: 1, ..ServeConfig::default() }).await;
    let request = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
    let mut first = server.connect().await;
    first.write_all(request).await.unwrap();
    answer(&mut first).await;
    let mut second = server.connect().await;
    second.write_all(request).await.unwrap();
    assert_eq!(second.try_read(&mut [0; 1]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    drop(first);
    assert!(answer(&mut second).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn an_answer_that_outlasts_the_grace_period_has_lost_its_client_when_the_server_has_ended() {
    let (pieces, body) = tokio::sync::mpsc::channel::<Result<Bytes, std::io::Error>>(1);
    let body = Arc::new(Mutex::new(Some(body)));
    let endless = move || {
        let body = body.lock().unwrap().take().expect("one request");
        let pieces = futures::stream::unfold(body, |mut body| async { Some((body.recv().await?, body)) });
        async { Body::from_stream(pieces) }
    };
    let router = Router::new().route("/endless", get(endless));
    let server = Server::of(router, ServeConfig { grace: Duration::ZERO, ..ServeConfig::default() }).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /endless HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    pieces.send(Ok(Bytes::from_static(b"first"))).await.unwrap();
    while !String::from_utf8_lossy(&read_some(&mut stream).await).contains("first") {}
    assert!(!pieces.is_closed());
    server.stop.send(()).unwrap();
    tokio::time::timeout(PATIENCE, server.task).await.expect("the server ends").unwrap();
    assert!(pieces.is_closed());
}

async fn read_some(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_buf(&mut bytes)).await.expect("something comes").unwrap();
    assert!(read > 0, "the connection ended");
    bytes
}
