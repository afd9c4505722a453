//! Signing how far the logs go.

use std::{path::PathBuf, time::Duration};

use patchbay_model::Failure;
use patchbay_storage::{
    AuditHead, SignedHead, StorageError, Tx,
    chain::{Chain, Checkpoint},
};

use super::{
    file,
    walk::{Damage, DamageKind, Walk},
};
use crate::hub::{Hub, Inner};

/// How often it is looked for what is to be signed.
const LOOK: Duration = Duration::from_secs(60);
/// Logs that are read at a time.
const ORGS: u32 = 1_000;
/// Checkpoints that are kept in one transaction.
const BATCH: usize = 100;

/// When checkpoints are made, and where they go beside the database.
#[derive(Debug, Clone)]
pub struct AuditConfig {
    /// A file that they are appended to; none: they are in the database alone.
    pub checkpoints_file: Option<PathBuf>,
    /// After so many entries of a log.
    pub every_entries: u64,
    /// After so much time, if there is a new entry at all. A log's first checkpoint is made at once.
    pub every: Duration,
}

impl Default for AuditConfig {
    /// After 100 entries or 15 minutes; no file.
    fn default() -> Self {
        Self { checkpoints_file: None, every_entries: 100, every: Duration::from_secs(15 * 60) }
    }
}

/// Signs until the hub ends.
pub(crate) fn start(hub: &Hub) {
    let (weak, stop) = (hub.downgrade(), hub.0.stop.clone());
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(LOOK);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            let Some(hub) = weak.upgrade() else { return };
            if let Err(failure) = hub.checkpoint_due(false).await {
                tracing::error!(error = %failure, "checkpoints of the audit log were not made");
            }
        }
    });
}

impl Hub {
    /// Signs how far every log goes that has grown, whether it is time or not, and gives how many did.
    pub async fn checkpoint_audit(&self) -> Result<usize, Failure> {
        self.0.checkpoint_due(true).await
    }
}

impl Inner {
    /// The hub's own log first, and then those of orgs, page by page.
    pub(super) async fn checkpoint_due(&self, all: bool) -> Result<usize, Failure> {
        let mut made = 0;
        if let Some(head) = self.due_of_hub(all).await? {
            made += self.checkpoint(&[head]).await?;
        }
        let mut after = None;
        loop {
            let page = self.database.read().await?.hub().audit_heads(after, ORGS).await?;
            after = match page.last() {
                Some(SignedHead { head: AuditHead { chain: Chain::Org(org), .. }, .. }) => Some(*org),
                _ => return Ok(made),
            };
            let due = page.iter().filter(|one| self.is_due(one, all)).map(|one| one.head);
            let due: Vec<AuditHead> = due.collect();
            for heads in due.chunks(BATCH) {
                made += self.checkpoint(heads).await?;
            }
        }
    }

    async fn due_of_hub(&self, all: bool) -> Result<Option<AuditHead>, Failure> {
        let mut tx = self.database.read().await?;
        let Some(head) = tx.hub().audit().head().await? else { return Ok(None) };
        let signed = match tx.hub().latest_audit_checkpoint(Chain::Hub).await {
            // what is to be signed is compared with it, and then it is told
            Err(StorageError::Corrupt(_)) => return Ok(Some(head)),
            latest => latest?.map(|latest| (latest.entries, latest.at)),
        };
        let one = SignedHead { head, signed };
        Ok(self.is_due(&one, all).then_some(head))
    }

    /// True for a log that is to be signed now.
    fn is_due(&self, one: &SignedHead, all: bool) -> bool {
        let SignedHead { head, signed } = one;
        match signed {
            None => head.entries > 0,
            Some((entries, _)) if head.entries <= *entries => false,
            Some((entries, at)) => {
                let age = (self.clock.now() - *at).to_std().unwrap_or_default();
                all || head.entries - entries >= self.config.audit.every_entries || age >= self.config.audit.every
            }
        }
    }

    async fn checkpoint(&self, heads: &[AuditHead]) -> Result<usize, Failure> {
        // Logs may be long: they are walked where nobody waits for it. On SQLite a transaction that writes holds all others up.
        let mut signed = Vec::with_capacity(heads.len());
        let mut tx = self.database.read().await?;
        for head in heads {
            signed.extend(self.signed(&mut tx, head).await?);
        }
        drop(tx);
        if signed.is_empty() {
            return Ok(0);
        }
        let mut made = Vec::with_capacity(signed.len());
        let mut tx = self.database.begin().await?;
        for checkpoint in signed {
            // Somebody may have signed more meanwhile: what does not lead on from the latest is not kept.
            if leads_on(&mut tx, &checkpoint).await? && tx.hub().insert_audit_checkpoint(&checkpoint).await? {
                made.push(checkpoint);
            }
        }
        let count = made.len();
        if let Some(path) = self.config.audit.checkpoints_file.clone()
            && count > 0
        {
            // Before the commit: the file may say more than the database, and never less.
            let written = tokio::task::spawn_blocking(move || {
                file::append(&path, &made).map_err(|error| format!("{}: {error}", path.display()))
            });
            written.await.map_err(Failure::internal)?.map_err(Failure::internal)?;
        }
        tx.commit().await?;
        Ok(count)
    }

    /// A log's next checkpoint, if it leads on from the one before.
    async fn signed(&self, tx: &mut Tx, head: &AuditHead) -> Result<Option<Checkpoint>, Failure> {
        let before = match tx.hub().latest_audit_checkpoint(head.chain).await {
            Err(StorageError::Corrupt(what)) => {
                let damage = unreadable(&what);
                tell(head.chain, &damage);
                return Ok(None);
            }
            before => before?,
        };
        let mut walk = match &before {
            None => Walk::new(head.chain),
            // another hub was faster
            Some(before) if before.entries >= head.entries => return Ok(None),
            Some(before) => Walk::from(head.chain, before.entries, before.head),
        };
        let damage = follow(&mut walk, tx, head).await?;
        if let Chain::Org(org) = head.chain
            && damage.is_some()
            && tx.hub().org(org).await?.is_none()
        {
            // it was deleted meanwhile
            return Ok(None);
        }
        if let Some(damage) = damage {
            tell(head.chain, &damage);
            return Ok(None);
        }
        let previous = before.map(|before| before.digest());
        Ok(Some(self.signer.sign(head.chain, head.entries, walk.head, self.clock.now(), previous)))
    }
}

/// What is wrong with a log whose checkpoints in the database cannot be read.
pub(super) fn unreadable(what: &str) -> Damage {
    Damage::new(DamageKind::ForgedCheckpoint, 1, format!("a checkpoint in the database cannot be read: {what}"))
}

/// Tells operators of a log that is not signed any more.
fn tell(log: Chain, damage: &Damage) {
    tracing::error!(
        %log, kind = ?damage.kind, entry = damage.seq, detail = damage.detail,
        "the audit log was tampered with, and is not signed any more: run `patchbay audit verify`"
    );
    metrics::counter!("patchbay_audit_damage_total").increment(1);
}

/// True if the latest checkpoint of its log is the one that this one names as the one before it.
async fn leads_on(tx: &mut Tx, checkpoint: &Checkpoint) -> Result<bool, Failure> {
    match tx.hub().latest_audit_checkpoint(checkpoint.chain).await {
        // the next walk tells of it
        Err(StorageError::Corrupt(_)) => Ok(false),
        latest => Ok(latest?.map(|latest| latest.digest()) == checkpoint.previous),
    }
}

/// Walks to the end of a log as it was, and says what is wrong on the way.
async fn follow(walk: &mut Walk, tx: &mut Tx, head: &AuditHead) -> Result<Option<Damage>, Failure> {
    while walk.seq < head.entries {
        let lines = match walk.page(tx).await? {
            Ok(lines) => lines,
            Err(damage) => return Ok(Some(damage)),
        };
        if lines.is_empty() {
            return Ok(Some(Damage::new(DamageKind::Truncated, walk.seq + 1, "the log ends before")));
        }
        for line in lines.iter().take_while(|line| line.seq <= head.entries) {
            if let Err(damage) = walk.step(line) {
                return walk.explain(tx, damage).await.map(Some);
            }
        }
        if lines.first().is_some_and(|line| line.seq > head.entries) {
            return Ok(Some(Damage::new(DamageKind::Missing, walk.seq + 1, "it is not there")));
        }
    }
    let other = head.hash.is_some_and(|hash| hash != walk.head);
    Ok(other.then(|| Damage::new(DamageKind::Edited, walk.seq, "its hash is not the one that the log ends with")))
}
