//! An endpoint as a customer would have it, and stricter: it checks what it is sent against Standard Webhooks, and answers
//! as a test tells it. Signatures are made anew here, by other code than the hub's.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderName, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;
use tokio::{net::TcpListener, sync::watch};

/// What the receiver says.
#[derive(Debug, Clone)]
pub struct Answered {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    delay: Duration,
}

impl Answered {
    /// This status and nothing else.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new(), delay: Duration::ZERO }
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With a body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// After so long.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

/// A delivery as it arrived.
#[derive(Debug, Clone)]
pub struct Received {
    /// `webhook-id`.
    pub id: String,
    /// `webhook-timestamp`, in Unix seconds.
    pub timestamp: i64,
    /// `webhook-signature`, as it came.
    pub signature: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// As it came.
    pub body: Vec<u8>,
}

impl Received {
    /// The first header of this name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str())
    }

    /// The payload.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a payload is JSON")
    }

    /// The event's type.
    #[must_use]
    pub fn kind(&self) -> String {
        self.json()["type"].as_str().expect("a payload has a type").to_owned()
    }

    fn signed(&self) -> Vec<u8> {
        [self.id.as_bytes(), b".", self.timestamp.to_string().as_bytes(), b".", &self.body].concat()
    }

    fn signatures(&self, version: &str) -> Vec<Vec<u8>> {
        let of_version =
            |part: &str| Some(part.split_once(',')?).filter(|(tag, _)| *tag == version).map(|(_, sig)| sig.to_owned());
        let all = self.signature.split(' ').filter_map(of_version);
        all.map(|base64| BASE64_STANDARD.decode(base64).expect("padded base64")).collect()
    }

    /// True if one of its `v1` signatures is by this secret, `whsec_…`.
    #[must_use]
    pub fn is_signed_by(&self, secret: &str) -> bool {
        let key = BASE64_STANDARD.decode(secret.strip_prefix("whsec_").expect("its prefix")).expect("base64");
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes keys of any length");
        mac.update(&self.signed());
        let expected = mac.finalize().into_bytes();
        self.signatures("v1").iter().any(|signature| signature.as_slice() == &expected[..])
    }

    /// True if one of its `v1a` signatures is by the other half of this key, `whpk_…`.
    #[must_use]
    pub fn is_signed_for(&self, public_key: &str) -> bool {
        let key = BASE64_STANDARD.decode(public_key.strip_prefix("whpk_").expect("its prefix")).expect("base64");
        let key = UnparsedPublicKey::new(&ED25519, key);
        self.signatures("v1a").iter().any(|signature| key.verify(&self.signed(), signature).is_ok())
    }
}

struct Shared {
    usual: Mutex<Answered>,
    next: Mutex<VecDeque<Answered>>,
    received: Mutex<Vec<Received>>,
    /// What was sent that Standard Webhooks does not allow.
    wrong: Mutex<Vec<String>>,
    count: watch::Sender<usize>,
}

/// A running receiver; it stops when this is dropped.
pub struct TestReceiver {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

impl TestReceiver {
    /// Starts on a free port of 127.0.0.1; answers 204.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port on the loopback address");
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            usual: Mutex::new(Answered::status(204)),
            next: Mutex::default(),
            received: Mutex::default(),
            wrong: Mutex::default(),
            count: watch::Sender::new(0),
        });
        let router = Router::new().fallback(receive).with_state(Arc::clone(&shared));
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Self { address, shared, task }
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/hooks?of=a-customer", self.address)
    }

    /// The port that it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// From now on it answers like this.
    pub fn answer(&self, answer: Answered) {
        *self.shared.usual.lock().unwrap() = answer;
    }

    /// The next ones it answers like this, one after the other.
    pub fn answer_next(&self, answers: impl IntoIterator<Item = Answered>) {
        self.shared.next.lock().unwrap().extend(answers);
    }

    /// All that came.
    ///
    /// # Panics
    /// If something came that Standard Webhooks does not allow.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.received_after(0)
    }

    /// What came after the first so many.
    ///
    /// # Panics
    /// As [`TestReceiver::received`].
    #[must_use]
    pub fn received_after(&self, count: usize) -> Vec<Received> {
        assert_eq!(*self.shared.wrong.lock().unwrap(), [] as [String; 0]);
        self.shared.received.lock().unwrap().get(count..).unwrap_or_default().to_vec()
    }

    /// Waits until so many came, and gives them.
    ///
    /// # Panics
    /// If they do not come within half a minute; and as [`TestReceiver::received`].
    pub async fn wait_for(&self, count: usize) -> Vec<Received> {
        let mut counted = self.shared.count.subscribe();
        let waiting = counted.wait_for(|have| *have >= count);
        let came = tokio::time::timeout(Duration::from_secs(30), waiting).await;
        assert!(came.is_ok(), "{} of {count} deliveries came", self.received().len());
        self.received()
    }
}

impl Drop for TestReceiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn receive(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    // of a sender that was killed in the middle of it: nothing that anybody could take
    let Ok(body) = axum::body::to_bytes(body, 16 << 20).await else { return StatusCode::BAD_REQUEST.into_response() };
    let headers: Vec<(String, String)> = parts
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let wrong = |what: String| shared.wrong.lock().unwrap().push(what);
    let one = |name: &str| {
        let values: Vec<_> = headers.iter().filter(|(have, _)| have == name).map(|(_, value)| value.clone()).collect();
        if values.len() != 1 {
            shared.wrong.lock().unwrap().push(format!("{} headers {name}", values.len()));
        }
        values.first().cloned().unwrap_or_default()
    };
    let (id, timestamp, signature) = (one("webhook-id"), one("webhook-timestamp"), one("webhook-signature"));
    if parts.method != "POST" || one("content-type") != "application/json" {
        wrong(format!("{} of {}", parts.method, one("content-type")));
    }
    if id.contains('.') || id.is_empty() {
        wrong(format!("the id {id:?}"));
    }
    let seconds: i64 = timestamp.parse().unwrap_or_default();
    if seconds.to_string() != timestamp {
        wrong(format!("the timestamp {timestamp:?}"));
    }
    let is_tagged = |part: &str| part.split_once(',').is_some_and(|(tag, _)| matches!(tag, "v1" | "v1a"));
    if !signature.split(' ').all(is_tagged) {
        wrong(format!("the signature {signature:?}"));
    }
    if serde_json::from_slice::<Value>(&body).is_err() {
        wrong("a payload that is no JSON".to_owned());
    }
    let received = Received { id, timestamp: seconds, signature, headers: headers.clone(), body: body.to_vec() };
    let answer = shared.next.lock().unwrap().pop_front();
    let answer = answer.unwrap_or_else(|| shared.usual.lock().unwrap().clone());
    shared.received.lock().unwrap().push(received);
    shared.count.send_modify(|count| *count += 1);
    tokio::time::sleep(answer.delay).await;
    let mut response = (StatusCode::from_u16(answer.status).unwrap(), answer.body).into_response();
    for (name, value) in answer.headers {
        response.headers_mut().insert(HeaderName::try_from(name).unwrap(), HeaderValue::try_from(value).unwrap());
    }
    response
}
