//! The vendor's own API, through the hub: a request in the vendor's shape, and the way back to the client.

use serde::Deserialize;

use crate::{Error, Headers, Source, host};

/// A request in the vendor's shape.
#[derive(Debug)]
pub struct Request {
    /// The run's id.
    pub run: String,
    /// Upper-case.
    pub method: String,
    /// Below the plugin's proxy root, with its leading slash, percent-encoding kept; one that the manifest's
    /// routes match.
    pub path: String,
    /// Without its question mark; empty if there is none.
    pub query: String,
    /// Without hop-by-hop headers and without the hub's key.
    pub headers: Headers,
    /// The client's body.
    pub body: Source,
}

/// Takes away what a client says to the hub and not to the vendor: cookies, who forwarded it, and the
/// encodings that it accepts (the host decodes what the vendor sends).
pub fn retain_request_headers(headers: &mut Headers) {
    headers.retain(|name, _| {
        !matches!(name, "cookie" | "accept-encoding" | "forwarded" | "via" | "x-real-ip")
            && !name.starts_with("x-forwarded-")
    });
}

/// Takes away what a vendor says of its own origin, which would be untrue of the hub's: cookies, other
/// addresses of the service, and that it is reached by https only.
pub fn retain_response_headers(headers: &mut Headers) {
    headers.retain(|name, _| !matches!(name, "set-cookie" | "alt-svc" | "strict-transport-security"));
}

/// The way to the client; one per proxied request.
#[derive(Debug)]
pub struct Responder(pub(crate) host::Responder);

impl Responder {
    /// Sends status and headers; once, and before any byte.
    ///
    /// # Errors
    /// [`Error::Unavailable`] once the client has left, [`Error::Conflict`] the second time.
    pub fn start(&self, status: u16, headers: Headers) -> Result<(), Error> {
        self.0.start(status, headers)
    }

    /// Sends bytes; waits while the client is slow.
    ///
    /// # Errors
    /// [`Error::Unavailable`] once the client has left.
    pub fn write(&self, chunk: &[u8]) -> Result<(), Error> {
        self.0.write(chunk)
    }

    /// Moves everything from `source` to the client without the connector, then comes back, also when the
    /// client left meanwhile. Uses no CPU of the connector while it waits.
    ///
    /// # Errors
    /// Before anything moved. What happens later is [`Summary::complete`].
    pub fn forward(&self, source: Source, observe: Option<Observation>) -> Result<Summary, Error> {
        self.0.forward(source, observe)
    }
}

/// What must hold at one place of a JSON value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// The value there equals this JSON text.
    Equals(String),
    /// There is a value there, and it is not null.
    Present,
}

/// A test at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// JSON Pointer (RFC 6901).
    pub pointer: String,
    /// What must hold there.
    pub test: Test,
}

/// What the host looks for in a body that it forwards: in a JSON body, or in the `data` of each
/// server-sent event (`text/event-stream`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observation {
    pub(crate) capture: Vec<String>,
    pub(crate) measure: Vec<String>,
    pub(crate) withhold: Vec<Condition>,
    pub(crate) strip: Vec<String>,
}

impl Observation {
    /// Looks for nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps the last value at this JSON Pointer that is not null.
    #[must_use]
    pub fn capture(mut self, pointer: &str) -> Self {
        self.capture.push(pointer.to_owned());
        self
    }

    /// Sums the lengths, in characters, of the strings at this JSON Pointer.
    #[must_use]
    pub fn measure(mut self, pointer: &str) -> Self {
        self.measure.push(pointer.to_owned());
        self
    }

    /// Keeps server-sent events back from the client for which this and all other such conditions hold:
    /// the value at `pointer` equals `json`.
    #[must_use]
    pub fn withhold_equal(mut self, pointer: &str, json: &str) -> Self {
        self.withhold.push(Condition { pointer: pointer.to_owned(), test: Test::Equals(json.to_owned()) });
        self
    }

    /// As [`Observation::withhold_equal`], for a value that is there and not null.
    #[must_use]
    pub fn withhold_present(mut self, pointer: &str) -> Self {
        self.withhold.push(Condition { pointer: pointer.to_owned(), test: Test::Present });
        self
    }

    /// Cuts the member at this JSON Pointer out of each server-sent event.
    #[must_use]
    pub fn strip(mut self, pointer: &str) -> Self {
        self.strip.push(pointer.to_owned());
        self
    }
}

/// How much text was found at one place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Measured {
    /// Characters, over all events.
    pub characters: u64,
    /// Events in which there was a string.
    pub events: u64,
}

/// What passed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Bytes received from the source.
    pub bytes: u64,
    /// Server-sent events received; 0 for other bodies.
    pub events: u64,
    /// False when the client left or the source broke off.
    pub complete: bool,
    pub(crate) captured: Vec<(String, String)>,
    pub(crate) measured: Vec<(String, u64, u64)>,
}

impl Summary {
    /// The value captured at this JSON Pointer, if one was found and is a `T`.
    #[must_use]
    pub fn captured<'a, T: Deserialize<'a>>(&'a self, pointer: &str) -> Option<T> {
        let (_, json) = self.captured.iter().find(|(own, _)| own == pointer)?;
        serde_json::from_str(json).ok()
    }

    /// What was measured at this JSON Pointer.
    #[must_use]
    pub fn measured(&self, pointer: &str) -> Measured {
        let found = self.measured.iter().find(|(own, ..)| own == pointer);
        found.map(|(_, characters, events)| Measured { characters: *characters, events: *events }).unwrap_or_default()
    }

    /// The sum of all that was measured.
    #[must_use]
    pub fn measured_in_all(&self) -> Measured {
        self.measured.iter().fold(Measured::default(), |sum, (_, characters, events)| Measured {
            characters: sum.characters.saturating_add(*characters),
            events: sum.events.saturating_add(*events),
        })
    }
}
