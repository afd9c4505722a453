//! Kept answers of vendors whose time is over.
//!
//! They count as absent from that very instant; this frees their room. What has to go before its time goes when
//! something else is kept.

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

#[cfg(test)]
mod tests {
    use chrono::Duration;
    use patchbay_storage::CachedAnswer;
    use uuid::Uuid;

    use crate::testing::TestHub;

    #[tokio::test]
    async fn answers_go_when_their_time_is_over_and_not_before() {
        let test = TestHub::open().await;
        let (hub, org) = (&test.hub.0, test.org().await.id);
        let now = hub.clock.now();
        let mut tx = hub.database.begin().await.unwrap();
        for (key, minutes) in [(1, 1), (2, 2), (3, 2)] {
            let answer = CachedAnswer {
                plugin: "elevenlabs".parse().unwrap(),
                key: [key; 32],
                file: Uuid::from_u128(key.into()),
                headers: Vec::new(),
                size: 1,
                created_at: now,
                expires_at: now + Duration::minutes(minutes),
                used_at: now,
            };
            tx.org(org).cached_answers().put(&answer, None, now).await.unwrap();
        }
        tx.commit().await.unwrap();
        let mut left = Vec::new();
        for _ in 0..3 {
            hub.clear_expired_answers().await.unwrap();
            let mut tx = hub.database.read().await.unwrap();
            let bytes = tx.org(org).cached_answers().total_bytes(None).await.unwrap();
            left.push(bytes / (1 + CachedAnswer::FILE));
            test.clock.advance(Duration::minutes(1));
        }
        assert_eq!(left, [3, 2, 0]);
    }
}
