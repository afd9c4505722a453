//! What happens around every request, in one layer: its id, its span, its line in the access log, its
//! metrics, the catching of panics, and the writing of problem documents.
//!
//! One hand-written layer, not a chain of ready-made ones: each of those would box the service and the
//! future again, on the way that every call takes. The log names the route's pattern, never the path or
//! the query, because webhooks carry a token there and some vendors' SDKs a key.

use std::{
    convert::Infallible,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use axum::{
    body::Body,
    extract::{MatchedPath, Request},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures::{FutureExt, future::BoxFuture};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use http_body::{Frame, SizeHint};
use patchbay_hub::AnswerNotes;
use patchbay_model::{Clock, Failure, Random, RequestId, RunId};
use tower::{Layer, Service};
use tracing::{Instrument, Span};

use crate::{
    notes, page,
    problem::{self, Problem},
};

/// Carries the request's id in every answer.
pub(crate) const REQUEST_HEADER: HeaderName = HeaderName::from_static("x-request-id");
/// Carries it where a vendor's answer has an `x-request-id` of its own, which its SDK shows to people.
pub(crate) const OWN_REQUEST_HEADER: HeaderName = HeaderName::from_static("patchbay-request-id");
/// Carries the run's id in the answer to a call.
pub(crate) const RUN_HEADER: HeaderName = HeaderName::from_static("patchbay-run");

/// The layer.
#[derive(Clone)]
pub(crate) struct Observe {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
}

impl<S> Layer<S> for Observe {
    type Service = Observed<S>;
    fn layer(&self, inner: S) -> Observed<S> {
        Observed { inner, observe: self.clone() }
    }
}

/// A service with the layer around it.
#[derive(Clone)]
pub(crate) struct Observed<S> {
    inner: S,
    observe: Observe,
}

impl<S> Service<Request> for Observed<S>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        // The clone stays, the service that was made ready goes with the call.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let id = RequestId::new(self.observe.clock.as_ref(), self.observe.random.as_ref());
        let route = request.extensions().get::<MatchedPath>().cloned();
        let method = method_label(request.method());
        let span = tracing::info_span!("request", %id, method, route = route_label(route.as_ref()));
        let notes = AnswerNotes::default();
        request.extensions_mut().insert(notes.clone());
        let mut entry = Entry { notes, id, method, route, span: span.clone(), started: Instant::now(), code: None };
        Box::pin(
            async move {
                let served = patchbay_hub::in_request(id, inner.call(request));
                let served = AssertUnwindSafe(served).catch_unwind().await;
                let response = match served {
                    Ok(Ok(response)) => response,
                    Ok(Err(never)) => match never {},
                    Err(panic) => Problem::from(Failure::internal(panic_text(&panic))).into_response(),
                };
                Ok(entry.answer(response))
            }
            .instrument(span),
        )
    }
}

/// One request, from its head to the end of its answer.
struct Entry {
    notes: AnswerNotes,
    id: RequestId,
    method: &'static str,
    route: Option<MatchedPath>,
    span: Span,
    started: Instant,
    code: Option<&'static str>,
}

impl Entry {
    fn note(&mut self, failure: &Failure, run: Option<RunId>) {
        self.code = Some(failure.code.as_str());
        if failure.code.status() == 500 {
            tracing::error!(code = self.code, ?run, internal = failure.internal, "failed");
        } else if let Some(internal) = &failure.internal {
            tracing::debug!(code = self.code, ?run, internal, "failed");
        }
    }

    fn answer(&mut self, mut response: Response) -> Response {
        if let Some(problem) = response.extensions_mut().remove::<Problem>() {
            self.note(&problem.failure, problem.run);
            response = problem::render(response, &problem, self.id);
        } else if let Some(failed) = response.extensions_mut().remove::<page::Failed>() {
            self.note(&failed.failure, None);
            response = page::render(response, &failed, self.id);
        }
        notes::write(&self.notes, response.headers_mut());
        if let Ok(id) = HeaderValue::try_from(self.id.to_string()) {
            let taken = response.headers().contains_key(REQUEST_HEADER);
            response.headers_mut().insert(if taken { OWN_REQUEST_HEADER } else { REQUEST_HEADER }, id);
        }
        let exact = http_body::Body::size_hint(response.body()).exact();
        let end = End {
            id: self.id,
            method: self.method,
            route: self.route.take(),
            span: self.span.clone(),
            started: self.started,
            code: self.code,
            status: response.status(),
            run: response.headers().get(RUN_HEADER).cloned(),
        };
        match exact {
            Some(bytes) => {
                end.record(bytes, true);
                response
            }
            // A stream is over when its last byte is, so that is when its line is written.
            None => response.map(|inner| Body::new(Tail { inner, end: Some(end), bytes: 0 })),
        }
    }
}

/// What the access log says once the answer is over.
struct End {
    id: RequestId,
    method: &'static str,
    route: Option<MatchedPath>,
    span: Span,
    started: Instant,
    code: Option<&'static str>,
    status: StatusCode,
    run: Option<HeaderValue>,
}

impl End {
    fn record(self, bytes: u64, complete: bool) {
        let elapsed = self.started.elapsed();
        let route = route_label(self.route.as_ref());
        let run = self.run.as_ref().and_then(|run| run.to_str().ok());
        self.span.in_scope(|| {
            tracing::info!(
                target: "patchbay::access",
                request = %self.id,
                status = self.status.as_u16(),
                code = self.code,
                run,
                bytes,
                complete,
                elapsed_us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX),
                "answered"
            );
        });
        let route: metrics::SharedString = route.to_owned().into();
        metrics::counter!(
            "patchbay_http_requests_total",
            "method" => self.method,
            "route" => route.clone(),
            "status" => self.status.as_str().to_owned()
        )
        .increment(1);
        metrics::histogram!("patchbay_http_request_seconds", "method" => self.method, "route" => route)
            .record(elapsed.as_secs_f64());
    }
}

/// A streamed answer that is logged when it ends, or when the client leaves.
struct Tail {
    inner: Body,
    end: Option<End>,
    bytes: u64,
}

impl http_body::Body for Tail {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                self.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
            }
            Poll::Ready(over) => {
                let complete = over.is_none();
                if let Some(end) = self.end.take() {
                    end.record(self.bytes, complete);
                }
            }
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        if let Some(end) = self.end.take() {
            end.record(self.bytes, http_body::Body::is_end_stream(&self.inner));
        }
    }
}

fn route_label(route: Option<&MatchedPath>) -> &str {
    route.map_or("none", MatchedPath::as_str)
}

/// A label from a closed set: a client may invent methods, and each new label costs memory for ever.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::PATCH => "PATCH",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message");
    format!("a handler panicked: {text}")
}

#[cfg(test)]
mod tests {
    use axum::{Router, routing::get};
    use futures::stream;
    use http_body_util::BodyExt;
    use patchbay_model::{SeededRandom, SystemClock};
    use tower::ServiceExt;

    use super::*;

    async fn answer(router: Router) -> Response {
        let observe = Observe { clock: Arc::new(SystemClock), random: Arc::new(SeededRandom::new(1)) };
        router.layer(observe).oneshot(Request::new(Body::empty())).await.unwrap()
    }

    #[tokio::test]
    async fn a_panic_is_a_problem_that_says_nothing_of_it() {
        async fn panics() {
            panic!("the secret is 42");
        }
        let response = answer(Router::new().route("/", get(panics))).await;
        assert_eq!(response.status(), 500);
        assert!(response.headers().contains_key("x-request-id"));
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let text = String::from_utf8(body.to_vec()).unwrap();
        assert!(text.contains("\"code\":\"internal\"") && !text.contains("secret"), "{text}");
    }

    #[tokio::test]
    async fn a_page_of_a_failure_says_whom_to_give_which_request_and_when_to_come_back() {
        async fn fails() -> Response {
            let failure = Failure::internal("the secret is 42").retry_after(std::time::Duration::from_millis(1_500));
            let mut response = page::failed("Not joined", failure);
            response.headers_mut().insert("set-cookie", HeaderValue::from_static("a=; Max-Age=0"));
            response
        }
        let response = answer(Router::new().route("/", get(fails))).await;
        assert_eq!((response.status().as_u16(), response.headers()["retry-after"].to_str().unwrap()), (500, "2"));
        assert_eq!(response.headers()["set-cookie"], "a=; Max-Age=0");
        assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
        let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let text = String::from_utf8(body.to_vec()).unwrap();
        assert!(text.contains("Not joined") && text.contains(&id) && !text.contains("secret"), "{text}");
    }

    #[tokio::test]
    async fn a_vendors_own_request_id_is_kept_beside_ours() {
        let vendor = || async { [("x-request-id", "vendor-1")] };
        let response = answer(Router::new().route("/", get(vendor))).await;
        assert_eq!(response.headers()["x-request-id"], "vendor-1");
        assert!(response.headers()["patchbay-request-id"].to_str().unwrap().starts_with("req_"));
    }

    #[tokio::test]
    async fn a_stream_passes_through_unchanged() {
        let streamed = || async { Body::from_stream(stream::iter(["a", "b"].map(Ok::<_, Infallible>))) };
        let response = answer(Router::new().route("/", get(streamed))).await;
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "ab");
    }
}
