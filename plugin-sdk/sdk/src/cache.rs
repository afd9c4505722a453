//! Answers that a vendor would give again to the same question, kept so that it is not asked, and paid, twice.
//!
//! They are kept per organization and plugin, for the connection with which they were given, and may go at any time. Calls that look
//! for the same answer at once make one request: the others wait, and read along.
//!
//! ```
//! use std::time::Duration;
//! use patchbay_sdk::{Error, Source, cache::{self, Found, Key, Terms}, http};
//!
//! fn weather(city: &str) -> Result<Source, Error> {
//!     let terms = Terms { max_age: Duration::from_secs(600), max_bytes: 10 << 20 };
//!     match cache::find(&Key::new("weather 1").text(city), terms)? {
//!         Found::Kept(answer) => Ok(answer.body),
//!         Found::Missing(vacancy) => {
//!             let response = http::Request::get(format!("https://api.example.com/weather/{city}")).send()?;
//!             if response.is_success() { vacancy.keep(response.headers, response.body) } else { Ok(response.body) }
//!         }
//!     }
//! }
//! ```

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::{Error, Headers, Source, host};

/// How long, and how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// What is this old or older is not given any more, and not kept for longer.
    pub max_age: Duration,
    /// What this plugin keeps for the organization, all answers together, in bytes: the least recently used go when there is more.
    /// A larger answer is not kept. The operator may allow less.
    pub max_bytes: u64,
}

/// What is there under a key.
#[derive(Debug)]
pub enum Found {
    /// An answer from before.
    Kept(Answer),
    /// Nothing: ask the vendor, and keep what it answers.
    Missing(Vacancy),
}

/// An answer from before.
#[derive(Debug)]
pub struct Answer {
    /// What it was kept with.
    pub headers: Headers,
    /// Its body. That of an answer which is still on its way for another call flows as it comes.
    pub body: Source,
    /// How long ago it was kept.
    pub age: Duration,
}

/// A place for an answer. Whoever looks for the same waits meanwhile; dropped without [`Vacancy::keep`], one of them gets a place.
#[derive(Debug)]
pub struct Vacancy(pub(crate) host::Vacancy);

impl Vacancy {
    /// Keeps what flows out of `body`, and gives a source with the same bytes. The answer is kept once that source was read to its end;
    /// others read along. If the vendor breaks off, or nobody reads any more, nothing is kept.
    ///
    /// Headers have at most 16 KiB together; `content-type` says what the body is.
    ///
    /// # Errors
    /// [`Error::Invalid`] for too many headers, [`Error::Unavailable`] if the hub cannot store anything.
    pub fn keep(self, headers: Headers, body: Source) -> Result<Source, Error> {
        self.0.keep(headers, body)
    }
}

/// All that an answer depends on, put together so that two different ones never look alike. The hub keeps a hash of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key(Vec<u8>);

impl Key {
    /// Begins with what kind of answer it is, and the version of how the connector reads it: another one when older answers are not to
    /// be given any more.
    #[must_use]
    pub fn new(kind: &str) -> Self {
        Self(Vec::new()).text(kind)
    }

    /// Adds text.
    #[must_use]
    pub fn text(mut self, text: &str) -> Self {
        self.0.extend_from_slice(&u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    /// Adds JSON, with the members of objects in order of their names: how they were written makes no difference.
    #[must_use]
    pub fn json(self, json: &Value) -> Self {
        self.text(&canonical(json).to_string())
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The same with the members of objects in order of their names.
fn canonical(json: &Value) -> Value {
    match json {
        Value::Object(members) => {
            let sorted: BTreeMap<&String, &Value> = members.iter().collect();
            Value::Object(sorted.into_iter().map(|(name, value)| (name.clone(), canonical(value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(canonical).collect()),
        other => other.clone(),
    }
}

/// The answer under a key, or a place for one. Waits if another call is about to keep one.
///
/// # Errors
/// [`Error::Timeout`] if that takes longer than this call has, [`Error::Unavailable`] once the client of a proxied request has left,
/// [`Error::Invalid`] for a key of more than 1 MiB.
pub fn find(key: &Key, terms: Terms) -> Result<Found, Error> {
    let max_age_ms = u64::try_from(terms.max_age.as_millis()).unwrap_or(u64::MAX);
    host::cache_find(&key.0, max_age_ms, terms.max_bytes)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn how_json_is_written_makes_no_difference_and_what_it_says_does() {
        let key = |text: &str| Key::new("k").json(&serde_json::from_str(text).unwrap());
        assert_eq!(key(r#"{"b":[{"y":1,"x":2}],"a":null}"#), key(r#"{ "a": null, "b": [{"x": 2, "y": 1}] }"#));
        assert_ne!(key(r#"{"a":[1,2]}"#), key(r#"{"a":[2,1]}"#));
        assert_ne!(Key::new("k").json(&json!({"a": 1})), Key::new("k").json(&json!({"a": "1"})));
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(Key::new("k").text("ab").text("c"), Key::new("k").text("a").text("bc"));
        assert_ne!(Key::new("k").text("a"), Key::new("ka"));
    }
}
