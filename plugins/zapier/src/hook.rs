//! Subscriptions: which URL wants which events.
//!
//! A hook's id is made of what it is, so that the same subscription again is the same hook: Zapier repeats a request whose
//! answer it did not get, and edits Zaps by subscribing and unsubscribing in either order. There is no confirmation of a
//! URL: Zapier cannot answer one, and the URLs are its own.

use std::fmt::Write as _;

use patchbay_sdk::clock::{self, Timestamp};
use patchbay_sdk::{Error, records};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::target;
use crate::types::{Hook, Subscribe};

/// The collection in the manifest.
const HOOKS: &str = "hooks";

/// Hooks of one type of event; a Zap has one.
const MOST: u32 = 500;

/// How many documents a query gives at a time.
const PAGE: u32 = 1000;

/// A subscription as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "ZapierHook")]
pub(crate) struct Stored {
    /// A type of event, all below a name as in `stripe.*`, or `*`.
    pub(crate) event: String,
    /// Where it is pushed.
    pub(crate) target_url: String,
    /// Only events whose members have these values.
    #[serde(default)]
    pub(crate) filters: Map<String, Value>,
    /// Milliseconds since the Unix epoch.
    pub(crate) created_at: Timestamp,
}

impl Stored {
    /// True if the payload has what the subscription asks for: each member equal, or one of a list.
    pub(crate) fn wants(&self, payload: &Map<String, Value>) -> bool {
        self.filters.iter().all(|(name, wanted)| {
            // people write the name that the event has, Zapier the one that the payload has
            let found = payload.get(name).or_else(|| payload.get(&format!("data__{}", name.replace('.', "__"))));
            match (found, wanted) {
                (Some(found), Value::Array(several)) => several.iter().any(|one| equal(found, one)),
                (Some(found), one) => equal(found, one),
                (None, one) => one.is_null(),
            }
        })
    }

    pub(crate) fn view(self, id: String) -> Hook {
        let Self { event, target_url, filters, created_at } = self;
        Hook { id, event, target_url, filters, created_at: clock::rfc3339(created_at) }
    }
}

/// Zapier's fields of a form are texts, so a text equals what is written like it.
fn equal(found: &Value, wanted: &Value) -> bool {
    match (found, wanted) {
        (Value::Number(_) | Value::Bool(_), Value::String(text)) => {
            serde_json::from_str::<Value>(text).is_ok_and(|value| value == *found)
        }
        _ => found == wanted,
    }
}

/// Subscribes; gives the hook that is there if it is the same.
pub(crate) fn subscribe(wanted: Subscribe) -> Result<Hook, Error> {
    let Subscribe { target_url, event, filters } = wanted;
    if target::account(&target_url).is_none() {
        return Err(Error::invalid("/target_url", target::EXPECTED));
    }
    if !is_pattern(&event) {
        return Err(Error::invalid("/event", "a type of event as in stripe.invoice.paid, a name and .*, or *"));
    }
    let filters = filters.unwrap_or_default();
    if let Some(name) = filters.iter().find(|(_, value)| !is_plain(value)).map(|(name, _)| name) {
        let at = format!("/filters/{}", name.replace('~', "~0").replace('/', "~1"));
        return Err(Error::invalid(at, "a text, a number, a truth value, null, or a list of those"));
    }
    let id = id_of(&event, &target_url);
    let created_at = match records::get::<Stored>(HOOKS, &id)? {
        Some(there) if there.data.filters == filters => return Ok(there.data.view(id)),
        Some(there) => there.data.created_at,
        None => {
            let page = records::query::<Stored>(HOOKS, &json!({ "event": event }), MOST, None)?;
            if page.documents.len() >= MOST as usize {
                return Err(Error::Exhausted(format!("{MOST} hooks for the type {event}")));
            }
            clock::now()
        }
    };
    let stored = Stored { event, target_url, filters, created_at };
    records::put(HOOKS, &id, &stored, None)?;
    Ok(stored.view(id))
}

/// Takes a subscription back. True if it was there.
pub(crate) fn unsubscribe(id: &str) -> Result<bool, Error> {
    // an id that cannot be one was never there
    if id.is_empty() || id.len() > 256 { Ok(false) } else { records::delete(HOOKS, id) }
}

/// One subscription.
pub(crate) fn get(id: &str) -> Result<Option<Stored>, Error> {
    if id.is_empty() || id.len() > 256 {
        return Ok(None);
    }
    Ok(records::get::<Stored>(HOOKS, id)?.map(|document| document.data))
}

/// All subscriptions.
pub(crate) fn list() -> Result<Vec<Hook>, Error> {
    let mut hooks = Vec::new();
    each(&json!({}), |id, stored| {
        hooks.push(stored.view(id));
        Ok(())
    })?;
    Ok(hooks)
}

/// The subscriptions that a type of event concerns.
pub(crate) fn of(kind: &str, mut found: impl FnMut(String, Stored) -> Result<(), Error>) -> Result<(), Error> {
    let mut patterns = vec![kind.to_owned(), "*".to_owned()];
    let dots = kind.match_indices('.').filter_map(|(at, _)| kind.get(..at));
    patterns.extend(dots.map(|name| format!("{name}.*")));
    for pattern in patterns {
        each(&json!({ "event": pattern }), &mut found)?;
    }
    Ok(())
}

fn each(filter: &Value, mut found: impl FnMut(String, Stored) -> Result<(), Error>) -> Result<(), Error> {
    let mut after = None;
    loop {
        let page = records::query::<Stored>(HOOKS, filter, PAGE, after.as_deref())?;
        for document in page.documents {
            found(document.id, document.data)?;
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}

fn id_of(event: &str, target_url: &str) -> String {
    format!("hook_{}", digest(&[event, target_url]))
}

/// 32 hexadecimal digits that stand for these texts.
pub(crate) fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0_u8]);
    }
    hash.finalize().iter().take(16).fold(String::with_capacity(32), |mut text, byte| {
        // a String takes every write
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A type of event, a name and `.*`, or `*`.
pub(crate) fn is_pattern(text: &str) -> bool {
    let name = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'))
    };
    text.len() <= 200 && (text == "*" || text.strip_suffix(".*").unwrap_or(text).split('.').all(name))
}

fn is_plain(value: &Value) -> bool {
    match value {
        Value::Object(_) => false,
        Value::Array(items) => items.iter().all(|item| !item.is_array() && !item.is_object()),
        _ => true,
    }
}
