//! The way back to the client of a proxied request.
//!
//! The guest starts the answer; bytes then flow either from the guest (`write`) or, without it, from a
//! source (`forward`). A small bounded channel is all that lies between a vendor and the client, so a slow
//! client slows the vendor down, and a client that leaves is noticed by whoever waits.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use bytes::Bytes;
use patchbay_model::{Code, Failure};
use tokio::sync::{mpsc, oneshot};
use wasmtime::component::Resource;

use super::{HostError, invalid, source::Source};
use crate::{
    bindings::{
        reply::{self as contract, Host, HostResponder, Summary},
        types::Error,
    },
    call::CallState,
    observe::{Body, Observer, Plan},
    spending::Spending,
};

/// Chunks that may wait for a slow client.
const WAITING_CHUNKS: usize = 16;

/// The largest of them, in bytes: what is larger goes in pieces, or a guest could have the hub hold many large ones.
const CHUNK: usize = 64 << 10;

/// Status and headers of a proxied answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyHead {
    /// HTTP status.
    pub status: u16,
    /// Without hop-by-hop headers and without a length.
    pub headers: Vec<(String, String)>,
}

/// The guest's end of an answer.
pub struct ReplySender {
    head: Option<oneshot::Sender<ReplyHead>>,
    chunks: mpsc::Sender<Bytes>,
    told: Arc<AtomicBool>,
}

/// The client's end of an answer. Dropping it tells the guest that the client has left.
pub struct ReplyReceiver {
    head: Option<oneshot::Receiver<ReplyHead>>,
    chunks: mpsc::Receiver<Bytes>,
    told: Arc<AtomicBool>,
}

/// What a `responder` handle stands for.
pub type Responder = ReplySender;

/// Both ends of an answer.
#[must_use]
pub fn reply_channel() -> (ReplySender, ReplyReceiver) {
    let (head, head_receiver) = oneshot::channel();
    let (chunks, chunk_receiver) = mpsc::channel(WAITING_CHUNKS);
    let told = Arc::<AtomicBool>::default();
    let sender = ReplySender { head: Some(head), chunks, told: Arc::clone(&told) };
    (sender, ReplyReceiver { head: Some(head_receiver), chunks: chunk_receiver, told })
}

impl ReplySender {
    /// True once nobody waits for the answer any more.
    pub(crate) fn client_has_left(&self) -> bool {
        self.chunks.is_closed()
    }

    /// Comes back when nobody waits for the answer any more.
    pub(crate) async fn client_leaves(&self) {
        self.chunks.closed().await;
    }
}

impl ReplyReceiver {
    /// Status and headers as soon as the guest has started; none if it ended without.
    pub async fn head(&mut self) -> Option<ReplyHead> {
        self.head.take()?.await.ok()
    }

    /// The next bytes; none once the guest is done, well or not.
    pub async fn chunk(&mut self) -> Option<Bytes> {
        self.chunks.recv().await
    }

    /// True if the answer's last bytes say themselves why it ends before its time.
    #[must_use]
    pub fn tells_its_end(&self) -> bool {
        self.told.load(Ordering::Relaxed)
    }
}

/// What went by on its way to the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relayed {
    /// Status and headers.
    pub head: ReplyHead,
    /// The whole body; none if it has more bytes than were to be kept.
    pub body: Option<Vec<u8>>,
}

/// Hands an answer on and keeps a copy of at most `most` bytes of body. A client that leaves does not end it: the guest
/// goes on for the copy. None if the guest ended without an answer.
pub async fn relay(mut from: ReplyReceiver, mut to: ReplySender, most: usize) -> Option<Relayed> {
    let head = from.head().await?;
    if let Some(waiting) = to.head.take() {
        // nobody waits if the client has left
        let _ = waiting.send(head.clone());
    }
    let mut body = Some(Vec::new());
    while let Some(chunk) = from.chunk().await {
        body = body.filter(|kept| kept.len() + chunk.len() <= most);
        if let Some(kept) = &mut body {
            kept.extend_from_slice(&chunk);
        }
        let _ = to.chunks.send(chunk).await;
    }
    if from.tells_its_end() {
        to.told.store(true, Ordering::Relaxed);
    }
    Some(Relayed { head, body })
}

pub(crate) fn client_left() -> HostError {
    HostError::Guest(Error::Unavailable("the client has left".to_owned()))
}

/// Headers that belong to a connection or are the server's to set.
const OF_THE_SERVER: [&str; 10] = [
    "connection",
    "content-length",
    "date",
    "keep-alive",
    "proxy-authenticate",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// True for a header, in lower case, that no plugin's answer can set: it belongs to a connection or is the server's.
#[must_use]
pub fn is_of_the_server(header: &str) -> bool {
    OF_THE_SERVER.contains(&header)
}

impl Host for CallState {}

impl HostResponder for CallState {
    async fn start(
        &mut self,
        responder: Resource<Responder>,
        status: u16,
        headers: Vec<(String, String)>,
    ) -> Result<(), HostError> {
        self.enter()?;
        if !(200..=599).contains(&status) {
            return Err(invalid("/status", "200 to 599"));
        }
        let size: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        if headers.len() > 100 || size > 64 << 10 {
            let error = Error::Exhausted("an answer has at most 100 headers of 64 KiB together".to_owned());
            return Err(self.refuse(Code::EgressHeadersTooLarge, error));
        }
        let mut kept = Vec::with_capacity(headers.len());
        for (name, value) in headers {
            if http::HeaderName::from_bytes(name.as_bytes()).is_err() || http::HeaderValue::from_str(&value).is_err() {
                return Err(invalid("/headers", format!("valid headers: {name:?} is not")));
            }
            let name = name.to_ascii_lowercase();
            if !is_of_the_server(&name) {
                kept.push((name, self.tenant.redact.redact_str(&value).into_owned()));
            }
        }
        let responder = self.table.get_mut(&responder)?;
        let Some(head) = responder.head.take() else {
            return Err(HostError::Guest(Error::Conflict("the answer was started already".to_owned())));
        };
        head.send(ReplyHead { status, headers: kept }).map_err(|_| client_left())
    }

    async fn write(&mut self, responder: Resource<Responder>, chunk: Vec<u8>) -> Result<(), HostError> {
        self.enter()?;
        let responder = self.table.get(&responder)?;
        check_started(responder)?;
        if chunk.is_empty() {
            return Ok(());
        }
        if pass_on(&responder.chunks, chunk.into()).await { Ok(()) } else { Err(client_left()) }
    }

    async fn forward(
        &mut self,
        responder: Resource<Responder>,
        source: Resource<Source>,
        observe: Option<contract::Observation>,
    ) -> Result<Summary, HostError> {
        self.enter()?;
        let mut source = self.table.delete(source)?;
        let responder = self.table.get(&responder)?;
        check_started(responder)?;
        let plan = observe.map(Plan::new).transpose().map_err(|error| invalid(error.pointer, error.expected))?;
        let mut observer = Observer::new(plan, Body::of(source.content_type.as_deref()));
        let spending = self.spending.clone();
        let end = flow(&mut source, &responder.chunks, &mut observer, spending.as_deref()).await;
        if matches!(end, End::ClientLeft) && observer.reports_at_the_end() {
            drain(&mut source, &mut observer, self.limits.body_bytes).await;
        }
        // lets go of the vendor's connection before the guest goes on
        drop(source);
        let complete = matches!(end, End::Complete);
        match end {
            End::Complete | End::ClientLeft => {}
            End::Broken(broken) => self.broke_off = Some(broken.failure()),
            End::Cut(failure) => {
                if observer.is_of_events() {
                    responder.told.store(true, Ordering::Relaxed);
                    // a client that has left meanwhile needs no telling
                    let _ = pass_on(&responder.chunks, last_event(&failure)).await;
                }
                self.broke_off = Some(failure);
            }
        }
        Ok(observer.finish(complete))
    }

    async fn drop(&mut self, responder: Resource<Responder>) -> wasmtime::Result<()> {
        self.enter()?;
        self.table.delete(responder)?;
        Ok(())
    }
}

fn check_started(responder: &Responder) -> Result<(), HostError> {
    if responder.head.is_some() {
        return Err(HostError::Guest(Error::Conflict("the answer was not started yet".to_owned())));
    }
    Ok(())
}

enum End {
    Complete,
    ClientLeft,
    Broken(super::source::Broken),
    /// By a budget.
    Cut(Failure),
}

/// The event that ends a stream of events before its time. Vendors' SDKs know an `error` member with a message, a type and
/// a code, whatever else is in the event.
fn last_event(failure: &Failure) -> Bytes {
    let code = failure.code.as_str();
    let data = serde_json::json!({
        "error": {"message": failure.detail, "type": code, "code": code},
        "entitlement": failure.entitlement,
    });
    format!("event: error\ndata: {data}\n\n").into()
}

/// How long a vendor may take for the rest of a body that nobody gets.
const DRAIN_TIME: std::time::Duration = std::time::Duration::from_secs(5);

/// Looks into what is left, at most `limit` bytes: by the time that a JSON body begins, the vendor has done
/// its work, and what it wants for it may stand at the end.
async fn drain(source: &mut Source, observer: &mut Observer, limit: u64) {
    let mut left = limit;
    let all = async {
        while let Ok(chunk) = source.chunk().await {
            let Some(chunk) = chunk else {
                observer.rest();
                return;
            };
            let Some(rest) = left.checked_sub(chunk.len() as u64) else { return };
            left = rest;
            observer.pass(chunk);
        }
    };
    // what was seen until then counts
    let _ = tokio::time::timeout(DRAIN_TIME, all).await;
}

/// Hands all of it to the client, whose place in the queue is bounded; false if the client has left.
async fn pass_on(client: &mpsc::Sender<Bytes>, mut chunk: Bytes) -> bool {
    while chunk.len() > CHUNK {
        if client.send(chunk.split_to(CHUNK)).await.is_err() {
            return false;
        }
    }
    client.send(chunk).await.is_ok()
}

/// Moves everything. Whoever leaves first ends it: waiting for the vendor also watches the client. What the call's budgets
/// do not allow is not passed on, and what is not passed on is not metered.
async fn flow(
    source: &mut Source,
    client: &mpsc::Sender<Bytes>,
    observer: &mut Observer,
    spending: Option<&dyn Spending>,
) -> End {
    loop {
        let chunk = tokio::select! {
            biased;
            chunk = source.chunk() => chunk,
            () = client.closed() => return End::ClientLeft,
        };
        let passed = match chunk {
            Ok(Some(chunk)) => match spending {
                None => observer.pass(chunk),
                Some(spending) => {
                    let before = observer.findings().clone();
                    let passed = observer.pass(chunk);
                    if let Err(failure) = spending.may_flow(observer.flowed()).await {
                        observer.forget_since(before);
                        return End::Cut(failure);
                    }
                    passed
                }
            },
            Ok(None) => {
                let rest = observer.rest();
                if !rest.is_empty() && !pass_on(client, rest).await {
                    return End::ClientLeft;
                }
                return End::Complete;
            }
            Err(broken) => return End::Broken(broken),
        };
        if !passed.is_empty() && !pass_on(client, passed).await {
            return End::ClientLeft;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn a_large_chunk_waits_in_small_pieces() {
        let (sender, mut receiver) = reply_channel();
        let whole = Bytes::from(vec![7; 3 << 20]);
        let mut passing = Box::pin(pass_on(&sender.chunks, whole.clone()));
        assert!((&mut passing).now_or_never().is_none(), "it does not fit into the queue");
        let read = async {
            let mut read = Vec::new();
            while read.len() < whole.len() {
                let piece = receiver.chunk().await.expect("more of it");
                assert!(piece.len() <= CHUNK);
                read.extend_from_slice(&piece);
            }
            read
        };
        let (passed, read) = tokio::join!(passing, read);
        assert!(passed && read == whole);
    }
}
