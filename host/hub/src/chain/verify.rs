//! Is a log what it was?
//!
//! Three things are compared: the entries with their own hashes, the end with what the database says of it, and both with
//! what was signed, in the database and outside of it. What was added since the last checkpoint and taken away again leaves
//! no trace; a checkpoint is never older than the configuration says while a hub runs.

use std::collections::{BTreeMap, BTreeSet};

use patchbay_model::Failure;
use patchbay_storage::{
    AuditHead, StorageError, Tx,
    chain::{AuditLine, Chain, Checkpoint, Hash},
};
use patchbay_vault::PublicKey;
use serde::Serialize;

use super::{
    checkpoints::unreadable,
    walk::{Damage, DamageKind, Walk},
};
use crate::hub::{Hub, Inner};

/// Orgs that are read at a time.
const ORGS: u32 = 500;

/// What to verify, and by what.
#[derive(Debug, Clone, Default)]
pub struct VerifyAudit {
    /// This log alone; none: all of them.
    pub only: Option<Chain>,
    /// Checkpoints from outside of the database.
    pub checkpoints: Vec<Checkpoint>,
    /// Keys whose checkpoints count, beside those of the configuration.
    pub keys: Vec<PublicKey>,
}

/// What was found in a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChainReport {
    /// Which.
    pub log: Chain,
    /// How many entries it has.
    pub entries: u64,
    /// The hash of the last one; none if there is none, or if what is wrong comes before.
    pub head: Option<Hash>,
    /// How many checkpoints of it are known.
    pub checkpoints: u64,
    /// How many of the entries the latest good checkpoint covers.
    pub signed: u64,
    /// The first thing that is wrong.
    pub damage: Option<Damage>,
}

/// What the hub's own log says of orgs.
#[derive(Debug, Default)]
struct Known {
    made: BTreeSet<String>,
    deleted: BTreeSet<String>,
}

impl Known {
    fn note(&mut self, line: &AuditLine) {
        let subject = || line.entry.subject.clone();
        match line.entry.action.as_str() {
            "org.create" => self.made.insert(subject()),
            "org.delete" => self.deleted.insert(subject()),
            _ => false,
        };
    }
}

impl Hub {
    /// Verifies audit logs, the hub's own first. Changes nothing.
    pub async fn verify_audit(&self, verify: VerifyAudit) -> Result<Vec<ChainReport>, Failure> {
        let hub = &*self.0;
        let VerifyAudit { only, checkpoints, keys } = verify;
        let trusted: Vec<PublicKey> =
            [hub.signer.public()].into_iter().chain(hub.config.signing.former.iter().copied()).chain(keys).collect();
        let mut outside: BTreeMap<Chain, Vec<Checkpoint>> = BTreeMap::new();
        for checkpoint in checkpoints {
            outside.entry(checkpoint.chain).or_default().push(checkpoint);
        }
        let mut known = Known::default();
        let mut reports = Vec::new();
        if only.is_none_or(|only| only == Chain::Hub) {
            let of_hub = outside.remove(&Chain::Hub).unwrap_or_default();
            reports.push(hub.verify(Chain::Hub, of_hub, &trusted, &mut known).await?);
        }
        match only {
            Some(Chain::Hub) => return Ok(reports),
            Some(only) => {
                let of_it = outside.remove(&only).unwrap_or_default();
                reports.push(hub.verify(only, of_it, &trusted, &mut Known::default()).await?);
                return Ok(reports);
            }
            None => {}
        }
        let mut after = None;
        loop {
            let orgs = hub.database.read().await?.hub().orgs(after, ORGS).await?;
            let Some(last) = orgs.last() else { break };
            after = Some(last.id);
            for org in orgs {
                known.made.remove(&org.id.to_string());
                let chain = Chain::Org(org.id);
                let of_it = outside.remove(&chain).unwrap_or_default();
                reports.push(hub.verify(chain, of_it, &trusted, &mut Known::default()).await?);
            }
        }
        let mut signed: BTreeSet<Chain> = outside.into_keys().collect();
        let mut after = None;
        loop {
            let orgs = hub.database.read().await?.hub().orgs_with_audit_checkpoints(after, ORGS).await?;
            let Some(last) = orgs.last() else { break };
            after = Some(*last);
            signed.extend(orgs.into_iter().map(Chain::Org));
        }
        signed.extend(known.made.iter().filter_map(|org| org.parse().ok().map(Chain::Org)));
        for report in &reports {
            signed.remove(&report.log);
        }
        // Of what is left there is no org any more. The hub's log says so, if it was an operator who deleted it.
        let lost = signed.into_iter().filter(|chain| !known.deleted.contains(&chain.to_string()));
        reports.extend(lost.map(|log| ChainReport {
            log,
            entries: 0,
            head: None,
            checkpoints: 0,
            signed: 0,
            damage: Some(Damage::new(
                DamageKind::Truncated,
                1,
                "the organization and all of its log are gone, and no deletion is in the hub's log",
            )),
        }));
        Ok(reports)
    }
}

impl Inner {
    async fn verify(
        &self,
        chain: Chain,
        outside: Vec<Checkpoint>,
        trusted: &[PublicKey],
        known: &mut Known,
    ) -> Result<ChainReport, Failure> {
        // One snapshot, so that what is added meanwhile is not taken for damage.
        let mut tx = self.database.read().await?;
        let mut all: BTreeMap<[u8; 32], Checkpoint> = BTreeMap::new();
        let mut damages = Vec::new();
        let inside = match tx.hub().audit_checkpoints(chain).await {
            Err(StorageError::Corrupt(what)) => {
                damages.push(unreadable(&what));
                Vec::new()
            }
            inside => inside?,
        };
        for checkpoint in inside.into_iter().chain(outside) {
            all.insert(checkpoint.digest().0, checkpoint);
        }
        let by_entries = good(&all, trusted, &mut damages);
        let mut walk = Walk::new(chain);
        let mut signed = Signed { by_entries: &by_entries, covered: 0 };
        let broken = self.walk(&mut walk, &mut tx, &mut signed, known).await?;
        let intact = broken.is_none();
        damages.extend(broken);
        let entries = count(&mut tx, chain, walk.seq).await?;
        if intact {
            damages.extend(end(&mut tx, chain, &walk).await?);
            damages.extend(signed.beyond(walk.seq));
        }
        let damage = damages.into_iter().min_by_key(|damage| damage.seq);
        Ok(ChainReport {
            log: chain,
            entries,
            head: (intact && walk.seq > 0).then_some(walk.head),
            checkpoints: all.len() as u64,
            signed: signed.covered,
            damage,
        })
    }

    /// To the end, or to the first damage.
    async fn walk(
        &self,
        walk: &mut Walk,
        tx: &mut Tx,
        signed: &mut Signed<'_>,
        known: &mut Known,
    ) -> Result<Option<Damage>, Failure> {
        loop {
            let lines = match walk.page(tx).await? {
                Ok(lines) => lines,
                Err(damage) => return Ok(Some(damage)),
            };
            if lines.is_empty() {
                return Ok(None);
            }
            for line in &lines {
                if let Err(damage) = walk.step(line) {
                    return walk.explain(tx, damage).await.map(Some);
                }
                known.note(line);
                if let Some(damage) = signed.compare(walk) {
                    return Ok(Some(damage));
                }
            }
        }
    }
}

/// Good checkpoints by the number of entries that they cover.
type ByEntries = BTreeMap<u64, Vec<Hash>>;

/// What was signed, along the way.
struct Signed<'a> {
    by_entries: &'a ByEntries,
    covered: u64,
}

impl Signed<'_> {
    /// What is wrong if the log, so far, is not what was signed.
    fn compare(&mut self, walk: &Walk) -> Option<Damage> {
        let heads = self.by_entries.get(&walk.seq)?;
        if heads.iter().all(|head| *head == walk.head) {
            self.covered = walk.seq;
            return None;
        }
        let detail = format!("the hashes hold, but a checkpoint signed others for the {} entries up to here", walk.seq);
        Some(Damage::new(DamageKind::Restamped, self.covered + 1, detail))
    }

    /// What is wrong if more was signed than there is.
    fn beyond(&self, entries: u64) -> Option<Damage> {
        let (most, _) = self.by_entries.last_key_value().filter(|(most, _)| **most > entries)?;
        Some(Damage::new(DamageKind::Truncated, entries + 1, format!("a checkpoint covers {most} entries")))
    }
}

/// The checkpoints that count. What is wrong with others goes into `damages`.
fn good(all: &BTreeMap<[u8; 32], Checkpoint>, trusted: &[PublicKey], damages: &mut Vec<Damage>) -> ByEntries {
    let mut by_entries = ByEntries::new();
    for checkpoint in all.values() {
        let seq = checkpoint.entries;
        if !trusted.iter().any(|key| key.verifies(checkpoint)) {
            let known = trusted.iter().any(|key| key.id() == checkpoint.key_id);
            let why = if known { "its signature is wrong" } else { "it is signed by a key that is not known" };
            damages.push(Damage::new(
                DamageKind::ForgedCheckpoint,
                seq,
                format!("the checkpoint of {seq} entries: {why}"),
            ));
            continue;
        }
        if checkpoint.previous.is_some_and(|previous| !all.contains_key(&previous.0)) {
            let detail = format!("the one before the checkpoint of {seq} entries is not there");
            damages.push(Damage::new(DamageKind::MissingCheckpoint, seq, detail));
        }
        by_entries.entry(seq).or_default().push(checkpoint.head);
    }
    by_entries
}

async fn head_of(tx: &mut Tx, chain: Chain) -> Result<Option<AuditHead>, Failure> {
    Ok(match chain {
        Chain::Hub => tx.hub().audit().head().await?,
        Chain::Org(org) => tx.org(org).audit().head().await?,
    })
}

/// What is wrong with where the database says that the log ends.
async fn end(tx: &mut Tx, chain: Chain, walk: &Walk) -> Result<Option<Damage>, Failure> {
    let Some(head) = head_of(tx, chain).await? else {
        let what = "the database does not know where the log ends";
        return Ok((walk.seq > 0).then(|| Damage::new(DamageKind::Edited, walk.seq, what)));
    };
    if head.entries > walk.seq {
        let detail = format!("the log had {} entries", head.entries);
        return Ok(Some(Damage::new(DamageKind::Truncated, walk.seq + 1, detail)));
    }
    let other = head.entries < walk.seq || head.hash.is_some_and(|hash| hash != walk.head);
    Ok(other.then(|| Damage::new(DamageKind::Edited, head.entries, "its hash is not the one that the log ends with")))
}

/// How many entries there are, also behind a damage.
async fn count(tx: &mut Tx, chain: Chain, walked: u64) -> Result<u64, Failure> {
    let behind = match chain {
        Chain::Hub => tx.hub().audit().count_after(walked).await?,
        Chain::Org(org) => tx.org(org).audit().count_after(walked).await?,
    };
    Ok(walked + behind)
}
