//! JSON bodies as types.

use axum::extract::{FromRequest, Request};
use patchbay_model::{Code, Failure};
use secrecy::SecretString;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, IgnoredAny},
};
use serde_json::error::Category;
use serde_path_to_error::{Path, Segment};

use super::media;
use crate::{body, problem::Problem, state::ApiState};

/// A JSON body. What does not parse is `malformed_json`; what parses but does not fit the type is
/// `invalid_input`, with the place as a JSON Pointer.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<ApiState> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &ApiState) -> Result<Self, Problem> {
        media::json(request.headers())?;
        let config = &state.shared.config;
        let bytes = body::read(request.into_body(), config.max_json_bytes, config).await?;
        Ok(Self(parse(&bytes)?))
    }
}

/// A JSON body that may be left out altogether; then no media type is needed either.
pub(crate) struct OptionalJson<T>(pub(crate) Option<T>);

impl<T: DeserializeOwned> FromRequest<ApiState> for OptionalJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &ApiState) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let config = &state.shared.config;
        let bytes = body::read(body, config.max_json_bytes, config).await?;
        if bytes.is_empty() {
            return Ok(Self(None));
        }
        media::json(&parts.headers)?;
        Ok(Self(Some(parse(&bytes)?)))
    }
}

/// A secret in a body; one that is left out fails.
pub(crate) fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    String::deserialize(deserializer).map(SecretString::from)
}

/// A secret in a body that may be left out: also needs `default`.
pub(crate) fn optional_secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SecretString>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(SecretString::from))
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    // first the whole as JSON, so that one text gets one answer: a type may stop reading at any point
    serde_json::from_slice::<IgnoredAny>(bytes).map_err(|error| malformed(&error))?;
    // serde takes a list for a struct; no body of this API is a list
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(Failure::violation("", "an object"));
    }
    serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_slice(bytes)).map_err(|error| {
        match error.inner().classify() {
            Category::Data => Failure::violation(pointer(error.path()), expected(&error.inner().to_string())),
            // nested too deeply
            Category::Syntax | Category::Eof | Category::Io => malformed(error.inner()),
        }
    })
}

fn malformed(error: &serde_json::Error) -> Failure {
    Failure::new(
        Code::MalformedJson,
        format!("it stops being JSON at line {}, column {}", error.line(), error.column()),
    )
}

/// The path as a JSON Pointer (RFC 6901).
fn pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } | Segment::Enum { variant: key } => {
                pointer.push('/');
                pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
            }
            Segment::Unknown => {}
        }
    }
    pointer
}

/// What serde expected. The value that it met instead is cut off: it may be a secret in the wrong place.
fn expected(message: &str) -> String {
    let message = message.rsplit_once(" at line ").map_or(message, |(message, _)| message);
    if let Some(field) = message.strip_prefix("missing field ") {
        return format!("a field {field}");
    }
    let known = message.rsplit_once(", expected ").map(|(_, expected)| expected);
    match (message.starts_with("unknown field"), known) {
        (true, Some(known)) => format!("no such field, only {known}"),
        (true, None) => "no such field".to_owned(),
        (false, Some(expected)) => expected.to_owned(),
        (false, None) => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[expect(dead_code, reason = "only parsed")]
        list: Vec<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[expect(dead_code, reason = "only parsed")]
        size: u8,
    }

    fn refusal(text: &str) -> (Code, String, String) {
        let failure = parse::<Outer>(text.as_bytes()).unwrap_err();
        let violation = failure.violations.first().cloned();
        let (pointer, expected) = violation.map_or_else(Default::default, |v| (v.pointer, v.expected));
        (failure.code, pointer, expected)
    }

    #[test]
    fn what_does_not_parse_is_malformed() {
        for text in ["", "{", "{\"list\":[]} x", "nul", "{\"list\":[],}", &"[".repeat(200)] {
            assert_eq!(refusal(text).0, Code::MalformedJson, "{text}");
        }
    }

    #[test]
    fn what_does_not_fit_is_pointed_at() {
        let place = |text| {
            let (code, pointer, expected) = refusal(text);
            assert_eq!(code, Code::InvalidInput);
            (pointer, expected)
        };
        let pair = |pointer: &str, expected: &str| (pointer.to_owned(), expected.to_owned());
        assert_eq!(place(r#"{"list":[{"size":1},{"size":"s3cret"}]}"#), pair("/list/1/size", "u8"));
        assert_eq!(place(r#"{"list":[{"size":300}]}"#), pair("/list/0/size", "u8"));
        assert_eq!(place(r#"{"list":[{"size":1,"a/b":2}]}"#), pair("/list/0/a~1b", "no such field, only `size`"));
        assert_eq!(place("{}"), pair("", "a field `list`"));
        assert_eq!(place("[[]]"), pair("", "an object"));
        assert_eq!(place("null"), pair("", "an object"));
    }
}
