//! Headers that tell of an answer: how the caller's rate limits stand, and that it was given before.
//!
//! Both spellings of rate limits are written: `RateLimit-Policy` and `RateLimit` of the present draft
//! (draft-ietf-httpapi-ratelimit-headers-10), with each limit by its name; and `RateLimit-Limit`, `-Remaining` and
//! `-Reset` of the drafts before, which clients read today, for the limit of which the least is left. A vendor's own
//! are left alone: its SDK goes by them.

use std::{fmt::Write as _, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue};
use patchbay_hub::{AnswerNotes, Standing};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STATE: HeaderName = HeaderName::from_static("ratelimit");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("ratelimit-reset");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// Writes what was noted.
pub(crate) fn write(notes: &AnswerNotes, headers: &mut HeaderMap) {
    if notes.is_replayed() {
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
    }
    let standings = notes.standings();
    let Some(tightest) = standings.iter().min_by_key(|standing| standing.remaining) else { return };
    if [POLICY, STATE, LIMIT, REMAINING, RESET].iter().any(|name| headers.contains_key(name)) {
        return;
    }
    headers.insert(LIMIT, tightest.rate.requests().get().into());
    headers.insert(REMAINING, tightest.remaining.into());
    headers.insert(RESET, seconds(tightest.reset).into());
    let (policy, state) = lists(&standings);
    for (name, list) in [(POLICY, policy), (STATE, state)] {
        if let Ok(value) = HeaderValue::try_from(list) {
            headers.insert(name, value);
        }
    }
}

fn lists(standings: &[Standing]) -> (String, String) {
    let (mut policy, mut state) = (String::with_capacity(96), String::with_capacity(96));
    for (index, Standing { name, rate, remaining, reset }) in standings.iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        // memory takes every write
        let _ = write!(policy, "{comma}\"{name}\";q={};w={}", rate.requests(), rate.window_s());
        let _ = write!(state, "{comma}\"{name}\";r={remaining};t={}", seconds(*reset));
    }
    (policy, state)
}

/// Rounded up: who comes back early is sent away again.
fn seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(name: &'static str, rate: &str, remaining: u32, reset_ms: u64) -> Standing {
        Standing { name, rate: rate.parse().unwrap(), remaining, reset: Duration::from_millis(reset_ms) }
    }

    #[test]
    fn each_limit_is_named_in_the_lists() {
        let (policy, state) = lists(&[standing("key", "100/min", 99, 600), standing("org", "5/10s", 2, 6_000)]);
        assert_eq!(policy, r#""key";q=100;w=60, "org";q=5;w=10"#);
        assert_eq!(state, r#""key";r=99;t=1, "org";r=2;t=6"#);
    }

    #[test]
    fn nothing_is_written_of_what_was_not_counted() {
        let mut headers = HeaderMap::new();
        write(&AnswerNotes::default(), &mut headers);
        assert!(headers.is_empty());
    }
}
