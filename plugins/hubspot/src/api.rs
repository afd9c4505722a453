//! HubSpot's API: how it is asked, and what it answers.
//!
//! The version is a segment of every path, and is put there in one place. What limits are left is in the headers of an answer; a sync
//! is told to pause before they are used up, because other apps share the account's.

use std::cell::Cell;

use patchbay_sdk::{Error, clock, http};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::config::Config;
use crate::failure;

/// Where HubSpot is, of whichever region the account is.
pub(crate) const ORIGIN: &str = "https://api.hubapi.com";

/// The credential in the manifest.
pub(crate) const TOKEN: &str = "access_token";

/// The longest id of HubSpot's that goes into a path, and the longest name of a property.
const MAX_SEGMENT: usize = 200;

/// The API, for one call of this connector.
#[derive(Debug)]
pub(crate) struct Api {
    version: String,
    /// How long the next caller had better wait, in milliseconds.
    pause: Cell<u64>,
}

impl Api {
    /// The API in the org's version.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub(crate) fn open() -> Result<Self, Error> {
        Ok(Self::of(&Config::load()?))
    }

    /// The API in these settings' version.
    pub(crate) fn of(config: &Config) -> Self {
        Self { version: config.version().to_owned(), pause: Cell::new(0) }
    }

    /// `/crm/objects/2026-03/contacts` and what follows.
    pub(crate) fn objects(&self, kind: &str, rest: &str) -> String {
        format!("/crm/objects/{}/{kind}{rest}", self.version)
    }

    /// `/crm/properties/2026-03/contacts` and what follows.
    pub(crate) fn properties(&self, kind: &str, rest: &str) -> String {
        format!("/crm/properties/{}/{kind}{rest}", self.version)
    }

    /// `/crm/associations/2026-03/deals/contacts` and what follows.
    pub(crate) fn associations(&self, from: &str, to: &str, rest: &str) -> String {
        format!("/crm/associations/{}/{from}/{to}{rest}", self.version)
    }

    /// `/crm/owners/2026-03`.
    pub(crate) fn owners(&self) -> String {
        format!("/crm/owners/{}", self.version)
    }

    /// `/crm/pipelines/2026-03/deals`.
    pub(crate) fn pipelines(&self, kind: &str) -> String {
        format!("/crm/pipelines/{}/{kind}", self.version)
    }

    /// `/account-info/2026-03/details`.
    pub(crate) fn account(&self) -> String {
        format!("/account-info/{}/details", self.version)
    }

    /// Asks for something.
    ///
    /// # Errors
    /// What HubSpot says, as [`failure::of`] reads it; what kept it from answering.
    pub(crate) fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, &str)]) -> Result<T, Error> {
        let mut request = http::Request::get(format!("{ORIGIN}{path}"));
        for (name, value) in query {
            request = request.query(name, value);
        }
        self.good(request)?.json()
    }

    /// Asks for something by a POST, which changes nothing.
    ///
    /// # Errors
    /// As [`Api::get`].
    pub(crate) fn ask<B: Serialize + ?Sized>(&self, path: &str, body: &B) -> Result<http::WholeResponse, Error> {
        self.good(http::Request::post(format!("{ORIGIN}{path}")).json(body)?.repeatable(true))
    }

    /// Makes or changes something. A repeat must be harmless where `repeatable` says so.
    ///
    /// # Errors
    /// As [`Api::get`].
    pub(crate) fn write<B: Serialize + ?Sized>(
        &self,
        method: &str,
        path: &str,
        body: &B,
        repeatable: bool,
    ) -> Result<http::WholeResponse, Error> {
        self.good(http::Request::new(method, format!("{ORIGIN}{path}")).json(body)?.repeatable(repeatable))
    }

    /// The same, with whatever HubSpot answers. Refusals of the whole are the caller's affair; what may pass by waiting is an error.
    ///
    /// # Errors
    /// As [`Api::get`], for the statuses that say nothing of what was sent: 401, 403, 423, 429, 477, and from 500 on.
    pub(crate) fn try_write<B: Serialize + ?Sized>(&self, path: &str, body: &B) -> Result<http::WholeResponse, Error> {
        let response = self.send(http::Request::post(format!("{ORIGIN}{path}")).json(body)?.repeatable(true))?;
        match response.status {
            401 | 403 | 423 | 429 | 477 | 500.. => Err(failure::of(&response, clock::now())),
            _ => Ok(response),
        }
    }

    /// Takes something away.
    ///
    /// # Errors
    /// As [`Api::get`].
    pub(crate) fn delete(&self, path: &str) -> Result<(), Error> {
        self.good(http::Request::delete(format!("{ORIGIN}{path}"))).map(drop)
    }

    /// How long to wait before HubSpot is asked again, in milliseconds, if at all.
    pub(crate) fn pause_ms(&self) -> Option<u64> {
        Some(self.pause.get()).filter(|pause| *pause > 0)
    }

    /// Adds a reason to wait.
    pub(crate) fn wait(&self, pause_ms: u64) {
        self.pause.set(self.pause.get().max(pause_ms));
    }

    fn good(&self, request: http::Request) -> Result<http::WholeResponse, Error> {
        let response = self.send(request)?;
        if response.is_success() { Ok(response) } else { Err(failure::of(&response, clock::now())) }
    }

    fn send(&self, request: http::Request) -> Result<http::WholeResponse, Error> {
        let response = request.credential(TOKEN).fetch()?;
        self.wait(pause_after(&response));
        Ok(response)
    }
}

/// The rest of a window, once less than a tenth of its requests is left.
fn pause_after(response: &http::WholeResponse) -> u64 {
    let number = |name: &str| response.header(name)?.trim().parse::<u64>().ok();
    let (Some(max), Some(remaining)) = (number("x-hubspot-ratelimit-max"), number("x-hubspot-ratelimit-remaining"))
    else {
        return 0;
    };
    if remaining.saturating_mul(10) >= max {
        return 0;
    }
    number("x-hubspot-ratelimit-interval-milliseconds").unwrap_or(10_000).min(60_000)
}

/// A segment of a path, for an id or a name.
///
/// # Errors
/// [`Error::Invalid`] at `pointer` for what could name another path.
pub(crate) fn segment<'a>(pointer: &str, text: &'a str) -> Result<&'a str, Error> {
    let fits = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if !fits || !(1..=MAX_SEGMENT).contains(&text.len()) {
        return Err(Error::invalid(pointer, "letters, digits, `_` and `-`, at most 200 of them"));
    }
    Ok(text)
}

/// A value as HubSpot keeps all of them: as text. Several are joined by semicolons; nothing is the empty text.
pub(crate) fn text_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text_of).collect::<Vec<_>>().join(";"),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use patchbay_sdk::Headers;
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_texts() {
        for (value, expected) in [
            (json!("a"), "a"),
            (json!(1.5), "1.5"),
            (json!(true), "true"),
            (json!(null), ""),
            (json!(["a", "b"]), "a;b"),
        ] {
            assert_eq!(text_of(&value), expected);
        }
    }

    #[test]
    fn a_window_that_is_nearly_used_up_is_waited_for() {
        let after = |remaining: &str| {
            let headers: Headers = [
                ("x-hubspot-ratelimit-max", "110"),
                ("x-hubspot-ratelimit-remaining", remaining),
                ("x-hubspot-ratelimit-interval-milliseconds", "10000"),
            ]
            .into_iter()
            .collect();
            pause_after(&http::WholeResponse { status: 200, headers, body: Vec::new() })
        };
        assert_eq!((after("109"), after("11"), after("10")), (0, 0, 10_000));
        assert_eq!(pause_after(&http::WholeResponse { status: 200, headers: Headers::new(), body: Vec::new() }), 0);
    }

    #[test]
    fn a_segment_names_no_other_path() {
        assert_eq!(segment("/id", "151"), Ok("151"));
        for text in ["", "..", "a/b", "a?b", "%2F", "ü"] {
            assert!(matches!(segment("/id", text), Err(Error::Invalid(_))), "{text}");
        }
    }
}
