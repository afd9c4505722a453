//! Twilio's API: how it is asked, and what it answers.
//!
//! Requests are forms with PascalCase names, answers are JSON (only with `.json` at the end of the path; without it they are
//! XML). There are no idempotency keys, so nothing that changes something is sent twice by the hub: whoever makes something
//! looks whether it is there before asking again.

use patchbay_sdk::{Error, Verbatim, clock, http};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::config::Config;
use crate::failure;
use crate::form::Parameters;

/// Items asked for at a time: the most that Twilio gives.
const PAGE: &str = "1000";

/// As many pages as are read of one list: a million items.
const MOST_PAGES: usize = 1_000;

/// One of Twilio's accounts, by the organization's settings.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    origin: String,
    account: String,
    credential: &'static str,
}

/// A page of a list: its items are under the resource's name.
#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    next_page_uri: Option<String>,
    #[serde(flatten)]
    members: serde_json::Map<String, Value>,
}

impl Api {
    /// The account of the installation's settings.
    pub(crate) fn of(config: &Config) -> Self {
        Self { origin: config.origin(), account: config.account_sid.clone(), credential: config.credential() }
    }

    /// The address of something below the account, as in `/Messages` or `/Calls/CA…`.
    fn url(&self, below: &str) -> String {
        format!("{}/2010-04-01/Accounts/{}{below}.json", self.origin, self.account)
    }

    /// Reads something.
    ///
    /// # Errors
    /// What Twilio says, as [`failure::of`] reads it; what kept it from answering.
    pub(crate) fn get(&self, below: &str, parameters: &Parameters) -> Result<http::WholeResponse, Error> {
        let request = parameters
            .pairs()
            .fold(http::Request::get(self.url(below)), |request, (name, value)| request.query(name, value));
        self.send(request)
    }

    /// Makes or changes something. Never sent again by itself: `Timeout` and `Unavailable` leave open whether it was done.
    ///
    /// # Errors
    /// As [`Api::get`].
    pub(crate) fn post(&self, below: &str, parameters: &Parameters) -> Result<http::WholeResponse, Error> {
        self.send(http::Request::post(self.url(below)).form(parameters.pairs()))
    }

    /// Takes something away; something that is not there is fine, so it may be asked again.
    ///
    /// # Errors
    /// As [`Api::get`].
    pub(crate) fn delete(&self, below: &str) -> Result<(), Error> {
        match self.send(http::Request::delete(self.url(below))) {
            Err(error) if failure::is_missing(&error) => Ok(()),
            sent => sent.map(drop),
        }
    }

    /// All items of a list, page by page, as Twilio's `next_page_uri` leads. `key`: the name that the items are under.
    ///
    /// # Errors
    /// As [`Api::get`]; [`Error::Upstream`] for a page that leads to another account or has no such list.
    pub(crate) fn all<T: DeserializeOwned>(&self, below: &str, key: &str, filter: Parameters) -> Result<Vec<T>, Error> {
        let mut response = self.get(below, &filter.set("PageSize", PAGE))?;
        let mut items = Vec::new();
        for _ in 0..MOST_PAGES {
            let mut page: Page = response.json()?;
            let list = page.members.remove(key).unwrap_or(Value::Null);
            let unreadable =
                |error: serde_json::Error| Error::upstream(200, format!("Twilio's list has no {key}: {error}"));
            items.extend(serde_json::from_value::<Vec<T>>(list).map_err(unreadable)?);
            let Some(next) = page.next_page_uri else { return Ok(items) };
            if !next.starts_with(&format!("/2010-04-01/Accounts/{}/", self.account)) {
                return Err(Error::upstream(200, "the next page of Twilio's list is not the account's"));
            }
            response = self.send(http::Request::get(format!("{}{next}", self.origin)))?;
        }
        Err(Error::Exhausted(format!("the account has more than {} {key}", MOST_PAGES * 1_000)))
    }

    fn send(&self, request: http::Request) -> Result<http::WholeResponse, Error> {
        let response = request.credential(self.credential).fetch()?;
        if response.is_success() { Ok(response) } else { Err(failure::of(&response, clock::now())) }
    }
}

/// An answer as it is, for an action that gives it.
///
/// # Errors
/// [`Error::Upstream`] if it is no JSON.
pub(crate) fn verbatim<T>(response: http::WholeResponse) -> Result<Verbatim<T>, Error> {
    let status = response.status;
    let unreadable =
        |error: &dyn std::fmt::Display| Error::upstream(status, format!("Twilio's answer is not JSON: {error}"));
    let text = String::from_utf8(response.body).map_err(|error| unreadable(&error))?;
    Verbatim::new(text).map_err(|error| unreadable(&error))
}

/// Checks what becomes a segment of a path: two letters that say what it is, and 32 hexadecimal digits.
///
/// # Errors
/// [`Error::Invalid`] at `pointer` for anything else: it could name another path.
pub(crate) fn sid<'a>(text: &'a str, prefixes: &[&str], pointer: &str) -> Result<&'a str, Error> {
    if prefixes.iter().any(|prefix| is_sid(text, prefix)) {
        return Ok(text);
    }
    Err(Error::invalid(pointer, format!("a SID of Twilio: {} and 32 hexadecimal digits", prefixes.join(" or "))))
}

/// True for two letters and 32 hexadecimal digits.
pub(crate) fn is_sid(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|rest| rest.len() == 32 && rest.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sid_names_no_other_path() {
        let text = "CA00000000000000000000000000000001";
        assert_eq!(sid(text, &["CA"], "/call_sid"), Ok(text));
        for wrong in ["", "CA1", "../Calls", "SM00000000000000000000000000000001", "CA0000000000000000000000000000000/"]
        {
            assert!(matches!(sid(wrong, &["CA"], "/call_sid"), Err(Error::Invalid(_))), "{wrong}");
        }
    }
}
