//! Answers whose body somebody else wrote: a plugin, or the vendor behind it.
//!
//! They come from the hub's own origin, so a browser must neither run them as a page of it nor take from
//! them what counts for the whole origin.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::cookie;

/// Headers that count for all of the origin, or for the connection's host.
const OF_THE_ORIGIN: [&str; 5] =
    ["alt-svc", "clear-site-data", "public-key-pins", "service-worker-allowed", "strict-transport-security"];

/// Takes out what the origin alone may say, and adds that nothing of the body may run.
pub(crate) fn guard(headers: &mut HeaderMap) {
    for name in OF_THE_ORIGIN {
        headers.remove(HeaderName::from_static(name));
    }
    cookie::strip_foreign(headers);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_somebody_else_wrote_runs_on_the_hubs_origin() {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("text/html"));
        headers.insert("content-security-policy", HeaderValue::from_static("default-src *"));
        headers.insert("strict-transport-security", HeaderValue::from_static("max-age=1"));
        guard(&mut headers);
        assert_eq!(headers["content-security-policy"], "sandbox; default-src 'none'");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["content-type"], "text/html");
        assert!(!headers.contains_key("strict-transport-security"));
    }
}
