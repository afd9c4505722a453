//! What a Zap sees of an event: one flat object with the same keys each time.
//!
//! A Zap's fields are mapped once, in the editor, by the keys of a sample. A key that is missing later is a field that
//! breaks, so the keys of each type of event are remembered, and what an event does not have is null. The names are those
//! that Zapier itself would make of nested data (`a__b`).

use patchbay_sdk::{Error, clock, events, kv, log};
use serde_json::{Map, Value};

/// How deep objects are taken apart; deeper ones stay as they are.
const DEPTH: usize = 8;

/// Keys of one type of event; Zapier takes a thousand.
const MOST_KEYS: usize = 500;

/// Bytes of the keys of one type: what a stored value may have, less a margin.
const MOST_KEY_BYTES: usize = 60_000;

/// Tries against others that learn keys at the same time.
const TRIES: usize = 4;

/// The payload of an event, with every key that its type ever had.
pub(crate) fn of(event: &events::Event) -> Result<Map<String, Value>, Error> {
    let data: Value = event.data()?;
    let mut payload = Map::new();
    payload.insert("id".to_owned(), Value::String(event.id.clone()));
    payload.insert("event".to_owned(), Value::String(event.kind.clone()));
    payload.insert("occurred_at".to_owned(), Value::String(clock::rfc3339(event.time)));
    payload.insert("source".to_owned(), Value::String(event.source.clone()));
    payload.insert("subject".to_owned(), Value::String(event.subject.clone()));
    flatten("data", data, DEPTH, &mut payload);
    let keys = learn(&event.kind, &payload)?;
    Ok(with_keys(payload, &keys))
}

/// The same payload with these keys, in their order; what it does not have is null, and what they do not have is left out.
pub(crate) fn with_keys(mut payload: Map<String, Value>, keys: &[String]) -> Map<String, Value> {
    keys.iter().map(|key| (key.clone(), payload.remove(key).unwrap_or_default())).collect()
}

/// The keys of a type of event; none if none was seen.
pub(crate) fn keys(kind: &str) -> Result<Vec<String>, Error> {
    Ok(stored(kind)?.0)
}

fn flatten(name: &str, value: Value, depth: usize, out: &mut Map<String, Value>) {
    match value {
        Value::Object(members) if depth > 0 && !members.is_empty() => {
            for (member, value) in members {
                flatten(&format!("{name}__{member}"), value, depth - 1, out);
            }
        }
        Value::Object(members) if members.is_empty() => {
            out.insert(name.to_owned(), Value::Null);
        }
        value => {
            out.insert(name.to_owned(), value);
        }
    }
}

/// Remembers the keys of this payload beside those of others; gives all of them.
fn learn(kind: &str, payload: &Map<String, Value>) -> Result<Vec<String>, Error> {
    for _ in 0..TRIES {
        let (mut known, version) = stored(kind)?;
        let before = known.len();
        let mut bytes: usize = known.iter().map(|key| key.len() + 3).sum();
        for key in payload.keys() {
            if known.contains(key) {
                continue;
            }
            if known.len() >= MOST_KEYS || bytes + key.len() + 3 > MOST_KEY_BYTES {
                log::warn(
                    "an event has more fields than a Zap can have: the last ones are left out",
                    &[("type", kind)],
                );
                break;
            }
            bytes += key.len() + 3;
            known.push(key.clone());
        }
        if known.len() == before {
            return Ok(known);
        }
        let text = serde_json::to_vec(&known).map_err(|error| Error::Internal(error.to_string()))?;
        match kv::set(&key_of(kind), &text, None, Some(version)) {
            Ok(_) => return Ok(known),
            // somebody learns as well: look again at what is known now
            Err(Error::Conflict(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Err(Error::Conflict(format!("the fields of {kind} are being learned by many at once")))
}

fn stored(kind: &str) -> Result<(Vec<String>, u64), Error> {
    Ok(match kv::get(&key_of(kind))? {
        Some(entry) => (serde_json::from_slice(&entry.value).unwrap_or_default(), entry.version),
        None => (Vec::new(), 0),
    })
}

fn key_of(kind: &str) -> String {
    format!("keys:{kind}")
}
