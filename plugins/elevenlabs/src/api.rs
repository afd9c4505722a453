//! ElevenLabs' API, as the actions call it.

use patchbay_sdk::{Error, Verbatim, http};

use crate::failure;

/// The credential in the manifest.
pub(crate) const KEY: &str = "api_key";

/// The longest failure that is read, in bytes.
const MAX_FAILURE: u32 = 64 << 10;

/// Sends a request and gives the text of what is answered.
pub(crate) fn text(request: http::Request) -> Result<String, Error> {
    let response = request.credential(KEY).fetch()?;
    if !response.is_success() {
        return Err(failure::of(response.status, &response.headers, &response.body));
    }
    let status = response.status;
    String::from_utf8(response.body).map_err(|error| unreadable(status, &error))
}

/// The same as JSON that passes as it was written.
pub(crate) fn json<T>(request: http::Request) -> Result<Verbatim<T>, Error> {
    verbatim(text(request)?)
}

/// JSON text as an output.
pub(crate) fn verbatim<T>(text: String) -> Result<Verbatim<T>, Error> {
    Verbatim::new(text).map_err(|error| unreadable(200, &error))
}

/// What a caller is told of a failure whose body still flows.
pub(crate) fn failed(status: u16, headers: &patchbay_sdk::Headers, body: &patchbay_sdk::Source) -> Error {
    // without its body a failure is still one
    let body = body.read_to_end(MAX_FAILURE).unwrap_or_default();
    failure::of(status, headers, &body)
}

fn unreadable(status: u16, error: &dyn std::fmt::Display) -> Error {
    Error::upstream(status, format!("ElevenLabs' answer is not JSON: {error}"))
}
