//! What a vendor will be asked, and what it will answer.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;

use crate::{Error, Headers};

/// A request as the connector sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// Upper-case.
    pub method: String,
    /// With its query.
    pub url: String,
    /// As the connector wrote them.
    pub headers: Headers,
    /// The whole body; empty if there was none.
    pub body: Vec<u8>,
    /// The credential that was named.
    pub credential: Option<String>,
    /// For the response's headers to arrive, in milliseconds.
    pub timeout_ms: Option<u32>,
    /// May it be sent again?
    pub repeatable: Option<bool>,
}

impl Sent {
    /// The body as JSON.
    ///
    /// # Panics
    /// If it is not: the test fails.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("the body sent is not JSON: {error}"))
    }
}

#[derive(Debug, Clone)]
enum ExpectedBody {
    Any,
    Json(Value),
    Bytes(Vec<u8>),
}

/// A request that the connector is expected to send. What is not said is not compared, but method, URL and
/// credential always are.
#[derive(Debug, Clone)]
pub struct Exchange {
    method: String,
    url: String,
    credential: Option<String>,
    headers: Vec<(String, Option<String>)>,
    body: ExpectedBody,
}

impl Exchange {
    /// Any method, upper-case.
    #[must_use]
    pub fn new(method: &str, url: impl Into<String>) -> Self {
        Self {
            method: method.to_owned(),
            url: url.into(),
            credential: None,
            headers: Vec::new(),
            body: ExpectedBody::Any,
        }
    }

    /// A GET.
    #[must_use]
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// A POST.
    #[must_use]
    pub fn post(url: impl Into<String>) -> Self {
        Self::new("POST", url)
    }

    /// With this credential; without this, with none.
    #[must_use]
    pub fn credential(mut self, name: &str) -> Self {
        self.credential = Some(name.to_owned());
        self
    }

    /// With this header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), Some(value.to_owned())));
        self
    }

    /// Without any header of this name.
    #[must_use]
    pub fn without_header(mut self, name: &str) -> Self {
        self.headers.push((name.to_owned(), None));
        self
    }

    /// With a body that is this JSON, however it is written.
    #[must_use]
    pub fn json(mut self, body: Value) -> Self {
        self.body = ExpectedBody::Json(body);
        self
    }

    /// With exactly these bytes as the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = ExpectedBody::Bytes(body.into());
        self
    }

    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.method, self.url)
    }

    /// One line per difference; empty if there is none.
    pub(crate) fn differences(&self, sent: &Sent) -> String {
        let mut out = String::new();
        compare(&mut out, "method", &self.method, &sent.method);
        compare(&mut out, "url", &self.url, &sent.url);
        compare(&mut out, "credential", &self.credential, &sent.credential);
        for (name, value) in &self.headers {
            compare(&mut out, &format!("header {name}"), &value.as_deref(), &sent.headers.get(name));
        }
        match &self.body {
            ExpectedBody::Any => {}
            ExpectedBody::Bytes(body) => compare(
                &mut out,
                "body",
                &String::from_utf8_lossy(body).into_owned(),
                &String::from_utf8_lossy(&sent.body).into_owned(),
            ),
            ExpectedBody::Json(body) => match serde_json::from_slice::<Value>(&sent.body) {
                Ok(actual) => compare_json(&mut out, &mut String::new(), Some(body), Some(&actual)),
                Err(error) => {
                    let text = String::from_utf8_lossy(&sent.body);
                    push(&mut out, format_args!("body: expected JSON, but {error}: {text}"));
                }
            },
        }
        out
    }
}

fn push(out: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "  {line}");
}

fn compare<T: PartialEq + std::fmt::Debug>(out: &mut String, what: &str, expected: &T, actual: &T) {
    if expected != actual {
        push(out, format_args!("{what}: expected {expected:?}, the connector sent {actual:?}"));
    }
}

fn compare_json(out: &mut String, pointer: &mut String, expected: Option<&Value>, actual: Option<&Value>) {
    let length = pointer.len();
    match (expected, actual) {
        (Some(Value::Object(expected)), Some(Value::Object(actual))) => {
            let names: BTreeSet<_> = expected.keys().chain(actual.keys()).collect();
            for name in names {
                let _ = write!(pointer, "/{}", name.replace('~', "~0").replace('/', "~1"));
                compare_json(out, pointer, expected.get(name), actual.get(name));
                pointer.truncate(length);
            }
        }
        (Some(Value::Array(expected)), Some(Value::Array(actual))) => {
            for index in 0..expected.len().max(actual.len()) {
                let _ = write!(pointer, "/{index}");
                compare_json(out, pointer, expected.get(index), actual.get(index));
                pointer.truncate(length);
            }
        }
        (expected, actual) if expected == actual => {}
        (Some(expected), Some(actual)) => {
            push(out, format_args!("body {pointer:?}: expected {expected}, the connector sent {actual}"));
        }
        (Some(expected), None) => push(out, format_args!("body {pointer:?}: expected {expected}, it is missing")),
        (None, Some(actual)) => push(out, format_args!("body {pointer:?}: not expected, the connector sent {actual}")),
        (None, None) => {}
    }
}

/// What the vendor answers.
#[derive(Debug, Clone)]
pub struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Headers,
    pub(crate) chunks: Vec<Vec<u8>>,
    pub(crate) end: Option<Error>,
    pub(crate) failure: Option<Error>,
}

impl Reply {
    /// A status without headers or body.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self { status, headers: Headers::new(), chunks: Vec::new(), end: None, failure: None }
    }

    /// A JSON body.
    #[must_use]
    pub fn json(status: u16, body: &Value) -> Self {
        Self::status(status).header("content-type", "application/json").chunk(body.to_string())
    }

    /// Server-sent events: each text becomes one event with that `data`, in a chunk of its own.
    #[must_use]
    pub fn server_sent_events<T: AsRef<str>>(data: impl IntoIterator<Item = T>) -> Self {
        let start = Self::status(200).header("content-type", "text/event-stream");
        data.into_iter().fold(start, |reply, data| reply.chunk(format!("data: {}\n\n", data.as_ref())))
    }

    /// No answer at all: what the host tells the connector instead.
    #[must_use]
    pub fn fails(error: Error) -> Self {
        Self { failure: Some(error), ..Self::status(0) }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.append(name, value);
        self
    }

    /// Adds a chunk of the body.
    #[must_use]
    pub fn chunk(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.chunks.push(bytes.into());
        self
    }

    /// The connection breaks after the chunks so far.
    #[must_use]
    pub fn breaks_off(mut self) -> Self {
        self.end = Some(Error::Unavailable("the vendor's answer broke off".to_owned()));
        self
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn differences_name_the_place_and_both_values() {
        let exchange = Exchange::post("https://a.example/x")
            .credential("key")
            .header("x-a", "1")
            .without_header("cookie")
            .json(json!({"same": 1, "list": [1, 2], "gone": true}));
        let sent = Sent {
            method: "POST".into(),
            url: "https://a.example/y".into(),
            headers: [("cookie", "c")].into_iter().collect(),
            body: json!({"same": 1, "list": [1, 3, 4], "new": null}).to_string().into_bytes(),
            credential: None,
            timeout_ms: None,
            repeatable: None,
        };
        assert_eq!(
            exchange.differences(&sent),
            concat!(
                "  url: expected \"https://a.example/x\", the connector sent \"https://a.example/y\"\n",
                "  credential: expected Some(\"key\"), the connector sent None\n",
                "  header x-a: expected Some(\"1\"), the connector sent None\n",
                "  header cookie: expected None, the connector sent Some(\"c\")\n",
                "  body \"/gone\": expected true, it is missing\n",
                "  body \"/list/1\": expected 2, the connector sent 3\n",
                "  body \"/list/2\": not expected, the connector sent 4\n",
                "  body \"/new\": not expected, the connector sent null\n",
            )
        );
    }
}
