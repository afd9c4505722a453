//! What is sent to a vendor.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use super::{Response, WholeResponse};
use crate::{Error, Headers, Source, host};

/// What is sent.
#[derive(Debug)]
pub enum Body {
    /// Nothing.
    Empty,
    /// These bytes.
    Bytes(Vec<u8>),
    /// What flows out of a source, without passing through the connector. Never sent a second time.
    Stream(Source),
}

/// One request to a vendor.
#[derive(Debug)]
pub struct Request {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) headers: Headers,
    pub(crate) body: Body,
    pub(crate) credential: Option<String>,
    pub(crate) timeout_ms: Option<u32>,
    pub(crate) repeatable: Option<bool>,
}

impl Request {
    /// A request with any method, upper-case, to an absolute https URL.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            url: url.into(),
            headers: Headers::new(),
            body: Body::Empty,
            credential: None,
            timeout_ms: None,
            repeatable: None,
        }
    }

    /// A GET.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// A POST.
    pub fn post(url: impl Into<String>) -> Self {
        Self::new("POST", url)
    }

    /// A PUT.
    pub fn put(url: impl Into<String>) -> Self {
        Self::new("PUT", url)
    }

    /// A PATCH.
    pub fn patch(url: impl Into<String>) -> Self {
        Self::new("PATCH", url)
    }

    /// A DELETE.
    pub fn delete(url: impl Into<String>) -> Self {
        Self::new("DELETE", url)
    }

    /// Adds a header. The host drops hop-by-hop headers, `host`, `content-length` and any header that a
    /// credential fills; `accept-encoding`, which is its own affair; and beside a credential `range`, so be ready for
    /// the whole.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.append(name, value);
        self
    }

    /// Puts these headers in place of all that were there.
    #[must_use]
    pub fn headers(mut self, headers: Headers) -> Self {
        self.headers = headers;
        self
    }

    /// Adds a parameter to the URL's query, percent-encoded.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.url.push(if self.url.contains('?') { '&' } else { '?' });
        percent_encode(name, &mut self.url);
        self.url.push('=');
        percent_encode(value, &mut self.url);
        self
    }

    /// Names the credential to authenticate with. The manifest says where the host puts it; the connector
    /// never sees it.
    #[must_use]
    pub fn credential(mut self, name: impl Into<String>) -> Self {
        self.credential = Some(name.into());
        self
    }

    /// How long the response's headers may take; capped by what is left of the call. Whole milliseconds.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout_ms = Some(u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX));
        self
    }

    /// May the host send it again after a failure in which the vendor may have seen it? By default only for
    /// GET, HEAD, OPTIONS, PUT and DELETE.
    #[must_use]
    pub fn repeatable(mut self, repeatable: bool) -> Self {
        self.repeatable = Some(repeatable);
        self
    }

    /// Sets the body as it is; the content type is the caller's affair.
    #[must_use]
    pub fn body(mut self, body: Body) -> Self {
        self.body = body;
        self
    }

    /// Sets bytes and their media type.
    #[must_use]
    pub fn bytes(mut self, content_type: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.headers.set("content-type", content_type);
        self.body(Body::Bytes(bytes.into()))
    }

    /// Sets a JSON body.
    ///
    /// # Errors
    /// [`Error::Internal`] if the value cannot be written as JSON, as with a map whose keys are no strings.
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> Result<Self, Error> {
        let bytes = serde_json::to_vec(value).map_err(|error| Error::Internal(error.to_string()))?;
        Ok(self.bytes("application/json", bytes))
    }

    /// Sets a body of form fields (`application/x-www-form-urlencoded`), in order.
    #[must_use]
    pub fn form<'a>(self, fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut text = String::new();
        for (name, value) in fields {
            if !text.is_empty() {
                text.push('&');
            }
            percent_encode(name, &mut text);
            text.push('=');
            percent_encode(value, &mut text);
        }
        self.bytes("application/x-www-form-urlencoded", text)
    }

    /// Sends it and gives the response as soon as its headers are in.
    ///
    /// # Errors
    /// What kept the vendor from answering: [`Error::Denied`]; [`Error::Unavailable`] if nothing was sent;
    /// [`Error::Timeout`] if the vendor may have seen it, also where the connection broke off. A vendor's 4xx or 5xx is a
    /// response, not an error.
    pub fn send(self) -> Result<Response, Error> {
        host::http_send(self)
    }

    /// Sends it and gives the whole response, up to the manifest's cap; cheaper than [`Request::send`] for
    /// small bodies.
    ///
    /// # Errors
    /// As [`Request::send`], and [`Error::Exhausted`] for a body above the cap.
    pub fn fetch(self) -> Result<WholeResponse, Error> {
        host::http_fetch(self)
    }
}

/// Everything but RFC 3986's unreserved characters becomes `%XX`.
fn percent_encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_encoded_and_joined() {
        let request = Request::get("https://a.example/x").query("a b", "ü&=").query("c", "1");
        assert_eq!(request.url, "https://a.example/x?a%20b=%C3%BC%26%3D&c=1");
    }

    #[test]
    fn a_form_is_encoded() {
        let request = Request::post("https://a.example").form([("payload[value]", "1"), ("b", "x y")]);
        assert_eq!(request.headers.get("content-type"), Some("application/x-www-form-urlencoded"));
        assert!(matches!(request.body, Body::Bytes(bytes) if bytes == b"payload%5Bvalue%5D=1&b=x%20y"));
    }
}
