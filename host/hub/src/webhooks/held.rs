//! Webhooks that are in memory alone: on their way into the database, or answered while it is away.
//!
//! A vendor that is answered then does not send again, so the webhook is the hub's to keep until it can be stored. How many
//! there are is bounded by their number and their bytes, counted from before they are handed to the writer, whose queue they wait
//! in: what finds no place is refused, and its vendor sends again. A hub that is killed meanwhile loses them, as the vendor's
//! own record of the call tells.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
};

use patchbay_model::InstallationId;

use crate::{hub::lock, measure};

/// The vendor's id of a webhook, of one installation.
pub(super) type VendorKey = (InstallationId, String);

/// What is beside a body, in bytes.
const ENTRY: usize = 1 << 10;

/// Those in memory. Clones are the same.
#[derive(Clone)]
pub(crate) struct Held(Arc<Inner>);

struct Inner {
    most: usize,
    most_bytes: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    places: usize,
    bytes: usize,
    /// Those that were answered and are not stored.
    waiting: HashSet<VendorKey>,
}

/// Room for one. Given back when this is dropped.
pub(super) struct Place {
    held: Held,
    bytes: usize,
}

/// One that was answered and is not stored yet. Nobody else takes in the same until this is dropped.
pub(super) struct Waiting {
    place: Place,
    key: VendorKey,
}

impl Held {
    /// So many at most, with so many bytes together.
    pub(crate) fn new(most: usize, most_bytes: usize) -> Self {
        Self(Arc::new(Inner { most, most_bytes, state: Mutex::default() }))
    }

    /// Room for one with a body of so many bytes, if there is some.
    pub(super) fn place(&self, body: usize) -> Option<Place> {
        let mut state = lock(&self.0.state);
        let bytes = body.saturating_add(ENTRY);
        if state.places >= self.0.most || state.bytes.saturating_add(bytes) > self.0.most_bytes {
            return None;
        }
        state.places += 1;
        state.bytes += bytes;
        Some(Place { held: self.clone(), bytes })
    }

    /// True if one was answered and is not stored: the database is away, or was a moment ago.
    pub(super) fn any(&self) -> bool {
        !lock(&self.0.state).waiting.is_empty()
    }

    /// True if this one was.
    pub(super) fn has(&self, key: &VendorKey) -> bool {
        lock(&self.0.state).waiting.contains(key)
    }
}

impl Place {
    /// Keeps one in this place; not if the same is kept already. And whether it is the only one.
    pub(super) fn hold(self, key: VendorKey) -> Option<(Waiting, bool)> {
        let count = {
            let mut state = lock(&self.held.0.state);
            if !state.waiting.insert(key.clone()) {
                return None;
            }
            state.waiting.len()
        };
        measure::held(count);
        Some((Waiting { place: self, key }, count == 1))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = lock(&self.held.0.state);
        state.places = state.places.saturating_sub(1);
        state.bytes = state.bytes.saturating_sub(self.bytes);
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let count = {
            let mut state = lock(&self.place.held.0.state);
            state.waiting.remove(&self.key);
            state.waiting.len()
        };
        measure::held(count);
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn key(vendor_id: &str) -> VendorKey {
        (InstallationId(Uuid::nil()), vendor_id.to_owned())
    }

    #[test]
    fn what_finds_no_place_is_refused_by_number_and_by_bytes() {
        let held = Held::new(2, 10 * ENTRY);
        let first = held.place(8 * ENTRY).unwrap();
        assert!(held.place(ENTRY).is_none(), "too many bytes");
        let second = held.place(0).unwrap();
        assert!(held.place(0).is_none(), "too many");
        drop(first);
        assert!(held.place(7 * ENTRY).is_some());
        drop(second);
    }

    #[test]
    fn the_same_webhook_is_kept_once_and_its_place_is_free_when_it_is_stored() {
        let held = Held::new(2, 10 * ENTRY);
        assert!(!held.any());
        let (first, is_only) = held.place(0).unwrap().hold(key("a")).unwrap();
        assert!(is_only && held.has(&key("a")) && !held.has(&key("b")));
        assert!(held.place(0).unwrap().hold(key("a")).is_none(), "and that place is free again");
        let (second, is_only) = held.place(0).unwrap().hold(key("b")).unwrap();
        assert!(!is_only && held.place(0).is_none());
        drop((first, second));
        assert!(!held.any() && held.place(8 * ENTRY).is_some());
    }
}
