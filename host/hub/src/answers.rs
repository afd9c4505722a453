//! Kept answers of vendors whose time is over.
//!
//! They count as absent from that very instant; this frees their room. What has to go before its time goes when something else is kept.

use patchbay_model::{Failure, OrgId, Timestamp};

use crate::hub::Inner;

/// Orgs of one round.
const ORGS: u32 = 100;
/// Answers that go in one transaction.
const BATCH: u32 = 100;

impl Inner {
    /// Takes expired answers away.
    pub(crate) async fn clear_expired_answers(&self) -> Result<(), Failure> {
        loop {
            let now = self.clock.now();
            let orgs = {
                let mut tx = self.database.read().await?;
                tx.hub().orgs_with_expired_answers(now, ORGS).await?
            };
            for org in &orgs {
                self.clear_expired_answers_of(*org, now).await?;
            }
            if orgs.len() < ORGS as usize {
                return Ok(());
            }
        }
    }

    async fn clear_expired_answers_of(&self, org: OrgId, now: Timestamp) -> Result<(), Failure> {
        loop {
            let mut tx = self.database.begin().await?;
            let mut ours = tx.org(org);
            ours.lock().await?;
            let expired = ours.cached_answers().expired(now, BATCH).await?;
            for answer in &expired {
                self.blobs.remove_answer(org, answer.file).await.map_err(Failure::internal)?;
                ours.cached_answers().delete(answer).await?;
            }
            tx.commit().await?;
            if expired.len() < BATCH as usize {
                return Ok(());
            }
        }
    }
}
