//! Logs of before there were chains: their entries have numbers and no hashes, and the next entry is over them all. A log
//! that nobody adds to would wait for that, so the hub adds an entry that says so.

use patchbay_model::Failure;
use patchbay_storage::chain::Chain;
use serde_json::json;

use crate::{audit::Actor, hub::Inner};

/// Logs that are read at a time.
const BATCH: u32 = 100;

impl Inner {
    /// Chains what is not chained yet. Nothing to do but at the first start after the upgrade.
    pub(crate) async fn chain_legacy_logs(&self) -> Result<(), Failure> {
        loop {
            let mut tx = self.database.begin().await?;
            let heads = tx.hub().unchained_audit_heads(BATCH).await?;
            if heads.is_empty() {
                return Ok(());
            }
            for head in heads {
                let Chain::Org(org) = head.chain else { continue };
                let detail = json!({ "entries": head.entries });
                let entry = self.audit(org, Actor::Hub, "audit.chained", org, detail);
                tx.org(org).audit().append(&entry).await?;
            }
            tx.commit().await?;
        }
    }
}
