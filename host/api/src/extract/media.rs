//! The media types that routes take.

use http::{HeaderMap, header};
use patchbay_model::{Code, Failure};

/// Passes `application/json` and `application/…+json`, in UTF-8 and not compressed.
pub(super) fn json(headers: &HeaderMap) -> Result<(), Failure> {
    let json = |essence: &str| {
        essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
    };
    require(headers, json, "application/json")
}

/// Passes the media types of a package.
pub(super) fn package(headers: &HeaderMap) -> Result<(), Failure> {
    let package = |essence: &str| matches!(essence, "application/wasm" | "application/octet-stream");
    require(headers, package, "application/wasm or application/octet-stream")
}

/// Passes what a browser makes of a form.
pub(super) fn form(headers: &HeaderMap) -> Result<(), Failure> {
    require(headers, |essence| essence == "application/x-www-form-urlencoded", "application/x-www-form-urlencoded")
}

fn require(headers: &HeaderMap, takes: impl Fn(&str) -> bool, expected: &str) -> Result<(), Failure> {
    let refuse = |what: String| Err(Failure::new(Code::UnsupportedMediaType, what));
    let given = headers.get(header::CONTENT_TYPE).map_or("", |value| value.to_str().unwrap_or(""));
    let mut parts = given.split(';').map(|part| part.trim().to_ascii_lowercase());
    let essence = parts.next().unwrap_or_default();
    let utf8 = parts.all(|part| {
        part.strip_prefix("charset=").is_none_or(|charset| matches!(charset.trim_matches('"'), "utf-8" | "utf8"))
    });
    if !takes(&essence) || !utf8 {
        return refuse(format!("send the body as {expected}"));
    }
    match headers.get(header::CONTENT_ENCODING) {
        Some(encoding) if !encoding.as_bytes().eq_ignore_ascii_case(b"identity") => {
            refuse("send the body without a content encoding".to_owned())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: header::HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    #[test]
    fn json_is_taken_with_a_suffix_and_in_utf_8_only() {
        for good in ["application/json", "Application/JSON; charset=UTF-8", "application/vnd.x+json"] {
            assert!(json(&with(header::CONTENT_TYPE, good)).is_ok(), "{good}");
        }
        for bad in ["text/plain", "application/json; charset=latin1", "text/x+json", "", "application/jsonp"] {
            assert!(json(&with(header::CONTENT_TYPE, bad)).is_err(), "{bad}");
        }
        assert!(json(&HeaderMap::new()).is_err());
    }

    #[test]
    fn a_compressed_body_is_refused() {
        let mut headers = with(header::CONTENT_TYPE, "application/json");
        headers.insert(header::CONTENT_ENCODING, "gzip".parse().unwrap());
        assert_eq!(json(&headers).unwrap_err().code, Code::UnsupportedMediaType);
    }
}
