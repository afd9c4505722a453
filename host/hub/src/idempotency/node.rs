//! That this hub is at work, and claims that no call answers for any more.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use patchbay_model::{Clock, Failure, Random};
use patchbay_runtime::Once;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::hub::{Hub, Inner, lock};

/// How often a hub says that it is at work.
const BEAT: Duration = Duration::from_secs(3);
/// For how long it is believed: three beats may be lost, and clocks may differ by a little.
const BELIEVED: i64 = 12;

/// This hub, among those on its database.
pub(crate) struct Node {
    /// Another one after each start.
    pub(crate) id: Uuid,
    pub(super) left_behind: Arc<LeftBehind>,
}

/// Claims whose calls have ended in a way that they could not tell: by a panic, or while the database was away.
#[derive(Debug, Default)]
pub(super) struct LeftBehind {
    claims: Mutex<Vec<Arc<Once>>>,
    bell: Notify,
}

impl LeftBehind {
    pub(super) fn add(&self, claim: Arc<Once>) {
        lock(&self.claims).push(claim);
        self.bell.notify_one();
    }
}

impl Node {
    pub(crate) fn new(clock: &dyn Clock, random: &dyn Random) -> Self {
        // an id like any other, of which nobody needs the kind
        Self { id: new_uuid(clock, random), left_behind: Arc::default() }
    }
}

/// An id whose first part is the time.
pub(crate) fn new_uuid(clock: &dyn Clock, random: &dyn Random) -> Uuid {
    patchbay_model::RequestId::new(clock, random).0
}

/// Says that the hub is at work from now on until it ends. Comes back once it was said for the first time.
pub(crate) async fn start(hub: &Hub) -> Result<(), Failure> {
    hub.0.say_alive().await?;
    let (weak, stop) = (hub.downgrade(), hub.0.stop.clone());
    let left_behind = Arc::clone(&hub.0.node.left_behind);
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(BEAT);
        let until_needed = async || {
            tokio::select! {
                _ = ticks.tick() => {}
                () = left_behind.bell.notified() => {}
            }
        };
        let mut until_needed = until_needed;
        loop {
            until_needed().await;
            let Some(hub) = weak.upgrade() else { return };
            // a hub that stops still answers for the calls that end meanwhile
            if stop.is_cancelled() && hub.work.is_empty() {
                return;
            }
            if let Err(failure) = hub.say_alive().await {
                tracing::warn!(error = %failure, "other hubs were not told that this one is at work");
            }
            hub.settle_left_behind().await;
        }
    });
    Ok(())
}

impl Inner {
    async fn say_alive(&self) -> Result<(), Failure> {
        let now = self.clock.now();
        let mut tx = self.database.begin().await?;
        tx.hub().note_alive(self.node.id, now, now + chrono::Duration::seconds(BELIEVED)).await?;
        Ok(tx.commit().await?)
    }

    async fn settle_left_behind(&self) {
        let claims = std::mem::take(&mut *lock(&self.node.left_behind.claims));
        for claim in claims {
            if let Err(failure) = self.let_go(&claim, None).await {
                tracing::warn!(error = %failure, "a write that a call has left behind was not settled");
                lock(&self.node.left_behind.claims).push(claim);
            }
        }
    }

    /// Says that this hub has ended: what it owned need not be waited for.
    pub(crate) async fn leave(&self) {
        self.settle_left_behind().await;
        let left = async {
            let mut tx = self.database.begin().await?;
            tx.hub().forget_node(self.node.id).await?;
            tx.commit().await
        };
        if let Err(error) = left.await {
            tracing::warn!(%error, "other hubs were not told that this one has ended");
        }
    }
}
