//! Where in a menu a call is, as the carrier carries it for us: in the query parameter `ivr` of the URL that it calls next.
//!
//! With the state in the URL the same request gets the same answer on whichever hub it comes in, and there is nothing to be
//! read before a caller hears something. A session in the database was rejected: a call would end where the database does.
//! Nothing in it is secret, and nothing is allowed because it says so: each place is looked up in a menu of the org's own.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use patchbay_sdk::Error;
use serde::{Deserialize, Serialize};

/// The query parameter.
const PARAMETER: &str = "ivr";

/// The longest text that is read, in bytes.
const LONGEST: usize = 1024;

/// Where a call is. The names are short because they are in a URL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Position {
    /// The menu's id.
    #[serde(rename = "m")]
    pub(crate) menu: String,
    /// Its version.
    #[serde(rename = "v")]
    pub(crate) version: u32,
    /// The place.
    #[serde(rename = "n")]
    pub(crate) node: String,
    /// How often it was said again here.
    #[serde(rename = "t", default)]
    pub(crate) again: u8,
    /// How many documents the call has had.
    #[serde(rename = "c")]
    pub(crate) count: u16,
}

impl Position {
    /// From the parameter; none if it is not one of ours.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let bytes = (text.len() <= LONGEST).then(|| URL_SAFE_NO_PAD.decode(text).ok())??;
        serde_json::from_slice(&bytes).ok()
    }

    /// The URL with which the carrier comes back to it.
    pub(crate) fn url(&self, callback: &str) -> Result<String, Error> {
        let bytes = serde_json::to_vec(self).map_err(|error| Error::Internal(error.to_string()))?;
        Ok(with_parameter(callback, PARAMETER, &URL_SAFE_NO_PAD.encode(bytes)))
    }
}

/// A URL with one more parameter, whose value needs no escaping.
pub(crate) fn with_parameter(url: &str, name: &str, value: &str) -> String {
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}{name}={value}")
}
