//! Salesforce's REST API: how it is asked, and what it answers.

use patchbay_sdk::clock::{self, Timestamp};
use patchbay_sdk::{Error, http};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::config::Config;
use crate::{failure, pace, soql};

/// The credential in the manifest.
pub(crate) const TOKEN: &str = "access_token";

/// All but RFC 3986's unreserved characters.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The longest external id that is put into a path, in bytes.
const MAX_SEGMENT: usize = 500;

/// Records as they came, and how many milliseconds to wait before Salesforce is asked again.
pub(crate) type Found = (Vec<Map<String, Value>>, Option<u64>);

/// One page of a query.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Records {
    #[serde(rename = "totalSize")]
    pub(crate) total: u64,
    pub(crate) done: bool,
    #[serde(rename = "nextRecordsUrl", default)]
    pub(crate) next: Option<String>,
    pub(crate) records: Vec<Map<String, Value>>,
}

/// The org that is connected.
#[derive(Debug, Clone)]
pub(crate) struct Org {
    pub(crate) config: Config,
}

/// A success, and how the org's limits stand after it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) response: http::WholeResponse,
}

impl Answer {
    /// The body.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, Error> {
        self.response.json()
    }

    /// How long a sync shall wait before it asks for more, in milliseconds.
    pub(crate) fn pause_ms(&self) -> Option<u64> {
        self.response.header("sforce-limit-info").and_then(pace::pause_ms)
    }

    /// The time at Salesforce when it answered; the hub's where it does not say.
    pub(crate) fn at(&self) -> Timestamp {
        self.response.header("date").and_then(clock::parse_http_date).unwrap_or_else(clock::now)
    }
}

impl Org {
    /// The installation's.
    pub(crate) fn load() -> Result<Self, Error> {
        Ok(Self { config: Config::load()? })
    }

    /// The address of something below the API's version, as `/limits`.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}/services/data/v{}{path}", self.config.instance(), self.config.version())
    }

    /// The address that Salesforce gave for a next page.
    ///
    /// # Errors
    /// [`Error::Invalid`] at `pointer` for one that leads elsewhere.
    pub(crate) fn next_url(&self, pointer: &str, path: &str) -> Result<String, Error> {
        let rest = path.strip_prefix("/services/data/v").unwrap_or_default();
        let is_plain = rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._/".contains(&byte));
        if rest.is_empty() || rest.len() > MAX_SEGMENT || !is_plain || rest.contains("..") || !rest.contains("/query") {
            return Err(Error::invalid(pointer, "what a page before gave as `next`"));
        }
        Ok(format!("{}{path}", self.config.instance()))
    }

    /// Where a person sees a record.
    pub(crate) fn link(&self, id: &str) -> String {
        format!("{}/{id}", self.config.instance())
    }

    /// The address of an object's records.
    ///
    /// # Errors
    /// [`Error::Invalid`] at `/object` for what is no name of one.
    pub(crate) fn object_url(&self, object: &str, rest: &str) -> Result<String, Error> {
        Ok(self.url(&format!("/sobjects/{}{rest}", name("/object", object)?)))
    }

    /// A page of a query. `all`: also what is deleted. `batch`: records on a page.
    ///
    /// # Errors
    /// As [`send`].
    pub(crate) fn query(&self, soql: &str, all: bool, batch: u32) -> Result<Answer, Error> {
        let path = if all { "/queryAll" } else { "/query" };
        send(batched(http::Request::get(self.url(path)).query("q", soql), batch))
    }

    /// The page after one.
    ///
    /// # Errors
    /// As [`send`]; one that comes too late has the code [`failure::LOCATOR`].
    pub(crate) fn query_more(&self, pointer: &str, next: &str, batch: u32) -> Result<Answer, Error> {
        send(batched(http::Request::get(self.next_url(pointer, next)?), batch))
    }
}

/// Salesforce takes from 200 to 2,000, as a hint.
fn batched(request: http::Request, batch: u32) -> http::Request {
    request.header("sforce-query-options", format!("batchSize={}", batch.clamp(200, 2000)))
}

/// A name in a path.
///
/// # Errors
/// [`Error::Invalid`] at `pointer`.
pub(crate) fn name<'a>(pointer: &str, name: &'a str) -> Result<&'a str, Error> {
    if soql::is_name(name) {
        Ok(name)
    } else {
        Err(Error::invalid(pointer, "an API name, as in Contact or Patchbay_Id__c"))
    }
}

/// A value as one segment of a path.
///
/// # Errors
/// [`Error::Invalid`] at `pointer` for what is too long, or could name another path: the way out takes no slashes, however they are
/// written.
pub(crate) fn segment(pointer: &str, value: &str) -> Result<String, Error> {
    // what decodes twice, as servers behind others do, is not to find one either
    let decoded: Vec<u8> = percent_decode_str(value).collect();
    let is_plain = is_segment(value.as_bytes()) && is_segment(&decoded) && !value.chars().any(char::is_control);
    if value.is_empty() || value.len() > MAX_SEGMENT || !is_plain {
        return Err(Error::invalid(pointer, "1 to 500 bytes without slashes; for others, a `collection` or a query"));
    }
    Ok(utf8_percent_encode(value, SEGMENT).to_string())
}

/// False for what could be read as several segments, or as the one before.
fn is_segment(bytes: &[u8]) -> bool {
    let stem = bytes.split(|byte| *byte == b';').next().unwrap_or_default();
    stem != b"." && stem != b".." && !bytes.iter().any(|byte| matches!(byte, b'/' | b'\\' | 0..0x20 | 0x7f))
}

/// Sends a request with the token, and gives what Salesforce answers if that is a success.
///
/// # Errors
/// What Salesforce says, as [`failure::of`] reads it; what kept it from answering.
pub(crate) fn send(request: http::Request) -> Result<Answer, Error> {
    let response = request.header("accept", "application/json").credential(TOKEN).fetch()?;
    if response.is_success() { Ok(Answer { response }) } else { Err(failure::of(&response, clock::now())) }
}

/// The same with a JSON body, in the charset that Salesforce asks for.
///
/// # Errors
/// As [`send`].
pub(crate) fn send_json<T: Serialize + ?Sized>(request: http::Request, body: &T) -> Result<Answer, Error> {
    let body = serde_json::to_vec(body).map_err(|error| Error::Internal(error.to_string()))?;
    send(request.bytes("application/json; charset=UTF-8", body))
}
