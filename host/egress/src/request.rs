//! What is asked of the way out.

use std::{fmt, io, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::stream::BoxStream;
use http::{HeaderName, HeaderValue, Method};
use patchbay_model::{OrgId, PluginId};
use tokio::time::Instant;
use url::Url;

use crate::{BodySecret, Injection, Redactor};

/// One request of a plugin.
#[derive(Debug)]
pub struct Request {
    /// For whom: connections are pooled per org.
    pub org: OrgId,
    /// By which plugin's connection: pauses that a vendor asks for are kept per connection and host. None: for nobody's,
    /// and none are kept.
    pub plugin: Option<PluginId>,
    /// A header by which the vendor knows a repeat, if the guest sets none of that name.
    pub repeat_header: Option<(HeaderName, HeaderValue)>,
    /// Upper-case.
    pub method: Method,
    /// The vendor's logical URL: https, by host name. Where it really goes is the operator's to say.
    pub url: Url,
    /// The guest's; hop-by-hop ones, `host` and `content-length` are dropped.
    pub headers: Vec<(String, String)>,
    /// What is sent.
    pub body: Body,
    /// The credential to put in.
    pub credential: Option<Injection>,
    /// Secrets that go into a JSON body by themselves, where it has a place for them.
    pub body_secrets: Vec<BodySecret>,
    /// Takes the connection's secrets out of the answer.
    pub redact: Arc<Redactor>,
    /// For everything, to the last byte of the response's body.
    pub deadline: Instant,
    /// For the response's headers to arrive, repeats included. Never beyond the deadline.
    pub headers_timeout: Option<Duration>,
    /// May it be sent again although the vendor may have seen it? None: by the method.
    pub repeatable: Option<bool>,
}

/// What is sent.
pub enum Body {
    /// Nothing.
    Empty,
    /// These bytes.
    Bytes(Bytes),
    /// What flows, and its size in bytes where known. Never sent twice.
    Stream(BoxStream<'static, Result<Bytes, io::Error>>, Option<u64>),
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("Empty"),
            Self::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
            Self::Stream(_, size) => write!(f, "Stream({size:?})"),
        }
    }
}

impl Request {
    /// True if sending it twice does no harm even if the vendor saw the first: by RFC 9110 for some
    /// methods, by the guest's word for others.
    pub(crate) fn may_repeat(&self) -> bool {
        self.repeatable.unwrap_or_else(|| self.method.is_idempotent())
    }
}
