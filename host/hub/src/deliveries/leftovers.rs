//! What is left of endpoints that were deleted is cleared away, a part at a time.

use std::sync::Arc;

use patchbay_model::Failure;

use crate::hub::Inner;

/// Lanes that are looked at, and deliveries that go in one transaction.
const LANES: u32 = 100;
const BATCH: u32 = 500;

impl Inner {
    /// Cancels what is queued for endpoints that are gone, and forgets their lanes.
    pub(crate) async fn clear_gone_endpoints(self: &Arc<Self>) -> Result<(), Failure> {
        let mut tx = self.database.read().await?;
        let gone = tx.hub().gone_lanes(LANES).await?;
        drop(tx);
        for key in gone {
            loop {
                let mut tx = self.database.begin().await?;
                let mut ours = tx.org(key.org);
                let cancelled = ours.deliveries().cancel_some(key.endpoint, self.clock.now(), BATCH).await?;
                if cancelled == 0 {
                    ours.deliveries().forget_lane(key.endpoint).await?;
                }
                tx.commit().await?;
                if cancelled == 0 || self.stop.is_cancelled() {
                    break;
                }
            }
        }
        Ok(())
    }
}
