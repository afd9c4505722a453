//! Events to show in Zapier's editor: the last few of each type, in the very shape of a push.
//!
//! Kept as small values that expire, and renewed once a minute at most: they are to look at, and a busy organization must
//! not pay a write for each event. Where two write at once the second is dropped.

use std::time::Duration;

use patchbay_sdk::clock::Timestamp;
use patchbay_sdk::{Error, clock, kv};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::payload;

/// How many of each type are kept.
const KEPT: usize = 3;

/// How long before newer ones take their place, in milliseconds.
const FRESH_MS: u64 = 60_000;

/// How long they are kept.
const LIFE: Duration = Duration::from_secs(30 * 86_400);

/// The most that is stored of one type, in bytes.
const MOST_BYTES: usize = 60_000;

/// Types of events that are remembered.
const MOST_KINDS: usize = 500;

/// Where the names of the types are.
const KINDS: &str = "kinds";

#[derive(Default, Serialize, Deserialize)]
struct Samples {
    at: Timestamp,
    /// Newest first.
    items: Vec<Map<String, Value>>,
}

/// Keeps this one, if it is time for another.
pub(crate) fn note(kind: &str, item: &Map<String, Value>) -> Result<(), Error> {
    let (mut samples, version) = stored(kind)?;
    let now = clock::now();
    let is_new = version == 0;
    if samples.items.len() >= KEPT && now.saturating_sub(samples.at) < FRESH_MS {
        return Ok(());
    }
    if samples.items.iter().any(|other| other.get("id") == item.get("id")) {
        return Ok(());
    }
    samples.at = now;
    samples.items.insert(0, item.clone());
    samples.items.truncate(KEPT);
    let text = loop {
        let text = serde_json::to_vec(&samples).map_err(|error| Error::Internal(error.to_string()))?;
        if text.len() <= MOST_BYTES {
            break text;
        }
        samples.items.pop();
        if samples.items.is_empty() {
            return Ok(());
        }
    };
    put(&key_of(kind), &text, version)?;
    if is_new {
        let (mut kinds, version) = kinds()?;
        if kinds.len() < MOST_KINDS && !kinds.iter().any(|own| own == kind) {
            kinds.push(kind.to_owned());
            let text = serde_json::to_vec(&kinds).map_err(|error| Error::Internal(error.to_string()))?;
            put(KINDS, &text, version)?;
        }
    }
    Ok(())
}

/// The last ones of a type, or of all types that a pattern covers, newest first.
pub(crate) fn of(pattern: &str, limit: usize) -> Result<Vec<Map<String, Value>>, Error> {
    let kinds = match pattern.strip_suffix('*') {
        Some(prefix) => kinds()?.0.into_iter().filter(|kind| kind.starts_with(prefix)).collect(),
        None => vec![pattern.to_owned()],
    };
    let mut items = Vec::new();
    for kind in kinds {
        let keys = payload::keys(&kind)?;
        items.extend(stored(&kind)?.0.items.into_iter().map(|item| payload::with_keys(item, &keys)));
    }
    let time = |item: &Map<String, Value>| {
        item.get("occurred_at").and_then(Value::as_str).and_then(clock::parse_rfc3339).unwrap_or_default()
    };
    // stable: of two at one time the one that was there last comes first
    items.sort_by_key(|item| std::cmp::Reverse(time(item)));
    items.truncate(limit);
    Ok(items)
}

fn stored(kind: &str) -> Result<(Samples, u64), Error> {
    Ok(match kv::get(&key_of(kind))? {
        Some(entry) => (serde_json::from_slice(&entry.value).unwrap_or_default(), entry.version),
        None => (Samples::default(), 0),
    })
}

fn kinds() -> Result<(Vec<String>, u64), Error> {
    Ok(match kv::get(KINDS)? {
        Some(entry) => (serde_json::from_slice(&entry.value).unwrap_or_default(), entry.version),
        None => (Vec::new(), 0),
    })
}

fn put(key: &str, text: &[u8], version: u64) -> Result<(), Error> {
    match kv::set(key, text, Some(LIFE), Some(version)) {
        // somebody else has shown one just now
        Ok(_) | Err(Error::Conflict(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

fn key_of(kind: &str) -> String {
    format!("sample:{kind}")
}
