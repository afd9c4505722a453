//! Receivers of deliveries: servers in this process with keep-alive connections, which answer 204 at once, or take
//! requests and never answer.
//!
//! What they note is kept in one place for all, so that it is known when everything has come: each delivery is counted once,
//! by its id.

use std::{
    collections::HashSet,
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::bail;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, Response, StatusCode, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{
    net::TcpListener,
    task::{JoinHandle, JoinSet},
};

use crate::stats::Samples;

/// So long nothing comes, and it is believed that nothing more will.
const IN_VAIN: Duration = Duration::from_secs(60);

/// What receivers have got.
pub(crate) struct Received {
    begun: Instant,
    connections: AtomicUsize,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    ids: HashSet<Vec<u8>>,
    /// Deliveries that came once more.
    again: usize,
    first: Option<Instant>,
    last: Option<Instant>,
    /// How many came in each second since the first.
    by_second: Vec<usize>,
    took: Samples,
}

impl Received {
    /// `begun`: what the times of events are counted from that tell theirs.
    pub(crate) fn since(begun: Instant) -> Arc<Self> {
        Arc::new(Self { begun, connections: AtomicUsize::new(0), seen: Mutex::default() })
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, id: &[u8], body: &[u8]) {
        let now = Instant::now();
        let sent = sent_at(body);
        let mut seen = self.seen();
        if !seen.ids.insert(id.to_vec()) {
            seen.again += 1;
            return;
        }
        let first = *seen.first.get_or_insert(now);
        seen.last = Some(now);
        let second = usize::try_from((now - first).as_secs()).unwrap_or_default();
        if seen.by_second.len() <= second {
            seen.by_second.resize(second + 1, 0);
        }
        if let Some(count) = seen.by_second.get_mut(second) {
            *count += 1;
        }
        if let Some(sent) = sent {
            seen.took.push((now - self.begun).saturating_sub(sent));
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.seen().ids.len()
    }

    /// Those that came more than once.
    pub(crate) fn again(&self) -> usize {
        self.seen().again
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// From the first to the last.
    pub(crate) fn took(&self) -> Duration {
        let seen = self.seen();
        seen.first.zip(seen.last).map(|(first, last)| last - first).unwrap_or_default()
    }

    /// How many came in the second in which the fewest did; the last one, which is not a whole one, does not count.
    pub(crate) fn slowest_second(&self) -> usize {
        let seen = self.seen();
        let whole = seen.by_second.len().saturating_sub(1);
        seen.by_second.iter().take(whole).min().copied().unwrap_or_default()
    }

    pub(crate) fn samples(&self) -> Samples {
        self.seen().took.clone()
    }

    /// Waits until so many have come.
    pub(crate) async fn wait_for(&self, count: usize) -> anyhow::Result<()> {
        let (mut before, mut since) = (self.count(), Instant::now());
        loop {
            let now = self.count();
            if now >= count {
                return Ok(());
            }
            if now > before {
                (before, since) = (now, Instant::now());
            }
            if since.elapsed() > IN_VAIN {
                bail!("{now} of {count} deliveries came, and none for {} s", IN_VAIN.as_secs());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// The time that the publishing call put into the event, in microseconds since the measurement began.
fn sent_at(body: &[u8]) -> Option<Duration> {
    // most have none, and are not taken apart
    if !body.windows(7).any(|window| window == b"\"text\":") {
        return None;
    }
    let payload: Value = serde_json::from_slice(body).ok()?;
    let micros = payload.pointer("/data/text")?.as_str()?.parse().ok()?;
    Some(Duration::from_micros(micros))
}

/// What a receiver answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    AtOnce,
    Never,
}

/// A server that ends, with its connections, when this is dropped.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Receiver {
    pub(crate) async fn start(received: &Arc<Received>, answer: Answer) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let received = Arc::clone(received);
        let serving = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                received.connections.fetch_add(1, Ordering::Relaxed);
                let received = Arc::clone(&received);
                connections.spawn(async move {
                    let service = service_fn(move |request| take(Arc::clone(&received), request, answer));
                    // a connection that breaks off is the hub's affair
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self { address, serving })
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn take(
    received: Arc<Received>,
    request: Request<Incoming>,
    answer: Answer,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if answer == Answer::Never {
        std::future::pending::<()>().await;
    }
    let id = request.headers().get("webhook-id").map(|id| id.as_bytes().to_vec()).unwrap_or_default();
    if let Ok(body) = request.into_body().collect().await {
        received.note(&id, &body.to_bytes());
    }
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_delivery_counts_once() {
        let received = Received::since(Instant::now());
        received.note(b"a", br#"{"data":{"text":"0"}}"#);
        received.note(b"a", b"{}");
        received.note(b"b", b"{}");
        assert_eq!((received.count(), received.again(), received.samples().len()), (2, 1, 1));
    }
}
