//! Along a log, entry by entry.

use patchbay_model::Failure;
use patchbay_storage::{
    StorageError, Tx,
    chain::{AuditLine, Chain, Hash},
};
use serde::Serialize;

/// Entries that are read at a time.
pub(super) const PAGE: u32 = 1_000;
/// How far an entry that was moved is looked for.
const WINDOW: u64 = 32;

/// What was done to a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DamageKind {
    /// An entry says something else than what was chained.
    Edited,
    /// Entries are not there.
    Missing,
    /// An entry stands in another place than it was chained in.
    Reordered,
    /// Entries at the end are not there.
    Truncated,
    /// The chain holds in itself, and is another one than what was signed.
    Restamped,
    /// A checkpoint was not signed by a key that counts, or is no checkpoint.
    ForgedCheckpoint,
    /// A checkpoint that a later one names is not there.
    MissingCheckpoint,
}

/// The first thing that is wrong with a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Damage {
    /// What was done.
    pub kind: DamageKind,
    /// The number of the first entry that cannot be relied on.
    pub seq: u64,
    /// In words.
    pub detail: String,
}

impl Damage {
    pub(super) fn new(kind: DamageKind, seq: u64, detail: impl Into<String>) -> Self {
        Self { kind, seq, detail: detail.into() }
    }
}

/// How far it is, and whether hashes have begun.
pub(super) struct Walk {
    chain: Chain,
    pub(super) seq: u64,
    pub(super) head: Hash,
    hashed: bool,
}

impl Walk {
    /// From the beginning.
    pub(super) fn new(chain: Chain) -> Self {
        Self { chain, seq: 0, head: chain.genesis(), hashed: false }
    }

    /// From behind an entry of this number, whose hash is known.
    pub(super) fn from(chain: Chain, seq: u64, head: Hash) -> Self {
        Self { chain, seq, head, hashed: true }
    }

    /// The next entries, if they follow; fewer than a page at the end, and before one that cannot be read. If the very
    /// next is that, it is damage: whoever changes a row so that nothing reads it must not stop those who look.
    pub(super) async fn page(&self, tx: &mut Tx) -> Result<Result<Vec<AuditLine>, Damage>, Failure> {
        let mut limit = PAGE;
        loop {
            match lines(tx, self.chain, self.seq, limit).await {
                Ok(lines) => return Ok(Ok(lines)),
                Err(StorageError::Corrupt(what)) if limit == 1 => {
                    let what = format!("it cannot be read: {what}");
                    return Ok(Err(Damage::new(DamageKind::Edited, self.seq + 1, what)));
                }
                Err(StorageError::Corrupt(_)) => limit /= 2,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Goes on by one entry.
    pub(super) fn step(&mut self, line: &AuditLine) -> Result<(), Damage> {
        let next = self.seq + 1;
        if line.seq != next {
            let what = if line.seq == next + 1 {
                "it is not there".to_owned()
            } else {
                format!("up to {} they are not there", line.seq - 1)
            };
            return Err(Damage::new(DamageKind::Missing, next, what));
        }
        let computed = line.link(self.chain, self.head);
        match line.hash {
            Some(hash) if hash != computed => {
                return Err(Damage::new(DamageKind::Edited, next, "its hash is not that of what it says"));
            }
            None if self.hashed => {
                return Err(Damage::new(DamageKind::Edited, next, "it has no hash, and the one before it has"));
            }
            Some(_) => self.hashed = true,
            None => {}
        }
        (self.seq, self.head) = (next, computed);
        Ok(())
    }

    /// The same damage, said more precisely: an entry that was moved does not have the hash of its place, but that of
    /// another one nearby.
    pub(super) async fn explain(&self, tx: &mut Tx, damage: Damage) -> Result<Damage, Failure> {
        if damage.kind != DamageKind::Edited {
            return Ok(damage);
        }
        let first = damage.seq.saturating_sub(WINDOW);
        let window = u32::try_from(2 * WINDOW).unwrap_or(PAGE);
        let near = match lines(tx, self.chain, first.saturating_sub(1), window).await {
            Err(StorageError::Corrupt(_)) => return Ok(damage),
            near => near?,
        };
        let Some(line) = near.iter().find(|line| line.seq == damage.seq) else { return Ok(damage) };
        let befores = || near.iter().filter_map(|line| line.hash).chain([self.head]);
        for place in first.max(1)..=damage.seq + WINDOW {
            let fits = |before| line.hash == Some(self.chain.link(before, place, &line.entry, &line.detail));
            if place != damage.seq && befores().any(fits) {
                let detail = format!("it was chained as {place}");
                return Ok(Damage::new(DamageKind::Reordered, damage.seq, detail));
            }
        }
        Ok(damage)
    }
}

async fn lines(tx: &mut Tx, chain: Chain, after: u64, limit: u32) -> Result<Vec<AuditLine>, StorageError> {
    match chain {
        Chain::Hub => tx.hub().audit().after(after, limit).await,
        Chain::Org(org) => tx.org(org).audit().after(after, limit).await,
    }
}
