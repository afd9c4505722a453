//! What is known of the plugin folder's files, and when one is worth another try.
//!
//! A file whose publish failed is remembered like one that was published: it is withdrawn when it goes,
//! and it is not taken for new at the next look. What may end otherwise without a change of the file (no
//! room to compile, a file that cannot be read) is tried again after a number of rounds that doubles with
//! each failure. Rounds are counted, not seconds, so that this needs no clock.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use super::Fingerprint;

/// The first wait after a failure, in rounds: at least one whole round passes.
const FIRST_WAIT: u32 = 2;
/// The longest wait, in rounds.
const LONGEST_WAIT: u32 = 64;

/// A file as it was last seen, and how its publish ended.
struct Known {
    fingerprint: Fingerprint,
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

/// The files that were published or failed to be.
#[derive(Default)]
pub(super) struct Memory(HashMap<PathBuf, Known>);

impl Memory {
    /// One round has passed.
    pub(super) fn round(&mut self) {
        for retry in self.0.values_mut().filter_map(|known| known.retry.as_mut()) {
            retry.wait = retry.wait.saturating_sub(1);
        }
    }

    /// True if publishing this file now may end otherwise than it did.
    pub(super) fn wants(&self, path: &Path, fingerprint: Fingerprint) -> bool {
        self.0
            .get(path)
            .is_none_or(|known| known.fingerprint != fingerprint || known.retry.is_some_and(|retry| retry.wait == 0))
    }

    /// Notes how a publish ended. `settled`: the same bytes will end the same way.
    pub(super) fn note(&mut self, path: PathBuf, fingerprint: Fingerprint, settled: bool) {
        let before = self.0.get(&path).filter(|known| known.fingerprint == fingerprint).and_then(|known| known.retry);
        let retry = (!settled).then(|| {
            let wait = before.map_or(FIRST_WAIT, |before| before.next_wait);
            Retry { wait, next_wait: wait.saturating_mul(2).min(LONGEST_WAIT) }
        });
        self.0.insert(path, Known { fingerprint, retry });
    }

    /// Forgets the files for which `is_gone` holds, and gives them.
    pub(super) fn forget(&mut self, is_gone: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
        let gone: Vec<_> = self.0.keys().filter(|path| is_gone(path)).cloned().collect();
        for path in &gone {
            self.0.remove(path);
        }
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint(size: u64) -> Fingerprint {
        Fingerprint { size, modified: None, inode: 1, changed: (0, 0) }
    }

    fn rounds_until_wanted(memory: &mut Memory) -> u32 {
        let mut rounds = 0;
        while !memory.wants(Path::new("a.wasm"), fingerprint(1)) {
            memory.round();
            rounds += 1;
        }
        rounds
    }

    #[test]
    fn a_failed_file_is_tried_again_after_rounds_that_double() {
        let mut memory = Memory::default();
        let mut waits = Vec::new();
        for _ in 0..8 {
            memory.note("a.wasm".into(), fingerprint(1), false);
            waits.push(rounds_until_wanted(&mut memory));
        }
        assert_eq!(waits, [2, 4, 8, 16, 32, 64, 64, 64]);
    }

    #[test]
    fn a_file_that_changed_is_tried_at_once_and_waits_anew() {
        let mut memory = Memory::default();
        for _ in 0..4 {
            memory.note("a.wasm".into(), fingerprint(1), false);
        }
        assert!(memory.wants(Path::new("a.wasm"), fingerprint(2)));
        memory.note("a.wasm".into(), fingerprint(2), false);
        memory.note("a.wasm".into(), fingerprint(1), false);
        assert_eq!(rounds_until_wanted(&mut memory), 2);
    }

    #[test]
    fn a_settled_file_is_not_tried_again() {
        let mut memory = Memory::default();
        memory.note("a.wasm".into(), fingerprint(1), true);
        for _ in 0..1_000 {
            memory.round();
        }
        assert!(!memory.wants(Path::new("a.wasm"), fingerprint(1)));
    }

    #[test]
    fn a_file_that_failed_is_known_when_it_goes() {
        let mut memory = Memory::default();
        memory.note("a.wasm".into(), fingerprint(1), false);
        memory.note("b.wasm".into(), fingerprint(1), true);
        assert_eq!(memory.forget(|path| path == Path::new("a.wasm")), [PathBuf::from("a.wasm")]);
        assert!(memory.wants(Path::new("a.wasm"), fingerprint(1)));
    }
}
