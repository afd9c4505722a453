//! The `oauth2` crate's HTTP: each request through the hub's way out, each answer put right before the crate reads it.
//!
//! The crate's own error of a body that does not parse holds the body, so whatever can be wrong with an answer is
//! found here, where it is not quoted.

use std::{pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Method, header};
use oauth2::{AsyncHttpClient, ErrorResponse, HttpRequest, HttpResponse, RequestTokenError};
use patchbay_egress::{Body, Injection, Redactor, Request, Response, Rules};
use patchbay_model::OrgId;
use patchbay_package::manifest::Inject;
use secrecy::SecretString;
use tokio::time::Instant;
use url::Url;
use zeroize::Zeroizing;

use crate::{Net, OauthClient, OauthError, answer};

/// The largest answer, in bytes. Tokens and profiles have a few thousand.
const MAX_ANSWER: usize = 256 << 10;
/// The longest wait that a vendor's Retry-After is believed for.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// An answer of a vendor.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: Zeroizing<Vec<u8>>,
}

impl Answer {
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// What the answer of an endpoint is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reads {
    /// Tokens.
    Tokens,
    /// Tokens in the place of others, which must not be lost for trifles.
    Renewed,
    /// Whether it was done.
    Done,
}

/// One exchange with an endpoint.
pub(crate) struct Wire<'a> {
    pub(crate) client: &'a OauthClient,
    /// May it be sent again although the vendor may have seen it?
    pub(crate) repeatable: bool,
    pub(crate) reads: Reads,
    /// Knows the secrets in the request, which a vendor's words may repeat.
    pub(crate) redact: Redactor,
}

impl<'c> AsyncHttpClient<'c> for Wire<'_> {
    type Error = OauthError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, OauthError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let url = Url::parse(&parts.uri.to_string()).map_err(|_| OauthError::Malformed("a URL".to_owned()))?;
            let answer = self.client.send(parts.method, url, parts.headers, body, self.repeatable).await?;
            let oauth = &self.client.provider.oauth;
            let body = match self.reads {
                Reads::Tokens => answer::tokens(oauth, &answer, &self.redact, false)?,
                Reads::Renewed => answer::tokens(oauth, &answer, &self.redact, true)?,
                Reads::Done => answer::done(oauth, &answer, &self.redact).map(|()| Vec::new())?,
            };
            Ok(HttpResponse::new(body))
        })
    }
}

/// A request as it is about to be sent.
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// May it be sent again although it may have been seen?
    pub(crate) repeatable: bool,
}

impl OauthClient {
    /// Sends a request and reads the answer whole. An `authorization` in the headers goes in as a credential does, so
    /// that no layer below prints it.
    pub(crate) async fn send(
        &self,
        method: Method,
        url: Url,
        headers: HeaderMap,
        body: Vec<u8>,
        repeatable: bool,
    ) -> Result<Answer, OauthError> {
        let outgoing = Outgoing { method, url, headers, body, repeatable };
        send(&self.net, self.org, &self.provider.rules, outgoing).await
    }
}

/// Sends a request for an org by these rules, and reads the answer whole.
pub(crate) async fn send(net: &Net, org: OrgId, rules: &Rules, outgoing: Outgoing) -> Result<Answer, OauthError> {
    let Outgoing { method, url, mut headers, body, repeatable } = outgoing;
    let credential = headers.remove(header::AUTHORIZATION).and_then(|value| Some(injection(value.to_str().ok()?)));
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let request = Request {
        org,
        plugin: None,
        repeat_header: None,
        body_secrets: Vec::new(),
        method,
        url,
        headers: headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
        body: if body.is_empty() { Body::Empty } else { Body::Bytes(Bytes::from(body)) },
        credential,
        // An answer may repeat the refresh token as the one to go on with, so none is taken out of it.
        redact: Arc::default(),
        deadline: Instant::now() + net.timeout,
        headers_timeout: None,
        repeatable: Some(repeatable),
    };
    let mut response = net.egress.send(rules, request).await?;
    let mut body = Zeroizing::new(Vec::new());
    while let Some(chunk) = response.body.chunk().await? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return Err(OauthError::Malformed(format!("it has more than {MAX_ANSWER} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status: response.status, retry_after: retry_after(&response), body })
}

fn injection(value: &str) -> Injection {
    let place = Inject { header: Some(header::AUTHORIZATION.to_string()), ..Inject::default() };
    Injection { place, hosts: Vec::new(), secret: Arc::new(SecretString::from(value)), user: None }
}

/// The vendor's Retry-After in seconds. One as a date is not read: without it the hub waits as it sees fit.
fn retry_after(response: &Response) -> Option<Duration> {
    let (_, value) = response.headers.iter().find(|(name, _)| name == header::RETRY_AFTER.as_str())?;
    value.trim().parse().ok().map(|seconds| Duration::from_secs(seconds).min(LONGEST_WAIT))
}

/// What the crate reports. What it could say of a body is left out; see the module's words.
pub(crate) fn failed<T: ErrorResponse>(error: RequestTokenError<OauthError, T>) -> OauthError {
    match error {
        RequestTokenError::Request(error) => error,
        RequestTokenError::ServerResponse(_) | RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
            OauthError::Malformed("it is not an answer of OAuth 2.0".to_owned())
        }
    }
}
