//! A vendor that says what a test tells it, byte by byte, and the hub's side of a call to it.

use std::{
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures::future::BoxFuture;
use patchbay_egress::{Body, Egress, EgressConfig, EgressError, Injection, Lookup, Redactor, Request, Response, Rules};
use patchbay_model::OrgId;
use patchbay_package::manifest::Inject;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::Instant,
};
use url::Url;

pub const SECRET: &str = "sk-live-0123456789abcdef";
pub const HOST: &str = "api.example.com";

/// A request as it came in.
#[derive(Debug, Clone)]
pub struct Seen {
    pub head: String,
    pub body: Vec<u8>,
}

impl Seen {
    /// The values of a header, in order.
    pub fn header(&self, name: &str) -> Vec<&str> {
        let lines = self.head.lines().skip(1);
        lines
            .filter_map(|line| line.split_once(": "))
            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .collect()
    }

    pub fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap()
    }
}

type Answer =
    Arc<dyn Fn(usize, Seen, TcpStream) -> Pin<Box<dyn Future<Output = Option<TcpStream>> + Send>> + Send + Sync>;

/// A vendor on 127.0.0.1.
pub struct Vendor {
    pub address: SocketAddr,
    pub seen: Arc<Mutex<Vec<Seen>>>,
    pub connections: Arc<AtomicUsize>,
}

impl Vendor {
    /// Answers each request (counted from 0) by a function that writes to the socket, and gives the socket
    /// back to keep the connection.
    pub async fn start<F, Fut>(answer: F) -> Self
    where
        F: Fn(usize, Seen, TcpStream) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Option<TcpStream>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, connections) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)));
        let answer: Answer = Arc::new(move |count, request, socket| Box::pin(answer(count, request, socket)));
        tokio::spawn(serve(listener, answer, seen.clone(), connections.clone()));
        Self { address, seen, connections }
    }

    /// Answers every request with these bytes and keeps the connection.
    pub async fn saying(answer: impl AsRef<[u8]>) -> Self {
        let answer = Bytes::copy_from_slice(answer.as_ref());
        Self::start(move |_, _, mut socket| {
            let answer = answer.clone();
            async move { socket.write_all(&answer).await.is_ok().then_some(socket) }
        })
        .await
    }

    /// Answers the first requests with these, one after the other, and all others with the last.
    pub async fn saying_in_turn(answers: &[&str]) -> Self {
        let answers: Vec<String> = answers.iter().map(|answer| (*answer).to_owned()).collect();
        Self::start(move |count, _, mut socket| {
            let answer = answers.get(count).or(answers.last()).cloned().unwrap();
            async move { socket.write_all(answer.as_bytes()).await.is_ok().then_some(socket) }
        })
        .await
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// A configuration that maps [`HOST`] to this vendor.
    pub fn config(&self) -> EgressConfig {
        let base = Url::parse(&format!("http://{}", self.address)).unwrap();
        EgressConfig { upstreams: [(HOST.to_owned(), base)].into(), ..EgressConfig::default() }
    }

    /// A way out that leads to this vendor.
    pub fn egress(&self) -> Egress {
        egress(self.config())
    }
}

async fn serve(listener: TcpListener, answer: Answer, seen: Arc<Mutex<Vec<Seen>>>, connections: Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    while let Ok((mut socket, _)) = listener.accept().await {
        socket.set_nodelay(true).unwrap();
        connections.fetch_add(1, Ordering::SeqCst);
        let (answer, seen, count) = (answer.clone(), seen.clone(), count.clone());
        tokio::spawn(async move {
            while let Some(request) = read_request(&mut socket).await {
                seen.lock().unwrap().push(request.clone());
                match answer(count.fetch_add(1, Ordering::SeqCst), request, socket).await {
                    Some(kept) => socket = kept,
                    None => return,
                }
            }
        });
    }
}

/// Reads one HTTP/1.1 request; none if the peer closes first.
pub async fn read_request(socket: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(socket.read_u8().await.ok()?);
    }
    let mut seen = Seen { head: String::from_utf8(bytes).unwrap(), body: Vec::new() };
    if let Some(length) = seen.header("content-length").first() {
        seen.body = vec![0; length.parse().unwrap()];
        socket.read_exact(&mut seen.body).await.ok()?;
    } else if seen.header("transfer-encoding") == ["chunked"] {
        while !seen.body.ends_with(b"0\r\n\r\n") {
            seen.body.push(socket.read_u8().await.ok()?);
        }
    }
    Some(seen)
}

/// Waits until the hub closes its side.
pub async fn closed(socket: &mut TcpStream) {
    let mut rest = [0; 64];
    while !matches!(socket.read(&mut rest).await, Ok(0) | Err(_)) {}
}

/// Names to addresses, one answer after the other; the last one stays. Counts the questions.
#[derive(Default)]
pub struct Names {
    answers: Mutex<Vec<Vec<IpAddr>>>,
    pub asked: AtomicUsize,
}

impl Names {
    pub fn new(answers: &[&[&str]]) -> Arc<Self> {
        let parse = |answer: &&[&str]| answer.iter().map(|address| address.parse().unwrap()).collect();
        Arc::new(Self { answers: Mutex::new(answers.iter().rev().map(parse).collect()), asked: AtomicUsize::new(0) })
    }
}

impl Lookup for Names {
    fn lookup(&self, _: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut answers = self.answers.lock().unwrap();
        let answer = if answers.len() > 1 { answers.pop() } else { answers.last().cloned() };
        Box::pin(async move { answer.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no such name")) })
    }
}

pub fn egress(config: EgressConfig) -> Egress {
    Egress::new(config, Names::new(&[])).unwrap()
}

/// A plugin that may do anything with [`HOST`].
pub fn rules() -> Rules {
    rules_for(
        "[[egress]]\nhost = \"api.example.com\"\nmethods = [\"GET\", \"POST\", \"PUT\", \"HEAD\"]\npaths = [\"/**\"]",
    )
}

pub fn rules_for(entries: &str) -> Rules {
    let manifest = format!("id = \"t\"\nname = \"T\"\nversion = \"1.0.0\"\napi = \"1.0.0\"\n{entries}");
    Rules::compile(&toml::from_str(&manifest).unwrap()).unwrap()
}

pub fn org(number: u128) -> OrgId {
    OrgId(uuid::Uuid::from_u128(number))
}

/// A request to [`HOST`] with time enough.
pub fn request(method: &str, path: &str) -> Request {
    Request {
        org: org(1),
        plugin: None,
        repeat_header: None,
        body_secrets: Vec::new(),
        method: method.parse().unwrap(),
        url: Url::parse(&format!("https://{HOST}{path}")).unwrap(),
        headers: Vec::new(),
        body: Body::Empty,
        credential: None,
        redact: Arc::new(Redactor::new([SECRET])),
        deadline: Instant::now() + Duration::from_secs(20),
        headers_timeout: None,
        repeatable: None,
    }
}

pub fn get(path: &str) -> Request {
    request("GET", path)
}

pub fn headers(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// [`SECRET`] as a bearer token for [`HOST`].
pub fn bearer() -> Injection {
    Injection {
        place: Inject { header: Some("authorization".to_owned()), format: "Bearer {}".to_owned(), ..Inject::default() },
        hosts: vec![HOST.to_owned()],
        secret: Arc::new(SECRET.into()),
        user: None,
    }
}

/// The whole body.
pub async fn body(response: &mut Response) -> Result<Vec<u8>, EgressError> {
    let mut whole = Vec::new();
    while let Some(chunk) = response.body.chunk().await? {
        whole.extend(chunk);
    }
    Ok(whole)
}

/// An answer with a content-length.
pub fn ok(body: impl AsRef<[u8]>) -> Vec<u8> {
    answer("200 OK", "", body)
}

pub fn answer(status: &str, headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut bytes = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{headers}\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    bytes
}
