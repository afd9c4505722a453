//! The vendor's own API, through the hub.
//!
//! A request is authenticated by the hub's key at the place where the vendor's SDK puts its own, loses
//! that key, and runs in a task of its own: a client that leaves stops the vendor, and what was used is
//! still recorded. Status and headers go out as soon as the guest starts its answer.

mod body;
mod durable;
mod headers;
mod key;
mod once;

use std::{io, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{StreamExt as _, stream::BoxStream};
use http::{HeaderMap, Method, StatusCode};
use patchbay_model::{Code, Failure, Permission, PluginId, RunId, rate::Endpoint, run::RunKind};
use patchbay_package::manifest::{KeyPlace, Route};
use patchbay_runtime::{ProxyCall, ReplyReceiver, RouteMatch, reply_channel};
use tokio::sync::oneshot;
use tracing::Instrument as _;

use crate::{
    budgets::Intent,
    call::{Call, CallFailure, Ended},
    hub::{Hub, Inner},
    idempotency::{Begun, Claim, What},
    notes::AnswerNotes,
    plans::gate::Operation,
    tenant::Serving,
};
use body::Limit;

/// A request in the vendor's shape.
pub struct ProxyRequest {
    /// Its method.
    pub method: Method,
    /// Below the plugin's proxy root, with its leading slash and its percent-encoding.
    pub path: String,
    /// Without the question mark.
    pub query: Option<String>,
    /// As they came, the hub's key included.
    pub headers: HeaderMap,
    /// The client's body.
    pub body: BoxStream<'static, Result<Bytes, io::Error>>,
    /// The body's declared length in bytes.
    pub size: Option<u64>,
    /// For what the answer says beside its body.
    pub notes: AnswerNotes,
}

/// The answer to a proxied request.
pub struct ProxyReply {
    /// Its run.
    pub run: RunId,
    /// The vendor's status, or what the guest made of it.
    pub status: StatusCode,
    /// Without hop-by-hop headers.
    pub headers: HeaderMap,
    /// Flows while the guest runs. An error means that the answer is not whole: break the connection off.
    /// Dropping it says that the client left.
    pub body: BoxStream<'static, Result<Bytes, io::Error>>,
}

/// What a request may take.
struct Bounds {
    /// Its route's, where that has one.
    timeout: Option<Duration>,
    limit: Limit,
}

impl Hub {
    /// Answers a request in the vendor's shape. Authenticates it, too: it needs the permission `call_actions`.
    /// An error before the answer has begun is ours to tell; after that the body breaks off.
    pub async fn proxy(&self, plugin: &PluginId, request: ProxyRequest) -> Result<ProxyReply, CallFailure> {
        let hub = &*self.0;
        let ProxyRequest { method, path, query, mut headers, body, size, notes } = request;
        let mut query = query.unwrap_or_default();
        let places = hub.key_places(plugin);
        let presented = key::take(&places, &mut headers, &mut query)?;
        if path.contains(&*presented) {
            return Err(Failure::new(Code::InvalidRequest, "the path holds the API key").into());
        }
        let caller = self.authenticate(&presented).await?;
        caller.require(Permission::CallActions)?;
        hub.admit(&caller, Endpoint::Proxy, Some((plugin, None)), &notes).await?;
        let serving = hub.callable(caller.org, plugin).await?;
        let route = find_route(&serving, &method, &path)?;
        let limit = Limit::new(route.body_kib.map_or(hub.config.max_proxy_body_bytes, |kib| u64::from(kib) * 1024));
        limit.check_declared(size)?;
        let timeout = route.timeout_ms.map(|ms| Duration::from_millis(ms.into()));

        let mut body = limit.apply(body);
        let mut claim = None;
        if let Some(key) = once::wanted(&method, &headers)? {
            let read = once::fingerprint(body, size, &query, &headers).await.map_err(|_| limit.broken_off())?;
            body = read.body;
            let what = What {
                key,
                method: method.to_string(),
                route: format!("/v1/proxy/{plugin}{path}"),
                fingerprint: read.fingerprint,
            };
            claim = match self.begin_once(&caller, what).await? {
                Begun::Ours(claim) => Some(claim),
                Begun::Before(run, kept) => {
                    notes.note_replayed();
                    return once::replayed(run, kept);
                }
            };
        }

        let (manifest, operation) = (serving.plugin.manifest(), Operation::Route(&route));
        let admitted = match self.admit_by_plan(&caller, manifest, operation).await {
            Ok(admitted) => admitted,
            Err(failure) => {
                if let Some(claim) = claim {
                    claim.let_go(hub, Some(&failure)).await;
                }
                return Err(failure.into());
            }
        };
        let longest = timeout.unwrap_or_default().max(serving.plugin.limits().timeout);
        // a body of unknown length is as long as it may be
        let intent = Intent::new(manifest, operation, size.unwrap_or(limit.bytes()), None, longest);

        let mut call = Call::new(hub, Arc::clone(&serving), RunKind::Proxy, format!("{method} {path}"));
        call.admitted = Some(admitted);
        call.once = claim.as_ref().map(|claim| Arc::clone(&claim.once));
        let run = call.run;
        let request =
            ProxyCall { method: method.to_string(), path, query, headers: headers::for_guest(&headers), body, size };
        let (mut reply, ended) = self.start_proxying(call, intent, request, Bounds { timeout, limit }, claim);
        let Some(head) = reply.head().await else {
            return Err(failed_before_start(ended).await);
        };
        let status = StatusCode::from_u16(head.status).unwrap_or(StatusCode::BAD_GATEWAY);
        let headers = headers::for_client(head.headers);
        if headers::has_no_body(&method, status) {
            // nobody will read a body, so the end of the answer is its head
            while reply.chunk().await.is_some() {}
            durable::committed(ended).await.map_err(|failure| CallFailure { run: Some(run), failure })?;
            return Ok(ProxyReply { run, status, headers, body: futures::stream::empty().boxed() });
        }
        Ok(ProxyReply { run, status, headers, body: durable::until_committed(reply, ended) })
    }

    /// Runs the call in a task of its own, which commits the run whatever becomes of the client.
    fn start_proxying(
        &self,
        mut call: Call,
        intent: Intent,
        request: ProxyCall,
        bounds: Bounds,
        claim: Option<Claim>,
    ) -> (ReplyReceiver, oneshot::Receiver<Ended<()>>) {
        let (sender, receiver) = reply_channel();
        let (tell, ended) = oneshot::channel();
        let hub = self.clone();
        let (span, serving) = (call.span.clone(), Arc::clone(&call.serving));
        let Bounds { timeout, limit } = bounds;
        let work = async move {
            if let Err(refused) = call.reserve(&hub.0, intent).await {
                if let Some(claim) = &claim {
                    hub.0.settle_once(&refused, false, false, claim).await;
                }
                // nobody listens if the client has left
                let _ = tell.send(refused);
                return;
            }
            let invocation = call.invocation(timeout);
            let mut relayed = None;
            let mut finished = match claim {
                None => call.plugin().proxy(invocation, request, sender).await,
                // a client that leaves does not end it, so a hub that stops has to
                Some(_) => {
                    let calling = async {
                        let (finished, copy) = once::proxy(call.plugin(), invocation, request, sender).await;
                        relayed = copy;
                        finished
                    };
                    call.unless_broken_off(&hub.0, calling).await
                }
            };
            if finished.result.is_err() && limit.was_passed() {
                finished.result = Err(limit.failure());
            }
            let ended = match claim {
                None => call.commit(&hub.0, finished, None).await,
                Some(claim) => once::commit(&hub.0, &call, finished, relayed, &claim).await,
            };
            // nobody listens if the client has left
            let _ = tell.send(ended);
        };
        self.0.start_call(&serving, work.instrument(span));
        (receiver, ended)
    }
}

impl Inner {
    /// Where the plugin's clients put their key. Which version serves is not known before the caller is,
    /// so every loaded version's places count.
    fn key_places(&self, plugin: &PluginId) -> Vec<KeyPlace> {
        let catalogue = self.registry.catalogue();
        let manifests = catalogue.versions(plugin).iter().map(|loaded| loaded.plugin.manifest());
        let mut places: Vec<KeyPlace> = Vec::new();
        for place in manifests.flat_map(|manifest| &manifest.proxy).flat_map(|proxy| &proxy.key) {
            if !places.contains(place) {
                places.push(place.clone());
            }
        }
        places
    }
}

fn find_route(serving: &Serving, method: &Method, path: &str) -> Result<Route, Failure> {
    match serving.plugin.route(method.as_str(), path) {
        RouteMatch::Matched(route) => Ok(route.clone()),
        RouteMatch::MethodNotAllowed => {
            Err(Failure::new(Code::MethodNotAllowed, format!("`{path}` is not proxied with {method}")))
        }
        RouteMatch::None => Err(Failure::new(
            Code::RouteNotProxied,
            format!("the plugin's manifest proxies no route like {method} {path}"),
        )),
    }
}

async fn failed_before_start(ended: oneshot::Receiver<Ended<()>>) -> CallFailure {
    match ended.await {
        Ok(Ended { run, result: Err(failure) }) => CallFailure { run, failure },
        Ok(Ended { run, result: Ok(()) }) => {
            CallFailure { run, failure: Failure::new(Code::PluginError, "the plugin gave no answer") }
        }
        Err(_) => Failure::internal("the call's task ended without a word").into(),
    }
}
