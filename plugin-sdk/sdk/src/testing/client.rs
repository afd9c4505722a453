//! The client's side of a proxied request: what it sends, what reached it, and when it left.

use std::cell::RefCell;
use std::rc::Rc;

use serde_json::Value;

use super::observe::{self, Observer, Splitter};
use crate::proxy::{Observation, Summary};
use crate::{Error, Headers, Source};

/// A request in the vendor's shape.
#[derive(Debug)]
pub struct ProxyCall {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: Headers,
    pub(crate) body: Vec<u8>,
    pub(crate) leaves_after: Option<usize>,
    pub(crate) has_left: bool,
}

impl ProxyCall {
    /// Any method, upper-case, below the proxy's root; the path may carry a query.
    #[must_use]
    pub fn new(method: &str, path: &str) -> Self {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: Headers::new(),
            body: Vec::new(),
            leaves_after: None,
            has_left: false,
        }
    }

    /// A GET.
    #[must_use]
    pub fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    /// A POST.
    #[must_use]
    pub fn post(path: &str) -> Self {
        Self::new("POST", path)
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.append(name, value);
        self
    }

    /// Sets a JSON body.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json").body(body.to_string())
    }

    /// Sets the body's bytes.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// The client leaves when it has got so many pieces: server-sent events, or chunks of other bodies.
    #[must_use]
    pub const fn leaves_after(mut self, pieces: usize) -> Self {
        self.leaves_after = Some(pieces);
        self
    }

    /// The client leaves when the vendor has answered, before the connector starts its own answer. For one that
    /// leaves before the vendor has answered, let the exchange fail with [`Error::Timeout`].
    #[must_use]
    pub const fn leaves_before_the_answer(mut self) -> Self {
        self.has_left = true;
        self
    }
}

/// What reached the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyReply {
    /// What the connector's function gave.
    pub result: Result<(), Error>,
    /// HTTP status; `None` if the connector never started an answer.
    pub status: Option<u16>,
    /// Headers.
    pub headers: Headers,
    /// The body, in the pieces in which it came.
    pub chunks: Vec<Vec<u8>>,
}

impl ProxyReply {
    /// The whole body.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        self.chunks.concat()
    }

    /// The whole body as text.
    ///
    /// # Panics
    /// If it is not UTF-8: the test fails.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8(self.body()).unwrap_or_else(|error| panic!("the answer is not UTF-8: {error}"))
    }

    /// The `data` of each server-sent event.
    #[must_use]
    pub fn events(&self) -> Vec<String> {
        let mut splitter = Splitter::default();
        splitter.push(&self.body());
        std::iter::from_fn(|| splitter.next_event()).filter_map(|event| observe::data(&event)).collect()
    }
}

/// A client that waits for an answer.
#[derive(Debug, Default)]
pub(crate) struct Client {
    pub(crate) started: Option<(u16, Headers)>,
    pub(crate) chunks: Vec<Vec<u8>>,
    pub(crate) leaves_after: Option<usize>,
    pub(crate) has_left: bool,
}

/// The connector's end of the way to the client.
#[derive(Debug)]
pub(crate) struct Responder(pub(crate) Rc<RefCell<Client>>);

impl Responder {
    pub(crate) fn start(&self, status: u16, headers: Headers) -> Result<(), Error> {
        let mut client = self.0.borrow_mut();
        if client.started.is_some() {
            return Err(Error::Conflict("the answer was started before".to_owned()));
        }
        if client.has_left {
            return Err(Error::Unavailable("the client has left".to_owned()));
        }
        client.started = Some((status, headers));
        Ok(())
    }

    pub(crate) fn write(&self, chunk: &[u8]) -> Result<(), Error> {
        let mut client = self.0.borrow_mut();
        if client.started.is_none() {
            return Err(Error::Conflict("the answer was not started".to_owned()));
        }
        if client.leaves_after.is_some_and(|pieces| client.chunks.len() >= pieces) {
            return Err(Error::Unavailable("the client has left".to_owned()));
        }
        client.chunks.push(chunk.to_vec());
        Ok(())
    }

    pub(crate) fn forward(&self, source: Source, observe: Option<Observation>) -> Result<Summary, Error> {
        if self.0.borrow().started.is_none() {
            return Err(Error::Conflict("the answer was not started".to_owned()));
        }
        let mut observer = Observer::new(observe.unwrap_or_default());
        let mut summary = Summary::default();
        summary.complete = if source.0.content_type().starts_with("text/event-stream") {
            self.forward_events(&source, &mut observer, &mut summary)
        } else {
            self.forward_body(&source, &mut observer, &mut summary)
        };
        summary.captured = observer.captured;
        summary.measured = observer.measured;
        Ok(summary)
    }

    fn forward_events(&self, source: &Source, observer: &mut Observer, summary: &mut Summary) -> bool {
        let mut splitter = Splitter::default();
        while let Ok(chunk) = source.read(u32::MAX) {
            let Some(chunk) = chunk else {
                let rest = splitter.rest();
                return rest.is_empty() || observer.pass(rest).is_none_or(|piece| self.write(&piece).is_ok());
            };
            summary.bytes += u64::try_from(chunk.len()).unwrap_or(u64::MAX);
            splitter.push(&chunk);
            while let Some(event) = splitter.next_event() {
                summary.events += 1;
                if observer.pass(event).is_some_and(|piece| self.write(&piece).is_err()) {
                    return false;
                }
            }
        }
        false
    }

    /// As in the hub, a body is read to its end also when the client left: the figures may stand there.
    fn forward_body(&self, source: &Source, observer: &mut Observer, summary: &mut Summary) -> bool {
        let mut all = Vec::new();
        let mut complete = true;
        while let Ok(chunk) = source.read(u32::MAX) {
            let Some(chunk) = chunk else {
                if let Ok(value) = serde_json::from_slice(&all) {
                    observer.look(&value);
                }
                return complete;
            };
            summary.bytes += u64::try_from(chunk.len()).unwrap_or(u64::MAX);
            all.extend_from_slice(&chunk);
            complete = complete && self.write(&chunk).is_ok();
        }
        false
    }
}
