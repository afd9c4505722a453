//! Answers that are given again to the very same request.
//!
//! By all that the answer depends on: where it goes, in whose name, and the body byte for byte. Whoever asks the same while the
//! vendor still answers reads along; the hub sees to that.

use std::time::Duration;

use patchbay_sdk::cache::{self, Answer, Found, Key, Terms, Vacancy};
use patchbay_sdk::usage::{self, Basis};
use patchbay_sdk::{Error, Headers, Source};

use crate::config::Config;

/// The header that says whether an answer was kept.
pub(crate) const HEADER: &str = "patchbay-cache";

/// What there is for a request.
#[derive(Debug)]
pub(crate) enum Kept {
    /// The answer, metered as a hit and as nothing else.
    Answer(Box<Answer>),
    /// A place for the answer.
    Place(Place),
    /// The organization wants nothing kept, or this client.
    Unwanted,
}

/// A place for the answer to a request.
#[derive(Debug)]
pub(crate) struct Place(Vacancy);

impl Place {
    /// Keeps an answer while it is read.
    pub(crate) fn keep(self, body: Source) -> Result<Source, Error> {
        let headers: Headers = [("content-type", "application/json")].into_iter().collect();
        self.0.keep(headers, body)
    }
}

/// Looks for the answer to a request.
pub(crate) fn look(config: &Config, headers: &Headers, path: &str, body: &[u8]) -> Result<Kept, Error> {
    let Some(settings) = &config.cache else { return Ok(Kept::Unwanted) };
    let mut wishes = headers.get_all("cache-control").flat_map(|value| value.split(','));
    let unwanted = wishes.any(|wish| matches!(wish.trim(), "no-cache" | "no-store"));
    // what is no text is no request that anybody answers well, and what is longer than a key is asked once
    let Some(body) = std::str::from_utf8(body).ok().filter(|body| !unwanted && body.len() <= LONGEST) else {
        return Ok(Kept::Unwanted);
    };
    let names = [&config.base_url, &config.api_version, &config.organization, &config.project];
    let key = names
        .into_iter()
        .fold(Key::new("openai 1").text(path), |key, name| key.text(name.as_deref().unwrap_or_default()));
    let max_bytes = u64::from(settings.max_mib) << 20;
    match cache::find(&key.text(body), Terms { max_age: Duration::from_secs(settings.ttl_s), max_bytes })? {
        Found::Missing(vacancy) => Ok(Kept::Place(Place(vacancy))),
        Found::Kept(answer) => {
            usage::add("cache_hits", 1, Basis::Reported, None)?;
            Ok(Kept::Answer(Box::new(answer)))
        }
    }
}

/// The longest request whose answer is kept, in bytes: the hub's keys have a mebibyte, of which the rest needs little.
const LONGEST: usize = 1_000_000;
