//! The accept loop: connections with limits.
//!
//! `axum::serve` offers no limit on a request's head, on idle connections or on their number, and leaves
//! Nagle's algorithm on, which holds small frames of a stream back for tens of milliseconds. So the loop
//! is ours, on hyper's builder for HTTP/1.1 and HTTP/2.

use std::{
    future::pending,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Body};
use http::{Request, Version, header};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
};
use tower::ServiceExt;

use crate::{ServeConfig, client_address::Peer, linger::Linger};

/// Serves with the default limits until `shutdown` is done, then lets running requests end.
pub async fn serve(listener: TcpListener, router: Router, shutdown: impl Future<Output = ()>) {
    serve_within(ServeConfig::default(), listener, router, shutdown).await;
}

/// Serves within these limits until `shutdown` is done, then lets running requests end for
/// [`ServeConfig::grace`]. When this comes back no connection is open: who still answers a request has
/// lost its client and knows it, so that what it did can be recorded before the hub stops.
pub async fn serve_within(
    config: ServeConfig,
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()>,
) {
    let builder = builder(&config);
    let connections = Arc::new(Semaphore::new(config.max_connections));
    let graceful = GracefulShutdown::new();
    let mut running = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        let (stream, peer, permit) = tokio::select! {
            accepted = accept(&listener, &connections) => accepted,
            Some(_) = running.join_next() => continue,
            () = &mut shutdown => break,
        };
        // Without this, a small frame waits for the other side's delayed acknowledgement.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot set TCP_NODELAY");
        }
        let first = Arc::new(AtomicBool::new(false));
        let service = service_fn({
            let router = router.clone();
            let first = Arc::clone(&first);
            move |request: Request<Incoming>| {
                first.store(true, Ordering::Relaxed);
                router.clone().oneshot(with_linger(request, peer))
            }
        });
        let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
        let connection = graceful.watch(connection);
        let header_timeout = config.header_timeout;
        running.spawn(async move {
            let _permit: OwnedSemaphorePermit = permit;
            tokio::select! {
                served = connection => if let Err(error) = served {
                    tracing::debug!(error, "connection ended early");
                },
                () = no_request(&first, header_timeout) => tracing::debug!("connection closed: no request came"),
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(config.grace, graceful.shutdown()).await.is_err() {
        tracing::warn!(open = running.len(), "connections are cut off at the end of the grace period");
    }
    running.shutdown().await;
}

fn builder(config: &ServeConfig) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(config.header_timeout)
        .max_buf_size(config.max_head_bytes.max(8192));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(config.max_streams)
        .max_header_list_size(u32::try_from(config.max_head_bytes).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(32)
        .max_local_error_reset_streams(256)
        // Peers that are gone without a word would hold their streams for ever.
        .keep_alive_interval(config.header_timeout)
        .keep_alive_timeout(Duration::from_secs(10));
    builder
}

async fn accept(listener: &TcpListener, connections: &Arc<Semaphore>) -> (TcpStream, Peer, OwnedSemaphorePermit) {
    let permit = match Arc::clone(connections).acquire_owned().await {
        Ok(permit) => permit,
        Err(_closed) => pending().await,
    };
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, Peer(peer.ip()), permit),
            Err(error) if is_of_the_peer(&error) => tracing::debug!(%error, "connection lost before it was accepted"),
            Err(error) => {
                // Out of file descriptors, most likely: others must close first, so spinning helps nobody.
                tracing::error!(%error, "cannot accept connections");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

fn is_of_the_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Ends when no request has begun in time. hyper's own timeout starts only after it has told HTTP/1.1
/// from HTTP/2, which a client can put off for ever.
async fn no_request(first: &AtomicBool, limit: Duration) {
    tokio::time::sleep(limit).await;
    if first.load(Ordering::Relaxed) {
        pending::<()>().await;
    }
}

fn with_linger(mut request: Request<Incoming>, peer: Peer) -> Request<Body> {
    request.extensions_mut().insert(peer);
    // A client that waits for `100 Continue` sends nothing before it is asked, and HTTP/2 can refuse a
    // body without closing the connection.
    let drain = request.version() < Version::HTTP_2 && !request.headers().contains_key(header::EXPECT);
    request.map(|body| if drain { Body::new(Linger::new(body)) } else { Body::new(body) })
}
