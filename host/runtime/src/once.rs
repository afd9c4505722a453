//! A write that is to be done once, as a call into a plugin knows it.
//!
//! A hub may die while a call runs. What another one may then do depends on where requests went that change something:
//! a vendor that knows repeats by a header does each of them once, whoever asks how often. Before any other vendor is
//! asked, that is written down, so that nobody asks it again.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use patchbay_model::OrgId;
use patchbay_storage::{Database, Owner, StorageError};
use sha2::{Digest as _, Sha256};

/// The write, and what is known of what became of it.
#[derive(Debug)]
pub struct Once {
    org: OrgId,
    id: [u8; 32],
    owner: Owner,
    /// Written down that a vendor that does not know repeats is asked.
    marked: AtomicBool,
    /// Requests that such vendors may have done.
    changes: AtomicU32,
}

impl Once {
    /// A write of an org, begun by this owner.
    #[must_use]
    pub fn new(org: OrgId, id: [u8; 32], owner: Owner) -> Self {
        Self { org, id, owner, marked: AtomicBool::new(false), changes: AtomicU32::new(0) }
    }

    /// What names it within the org.
    #[must_use]
    pub const fn id(&self) -> [u8; 32] {
        self.id
    }

    /// Whose it is.
    #[must_use]
    pub const fn org(&self) -> OrgId {
        self.org
    }

    /// Who is at work on it.
    #[must_use]
    pub const fn owner(&self) -> Owner {
        self.owner
    }

    /// True if a vendor that does not know repeats may have done something for it.
    #[must_use]
    pub fn may_have_changed_something(&self) -> bool {
        self.changes.load(Ordering::SeqCst) > 0
    }

    /// A key for the plugin to pass on: the same for each repeat of the write, and another for any other one, also of
    /// another caller who chose the same words.
    #[must_use]
    pub fn key(&self) -> String {
        self.vendor_key("", 0)
    }

    /// The key of a request: the number-th one to a place.
    pub(crate) fn vendor_key(&self, place: &str, number: u32) -> String {
        let mut seed = [0; 48];
        let (org, id) = seed.split_at_mut(16);
        org.copy_from_slice(self.org.0.as_bytes());
        id.copy_from_slice(&self.id);
        vendor_key(&seed, place, number)
    }

    /// A vendor that does not know repeats is about to be asked to change something. False if the write is somebody
    /// else's by now: then it must not be asked.
    pub(crate) async fn begin_change(&self, database: &Database) -> Result<bool, StorageError> {
        if !self.marked.load(Ordering::SeqCst) {
            let mut tx = database.begin().await?;
            if !tx.org(self.org).idempotency().note_sent(&self.id, self.owner).await? {
                return Ok(false);
            }
            tx.commit().await?;
            self.marked.store(true, Ordering::SeqCst);
        }
        // counted before it is sent: who is stopped in the middle does not know
        self.changes.fetch_add(1, Ordering::SeqCst);
        Ok(true)
    }

    /// It has become known that what was begun last was not done.
    pub(crate) fn nothing_changed(&self) {
        self.changes.fetch_sub(1, Ordering::SeqCst);
    }
}

/// 122 bits of a hash in the form of a UUID, which is what all vendors take.
pub(crate) fn vendor_key(seed: &[u8], place: &str, number: u32) -> String {
    let mut hash = Sha256::new();
    hash.update(b"patchbay idempotency 1");
    hash.update((seed.len() as u64).to_be_bytes());
    hash.update(seed);
    hash.update(number.to_be_bytes());
    hash.update(place.as_bytes());
    let digest: [u8; 32] = hash.finalize().into();
    let first = digest.first_chunk::<16>().copied().unwrap_or_default();
    uuid::Builder::from_random_bytes(first).into_uuid().hyphenated().to_string()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn once(org: u128, id: u8) -> Once {
        let owner = Owner { call: Uuid::nil(), node: Uuid::nil() };
        Once::new(OrgId(Uuid::from_u128(org)), [id; 32], owner)
    }

    #[test]
    fn a_repeat_has_the_same_keys_and_nothing_else_has() {
        let all = [
            once(1, 1).key(),
            once(1, 2).key(),
            once(2, 1).key(),
            once(1, 1).vendor_key("POST a/b", 1),
            once(1, 1).vendor_key("POST a/b", 2),
            once(1, 1).vendor_key("POST a/c", 1),
        ];
        for (index, key) in all.iter().enumerate() {
            assert_eq!(key.len(), 36);
            assert!(!all[..index].contains(key), "{key}");
        }
        assert_eq!(once(1, 1).key(), all[0]);
    }
}
