//! Rotation of keys while calls run.
//!
//! Of the key-encryption key: each data key is wrapped anew, in batches, and only over what was read. Of an org's data key:
//! a new one is added, which seals from then on; then all that others sealed is sealed anew, in batches; then the others
//! are destroyed. Whoever seals holds the org's lock, so nothing is sealed with an old key once the new one is there; whoever
//! opens finds the key of whatever he reads, in the same snapshot or under the same lock. Either can break off anywhere, be
//! begun again, and run twice at once.

use std::time::Duration;

use patchbay_model::{Code, Failure, OrgId};
use patchbay_storage::{Change, KekUse, SealedColumn, Tx};
use patchbay_vault::DataKeys;
use serde::Serialize;
use serde_json::json;

use crate::{audit::Actor, hub::Hub};

/// Data keys that are wrapped anew, or secrets that are sealed anew, in one transaction.
const BATCH: u32 = 64;
/// Between two batches: another process's turn at SQLite's one writer, which knows no queue.
const PAUSE: Duration = Duration::from_millis(10);
/// How often it is looked for what was sealed with an old key meanwhile, before that is called a defect.
const ROUNDS: u32 = 10;

/// What is wrapped how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VaultStatus {
    /// The key-encryption key that wraps from now on.
    pub current: u32,
    /// Those that this process was given.
    pub known: Vec<u32>,
    /// How many data keys are under which.
    pub data_keys: Vec<DataKeyCount>,
    /// Orgs that have several data keys: a rotation of theirs is under way, or broke off and waits to be begun again.
    pub unfinished: u64,
}

/// How many data keys a key-encryption key wraps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct DataKeyCount {
    /// The key-encryption key's version.
    pub version: u32,
    /// Data keys under it.
    pub count: u64,
}

/// What a rotation of the key-encryption key did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Rewrapped {
    /// The version that data keys are under now.
    pub current: u32,
    /// How many were wrapped anew by this.
    pub rewrapped: u64,
    /// How many are still under another one: more than none only if it was to stop before the end.
    pub remaining: u64,
    /// The former wrappings are overwritten in the database's file too: SQLite, unless somebody was reading just then.
    pub erased: bool,
}

/// What a rotation of an org's data key did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Resealed {
    /// Whose.
    pub org: OrgId,
    /// The version that seals now; none if the org has no data key, because nothing of it was ever sealed.
    pub version: Option<u32>,
    /// How many secrets were sealed anew by this.
    pub resealed: u64,
    /// How many did not open before either, and stay as they are.
    pub unreadable: u64,
    /// How many former data keys were destroyed: none only if it was to stop before the end.
    pub destroyed: u64,
    /// What was written over is overwritten in the database's file too: SQLite, unless somebody was reading just then.
    pub erased: bool,
}

impl Hub {
    /// Which data keys are under which key-encryption key.
    pub async fn vault_status(&self) -> Result<VaultStatus, Failure> {
        let keyring = self.0.vault.keyring();
        let mut tx = self.0.database.read().await?;
        let count = |used: KekUse| DataKeyCount { version: used.version, count: used.data_keys };
        Ok(VaultStatus {
            current: keyring.current(),
            known: keyring.keys().map(patchbay_vault::KeyEncryptionKey::version).collect(),
            data_keys: tx.hub().kek_uses().await?.into_iter().map(count).collect(),
            unfinished: tx.hub().orgs_with_several_keys().await?,
        })
    }

    /// Wraps every data key with the current key-encryption key. `batches`: stop after so many.
    pub async fn rotate_key_encryption_key(&self, batches: Option<u32>) -> Result<Rewrapped, Failure> {
        let hub = &*self.0;
        let current = hub.vault.keyring().current();
        let (mut after, mut rewrapped, mut done) = (None, 0, 0);
        while batches.is_none_or(|most| done < most) {
            let mut tx = hub.database.begin().await?;
            let stale = tx.hub().keys_not_under(current, after, BATCH).await?;
            if stale.is_empty() {
                break;
            }
            let mut in_batch = 0;
            for (org, version) in &stale {
                let Some(key) = tx.org(*org).keys().get(*version).await? else { continue };
                if let Some(wrapped) = hub.vault.rewrapped(*org, &key)? {
                    in_batch += u64::from(tx.operator(*org).rewrap(&key, &wrapped).await?);
                }
            }
            if in_batch > 0 {
                let detail = json!({ "to": current, "rewrapped": in_batch });
                let entry = hub.hub_audit(Actor::Operator, "vault.rotate", "key-encryption key", detail);
                tx.hub().audit().append(&entry).await?;
            }
            tx.commit().await?;
            (rewrapped, done, after) = (rewrapped + in_batch, done + 1, stale.last().copied());
            tokio::time::sleep(PAUSE).await;
        }
        let erased = rewrapped > 0 && hub.database.scrub().await?;
        let status = self.vault_status().await?;
        let remaining = status.data_keys.iter().filter(|one| one.version != current).map(|one| one.count).sum();
        Ok(Rewrapped { current, rewrapped, remaining, erased })
    }

    /// Gives an org a new data key, or goes on with one that it was given before, seals all of its secrets with it and
    /// destroys the former ones. `batches`: stop after so many, with the former ones still there.
    pub async fn rotate_data_key(&self, org: OrgId, batches: Option<u32>) -> Result<Resealed, Failure> {
        let hub = &*self.0;
        let Some(version) = self.newer_data_key(org).await? else {
            return Ok(Resealed { org, version: None, resealed: 0, unreadable: 0, destroyed: 0, erased: false });
        };
        let (mut resealed, mut left) = (0, batches);
        for _ in 0..ROUNDS {
            for column in SealedColumn::ALL {
                if !self.reseal(org, version, column, &mut left, &mut resealed).await? {
                    let version = Some(version);
                    return Ok(Resealed { org, version, resealed, unreadable: 0, destroyed: 0, erased: false });
                }
            }
            if let Some((unreadable, destroyed)) = self.destroy_former(org, version, resealed).await? {
                hub.vault.forget(org);
                let erased = hub.database.scrub().await?;
                return Ok(Resealed { org, version: Some(version), resealed, unreadable, destroyed, erased });
            }
        }
        Err(Failure::new(
            Code::Conflict,
            "secrets are still sealed with a former data key: are all hubs on the database of this release?",
        ))
    }

    /// Adds a data key, unless a former rotation has: its version. None if the org has none at all.
    async fn newer_data_key(&self, org: OrgId) -> Result<Option<u32>, Failure> {
        let hub = &*self.0;
        let mut tx = hub.database.begin().await?;
        if tx.hub().org(org).await?.is_none() {
            return Err(Failure::new(Code::NotFound, "there is no such organization"));
        }
        tx.org(org).lock().await?;
        let keys = hub.vault.data_keys(&mut tx.org(org)).await?;
        match keys.count() {
            0 => Ok(None),
            1 => {
                let version = hub.vault.add_data_key(&mut tx.org(org)).await?;
                let detail = json!({ "version": version });
                let entry = hub.audit(org, Actor::Operator, "vault.data_key.create", version, detail);
                tx.org(org).audit().append(&entry).await?;
                tx.commit().await?;
                Ok(Some(version))
            }
            _ => Ok(keys.newest()),
        }
    }

    /// Seals a column's cells with the newest key, and counts them. False if no batch was left for some.
    async fn reseal(
        &self,
        org: OrgId,
        version: u32,
        column: SealedColumn,
        left: &mut Option<u32>,
        resealed: &mut u64,
    ) -> Result<bool, Failure> {
        let hub = &*self.0;
        let mut after = Vec::new();
        loop {
            let mut tx = hub.database.begin().await?;
            let cells = tx.operator(org).sealed(column, version, &after, BATCH).await?;
            let Some(last) = cells.last() else { return Ok(true) };
            match left {
                Some(0) => return Ok(false),
                Some(left) => *left -= 1,
                None => {}
            }
            after.clone_from(&last.row);
            let keys = hub.vault.data_keys(&mut tx.org(org)).await?;
            let mut in_batch = 0;
            for cell in &cells {
                if let Some(sealed) = hub.vault.resealed(&keys, cell)? {
                    in_batch += u64::from(tx.operator(org).put_sealed(cell, &sealed).await?);
                }
            }
            tx.commit().await?;
            *resealed += in_batch;
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Destroys the former data keys, if nothing is sealed with one that opens: gives how many cells do not, and how many
    /// keys there were.
    async fn destroy_former(&self, org: OrgId, version: u32, resealed: u64) -> Result<Option<(u64, u64)>, Failure> {
        let hub = &*self.0;
        let mut tx = hub.database.begin().await?;
        // Whoever opens in a transaction that writes holds it too: nobody has read a row whose key goes now.
        tx.org(org).lock().await?;
        let keys = hub.vault.data_keys(&mut tx.org(org)).await?;
        let Some(unreadable) = self.count_unreadable(&mut tx, org, version, &keys).await? else { return Ok(None) };
        let destroyed = tx.operator(org).destroy_keys_before(version).await?;
        let detail =
            json!({ "before": version, "destroyed": destroyed, "resealed": resealed, "unreadable": unreadable });
        let entry = hub.audit(org, Actor::Operator, "vault.data_key.destroy", version, detail);
        tx.hub().notify(Change::DataKeys { org }).await?;
        tx.org(org).audit().append(&entry).await?;
        tx.commit().await?;
        hub.read_org_anew(org);
        Ok(Some((unreadable, destroyed)))
    }

    /// How many cells no data key opens. None if one before this version opens some.
    async fn count_unreadable(
        &self,
        tx: &mut Tx,
        org: OrgId,
        version: u32,
        keys: &DataKeys,
    ) -> Result<Option<u64>, Failure> {
        let mut unreadable = 0;
        for column in SealedColumn::ALL {
            let mut after = Vec::new();
            loop {
                let cells = tx.operator(org).sealed(column, version, &after, BATCH).await?;
                let Some(last) = cells.last() else { break };
                after.clone_from(&last.row);
                if cells.iter().any(|cell| self.0.vault.opens(keys, cell)) {
                    return Ok(None);
                }
                unreadable += cells.len() as u64;
            }
        }
        Ok(Some(unreadable))
    }
}

#[cfg(test)]
mod tests;
