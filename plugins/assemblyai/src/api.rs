//! How AssemblyAI's API is called, and which texts may be a part of its addresses.

use patchbay_sdk::{Error, Verbatim, http};

use crate::failure;

/// The credential in the manifest.
pub(crate) const KEY: &str = "api_key";

/// The longest id that is taken for one; AssemblyAI's have 36 characters.
const MAX_ID: usize = 64;

/// True for what can be a transcript's id, and so a segment of a path.
pub(crate) fn is_id(text: &str) -> bool {
    (1..=MAX_ID).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Sends a request with the key, and gives what AssemblyAI answers if that is a success.
pub(crate) fn call(request: http::Request) -> Result<http::WholeResponse, Error> {
    let response = request.credential(KEY).fetch()?;
    if response.is_success() { Ok(response) } else { Err(failure::of(&response)) }
}

/// The body as it came, as JSON.
pub(crate) fn verbatim<T>(response: http::WholeResponse) -> Result<Verbatim<T>, Error> {
    let status = response.status;
    let unreadable =
        |error: &dyn std::fmt::Display| Error::upstream(status, format!("AssemblyAI's answer is not JSON: {error}"));
    let text = String::from_utf8(response.body).map_err(|error| unreadable(&error))?;
    Verbatim::new(text).map_err(|error| unreadable(&error))
}
