//! Slack's Web API: how it is called, and what it answers.

use patchbay_sdk::{Error, Headers, UpstreamFailure, clock, http, log};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::failure::{self, Details};

/// Where the methods are.
pub(crate) const ORIGIN: &str = "https://slack.com";

/// The credential in the manifest.
pub(crate) const TOKEN: &str = "bot_token";

/// What every answer begins with.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Envelope {
    ok: bool,
    error: Option<String>,
    needed: Option<String>,
    provided: Option<String>,
    warning: Option<String>,
    response_metadata: Option<Metadata>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata {
    next_cursor: Option<String>,
    messages: Vec<String>,
    warnings: Vec<String>,
}

/// A success.
#[derive(Debug)]
pub(crate) struct Answer {
    body: http::WholeResponse,
    /// What Slack found odd, by its own words for it.
    pub(crate) warnings: Vec<String>,
    /// Where the next page begins.
    pub(crate) next_cursor: Option<String>,
}

impl Answer {
    /// The members that matter.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, Error> {
        self.body.json()
    }

    pub(crate) fn headers(&self) -> &Headers {
        &self.body.headers
    }
}

/// Calls a method that changes something.
pub(crate) fn write<T: Serialize + ?Sized>(method: &str, arguments: &T) -> Result<Answer, Error> {
    let body = serde_json::to_vec(arguments).map_err(|error| Error::Internal(error.to_string()))?;
    // Without the charset Slack answers with a warning.
    let request = http::Request::post(url(method)).bytes("application/json; charset=utf-8", body);
    answer(&request.credential(TOKEN).fetch()?)
}

/// Calls a method that only reads: with a form, because some of those take no JSON.
pub(crate) fn read<'a>(method: &str, fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Answer, Error> {
    let request = http::Request::post(url(method)).form(fields).repeatable(true);
    answer(&request.credential(TOKEN).fetch()?)
}

fn url(method: &str) -> String {
    format!("{ORIGIN}/api/{method}")
}

fn answer(response: &http::WholeResponse) -> Result<Answer, Error> {
    let wait_ms = http::retry_after_ms(&response.headers, clock::now());
    let envelope: Envelope = match response.json() {
        Ok(envelope) => envelope,
        Err(unreadable) if response.is_success() => return Err(unreadable),
        Err(_) => Envelope::default(),
    };
    if response.status == 429 {
        return Err(failure::of("ratelimited", Details { wait_ms, ..Details::default() }));
    }
    let metadata = envelope.response_metadata.unwrap_or_default();
    if envelope.ok && response.is_success() {
        let mut warnings: Vec<String> = envelope
            .warning
            .iter()
            .flat_map(|words| words.split(','))
            .map(str::to_owned)
            .chain(metadata.warnings)
            .filter(|word| !word.is_empty())
            .collect();
        warnings.sort_unstable();
        warnings.dedup();
        for warning in &warnings {
            log::warn("Slack warns", &[("warning", warning)]);
        }
        let next_cursor = metadata.next_cursor.filter(|cursor| !cursor.is_empty());
        return Ok(Answer { body: response.clone(), warnings, next_cursor });
    }
    match envelope.error {
        Some(word) => Err(failure::of(
            &word,
            Details { needed: envelope.needed, provided: envelope.provided, messages: metadata.messages, wait_ms },
        )),
        None => Err(Error::Upstream(UpstreamFailure {
            status: response.status,
            code: None,
            message: format!("Slack answered with the status {} and no reason", response.status),
            retry_after_ms: wait_ms,
        })),
    }
}
