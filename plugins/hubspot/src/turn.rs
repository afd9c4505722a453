//! HubSpot takes five searches a second from an account, whichever app they come from, and tells nothing of how many are left.
//!
//! All syncs of the connection take turns: each search takes a place in time that the ones before have left free.

use std::time::Duration;

use patchbay_sdk::{Error, clock, kv};

/// Between two searches, in milliseconds: a little more than a fifth of a second, because clocks and networks are not exact.
const SPACING_MS: u64 = 210;

const KEY: &str = "search-turn";

/// Longer than anybody waits for a turn.
const KEPT: Duration = Duration::from_secs(60);

/// How far ahead a question may borrow that somebody waits for, in milliseconds: two turns, for which the pages after it wait.
const BORROWED_MS: u64 = 2 * SPACING_MS;

/// Takes the next turn for a page, and gives how long the one after it has to wait, in milliseconds.
///
/// # Errors
/// [`Error::RateLimited`] if it is not yet time.
pub(crate) fn take() -> Result<u64, Error> {
    take_ahead(0)
}

/// The same for a single question, which need not wait for its time if it is near: a push asks several, and begins anew if one has to
/// wait.
///
/// # Errors
/// As [`take`].
pub(crate) fn take_soon() -> Result<u64, Error> {
    take_ahead(BORROWED_MS)
}

fn take_ahead(ahead_ms: u64) -> Result<u64, Error> {
    let now = clock::now();
    let found = kv::get(KEY)?;
    let version = found.as_ref().map_or(0, |entry| entry.version);
    let free_at: u64 = found.and_then(|entry| String::from_utf8(entry.value).ok()?.parse().ok()).unwrap_or(0);
    // a clock that was put back must not keep anybody waiting
    let wait = free_at.saturating_sub(now).min(BORROWED_MS + SPACING_MS);
    if wait > ahead_ms {
        return Err(Error::RateLimited(wait - ahead_ms));
    }
    let pause = wait + SPACING_MS;
    match kv::set(KEY, now.saturating_add(pause).to_string().as_bytes(), Some(KEPT), Some(version)) {
        Ok(_) => Ok(pause),
        // somebody else has just taken it
        Err(Error::Conflict(_)) => Err(Error::RateLimited(SPACING_MS)),
        Err(other) => Err(other),
    }
}
