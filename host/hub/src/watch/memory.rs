//! What is known of the plugin folder's files, and when one is worth another try. The same for packages that other hubs
//! were given.
//!
//! A file whose publish failed is remembered like one that was published: it is withdrawn when it goes,
//! and it is not taken for new at the next look. What may end otherwise without a change of the file (no
//! room to compile, a file that cannot be read) is tried again after a number of rounds that doubles with
//! each failure. Rounds are counted, not seconds, so that this needs no clock.

use std::{borrow::Borrow, collections::HashMap, hash::Hash};

/// The first wait after a failure, in rounds: at least one whole round passes.
const FIRST_WAIT: u32 = 2;
/// The longest wait, in rounds.
const LONGEST_WAIT: u32 = 64;

/// A file as it was last seen, and how its publish ended.
struct Known<F> {
    fingerprint: F,
    /// None if the same bytes will end the same way.
    retry: Option<Retry>,
}

#[derive(Clone, Copy)]
struct Retry {
    /// Rounds until the next try.
    wait: u32,
    /// The wait after one more failure.
    next_wait: u32,
}

/// The files that were published or failed to be: by name, with what tells one from others of this name.
pub(crate) struct Memory<K, F>(HashMap<K, Known<F>>);

impl<K, F> Default for Memory<K, F> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Eq + Hash + Clone, F: PartialEq> Memory<K, F> {
    /// One round has passed.
    pub(crate) fn round(&mut self) {
        for retry in self.0.values_mut().filter_map(|known| known.retry.as_mut()) {
            retry.wait = retry.wait.saturating_sub(1);
        }
    }

    /// True if publishing this file now may end otherwise than it did.
    pub(crate) fn wants<Q>(&self, name: &Q, fingerprint: &F) -> bool
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.0
            .get(name)
            .is_none_or(|known| known.fingerprint != *fingerprint || known.retry.is_some_and(|retry| retry.wait == 0))
    }

    /// Notes how a publish ended. `settled`: the same bytes will end the same way.
    pub(crate) fn note(&mut self, name: K, fingerprint: F, settled: bool) {
        let before = self.0.get(&name).filter(|known| known.fingerprint == fingerprint).and_then(|known| known.retry);
        let retry = (!settled).then(|| {
            let wait = before.map_or(FIRST_WAIT, |before| before.next_wait);
            Retry { wait, next_wait: wait.saturating_mul(2).min(LONGEST_WAIT) }
        });
        self.0.insert(name, Known { fingerprint, retry });
    }

    /// Forgets the files for which `is_gone` holds, and gives them.
    pub(crate) fn forget(&mut self, is_gone: impl Fn(&K) -> bool) -> Vec<K> {
        let gone: Vec<_> = self.0.keys().filter(|name| is_gone(name)).cloned().collect();
        for name in &gone {
            self.0.remove(name);
        }
        gone
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::{super::Fingerprint, *};

    type Files = Memory<PathBuf, Fingerprint>;

    fn fingerprint(size: u64) -> Fingerprint {
        Fingerprint { size, modified: None, inode: 1, changed: (0, 0) }
    }

    fn rounds_until_wanted(memory: &mut Files) -> u32 {
        let mut rounds = 0;
        while !memory.wants(Path::new("a.wasm"), &fingerprint(1)) {
            memory.round();
            rounds += 1;
        }
        rounds
    }

    #[test]
    fn a_failed_file_is_tried_again_after_rounds_that_double() {
        let mut memory = Files::default();
        let mut waits = Vec::new();
        for _ in 0..8 {
            memory.note("a.wasm".into(), fingerprint(1), false);
            waits.push(rounds_until_wanted(&mut memory));
        }
        assert_eq!(waits, [2, 4, 8, 16, 32, 64, 64, 64]);
    }

    #[test]
    fn a_file_that_changed_is_tried_at_once_and_waits_anew() {
        let mut memory = Files::default();
        for _ in 0..4 {
            memory.note("a.wasm".into(), fingerprint(1), false);
        }
        assert!(memory.wants(Path::new("a.wasm"), &fingerprint(2)));
        memory.note("a.wasm".into(), fingerprint(2), false);
        memory.note("a.wasm".into(), fingerprint(1), false);
        assert_eq!(rounds_until_wanted(&mut memory), 2);
    }

    #[test]
    fn a_settled_file_is_not_tried_again() {
        let mut memory = Files::default();
        memory.note("a.wasm".into(), fingerprint(1), true);
        for _ in 0..1_000 {
            memory.round();
        }
        assert!(!memory.wants(Path::new("a.wasm"), &fingerprint(1)));
    }

    #[test]
    fn a_file_that_failed_is_known_when_it_goes() {
        let mut memory = Files::default();
        memory.note("a.wasm".into(), fingerprint(1), false);
        memory.note("b.wasm".into(), fingerprint(1), true);
        assert_eq!(memory.forget(|path| path == Path::new("a.wasm")), [PathBuf::from("a.wasm")]);
        assert!(memory.wants(Path::new("a.wasm"), &fingerprint(1)));
    }
}
