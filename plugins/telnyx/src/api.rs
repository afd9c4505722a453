//! Telnyx' API v2: how it is asked, and what it answers.

use patchbay_sdk::{Error, clock, http};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::failure;

/// Where Telnyx is.
pub(crate) const ORIGIN: &str = "https://api.telnyx.com";

/// The credential in the manifest.
pub(crate) const KEY: &str = "api_key";

/// The longest id of Telnyx that is taken for one, in bytes; a call's has about 70.
const MAX_ID: usize = 256;

/// All but RFC 3986's unreserved characters.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

#[derive(Deserialize)]
struct Envelope<T> {
    data: T,
}

/// The pages of a list.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Pages {
    pub(crate) page_number: u32,
    pub(crate) total_pages: u32,
    pub(crate) total_results: u64,
}

/// One page of a list.
#[derive(Debug, Deserialize)]
pub(crate) struct List<T> {
    pub(crate) data: Vec<T>,
    #[serde(default)]
    pub(crate) meta: Pages,
}

impl<T> List<T> {
    /// The number of the next page, if there is one.
    pub(crate) fn next_page(&self) -> Option<u32> {
        (self.meta.page_number < self.meta.total_pages).then_some(self.meta.page_number + 1)
    }
}

/// The address of something, as `/calls`.
pub(crate) fn url(path: &str) -> String {
    format!("{ORIGIN}/v2{path}")
}

/// An id as one segment of a path: a call's has colons in it.
///
/// # Errors
/// [`Error::Invalid`] at `pointer` for what cannot be an id, or could name another path.
pub(crate) fn segment(pointer: &str, id: &str) -> Result<String, Error> {
    let fits = (1..=MAX_ID).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    if !fits || id.bytes().all(|byte| byte == b'.') {
        return Err(Error::invalid(pointer, "an id of Telnyx: 1 to 256 printable ASCII characters"));
    }
    Ok(utf8_percent_encode(id, SEGMENT).to_string())
}

/// Sends a request with the key, and gives what Telnyx answers if that is a success.
///
/// # Errors
/// What Telnyx says, as [`failure::of`] reads it; what kept it from answering.
pub(crate) fn send(request: http::Request) -> Result<http::WholeResponse, Error> {
    let response = request.credential(KEY).fetch()?;
    if response.is_success() { Ok(response) } else { Err(failure::of(&response, clock::now())) }
}

/// The member `data` of what Telnyx answers.
///
/// # Errors
/// As [`send`], and [`Error::Upstream`] if it is something else.
pub(crate) fn data<T: DeserializeOwned>(request: http::Request) -> Result<T, Error> {
    let envelope: Envelope<T> = send(request)?.json()?;
    Ok(envelope.data)
}

/// A page of a list.
///
/// # Errors
/// As [`data`].
pub(crate) fn list<T: DeserializeOwned>(request: http::Request) -> Result<List<T>, Error> {
    send(request)?.json()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_calls_id_is_one_segment() {
        assert_eq!(segment("/id", "v3:Mdi_x-Y=="), Ok("v3%3AMdi_x-Y%3D%3D".to_owned()));
        assert_eq!(segment("/id", "a/b?c"), Ok("a%2Fb%3Fc".to_owned()));
        for id in ["", "..", ".", "a b", "ü"] {
            assert!(matches!(segment("/id", id), Err(Error::Invalid(_))), "{id}");
        }
    }
}
