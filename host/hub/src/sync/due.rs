//! Syncs whose time has come: a run is asked for, and the job that drives the sync is made.
//!
//! When a sync is due next is moved on in the transaction that asks for its run, and once more when a run begins, whoever asked
//! for it (`ends.rs`). A run that is open is not asked for a second time, so of several hubs that see a sync due it does not
//! matter who was first, and a run that takes longer than the time between two is followed by one and not by many.

use std::time::Duration;

use patchbay_model::{
    Failure, OrgId, PluginId, SyncRunId, Timestamp,
    object::StandardObject,
    sync::{LEAST_EVERY_S, SyncMode, SyncState, SyncTrigger},
};
use patchbay_storage::{NewSyncRun, OrgTx};

use crate::hub::{Hub, Inner};

/// How often to look at the least: nobody is told when a sync is switched on.
const LOOK: Duration = Duration::from_secs(5);
/// Not more often than that.
const BREATH: Duration = Duration::from_millis(100);
/// Syncs that are fetched at once.
const BATCH: u32 = 200;
/// Two that are due at one time come apart by up to a tenth of the time between two runs, and not by more than so many seconds.
const MOST_JITTER_S: u32 = 60;

/// Starts looking. It ends with the hub.
pub(crate) fn start(hub: &Hub) {
    let (weak, stop) = (hub.downgrade(), hub.0.stop.clone());
    tokio::spawn(async move {
        loop {
            let Some(hub) = weak.upgrade().map(Hub) else { return };
            let wait = match hub.run_due_syncs().await {
                Ok(_) => hub.0.until_next_sync().await,
                Err(failure) => {
                    tracing::warn!(error = %failure, "due syncs were not run");
                    LOOK
                }
            };
            drop(hub);
            if stop.run_until_cancelled(tokio::time::sleep(wait)).await.is_none() {
                return;
            }
        }
    });
}

impl Hub {
    /// Asks for a run of each sync whose time has come, and gives how many that were. The hub does the same by itself: this is for
    /// tests and operators who do not want to wait for it.
    pub async fn run_due_syncs(&self) -> Result<usize, Failure> {
        let hub = &*self.0;
        let mut asked = 0;
        loop {
            hub.running()?;
            let now = hub.clock.now();
            let mut tx = hub.database.read().await?;
            let due = tx.hub().due_syncs(now, BATCH).await?;
            drop(tx);
            let mut any_moved = false;
            for (org, plugin, object) in &due {
                match hub.run_due_sync(*org, plugin, *object, now).await {
                    Ok(Due::Asked) => {
                        asked += 1;
                        any_moved = true;
                    }
                    Ok(Due::PutOff) => any_moved = true,
                    Ok(Due::NotAnyMore) => {}
                    // the others are due as well
                    Err(failure) => {
                        tracing::warn!(org.id = %org, plugin.id = %plugin, %object, error = %failure, "a sync was not run");
                    }
                }
            }
            if !any_moved || due.len() < BATCH as usize {
                return Ok(asked);
            }
        }
    }
}

/// What became of a sync that was due.
enum Due {
    /// A run was asked for.
    Asked,
    /// There is nothing to do now: it is due later.
    PutOff,
    /// Somebody else has seen to it.
    NotAnyMore,
}

impl Inner {
    async fn run_due_sync(
        &self,
        org: OrgId,
        plugin: &PluginId,
        object: StandardObject,
        now: Timestamp,
    ) -> Result<Due, Failure> {
        let least = self.standing(org).await?.plan.sync_every_s;
        let installed = self.installed(org, plugin).await?;
        let is_on = installed.is_some_and(|one| one.settings.installation.enabled);
        let mut tx = self.database.begin().await?;
        let mut ours = tx.org(org);
        let Some(state) = ours.syncs().get(plugin, object).await? else { return Ok(Due::NotAnyMore) };
        if state.next_due_at.is_none_or(|at| at > now) {
            return Ok(Due::NotAnyMore);
        }
        let every = state.settings.every_s.max(least);
        let next = now + chrono::Duration::seconds(every.into()) + self.jitter((every / 10).min(MOST_JITTER_S));
        let mode = mode_of(&state, now);
        // where nothing is read there is nothing of what has changed there, and what changes here waits already
        let has_work = state.settings.direction.is_inward() || mode == SyncMode::Full;
        if !is_on || !has_work {
            ours.syncs().postpone(plugin, object, next).await?;
            let is_driven = is_on && self.drive_what_waits(&mut ours, &state).await?;
            tx.commit().await?;
            if is_driven {
                self.jobs.due_at(now);
            }
            return Ok(Due::PutOff);
        }
        let wish = NewSyncRun {
            id: SyncRunId::new(&*self.clock, &*self.random),
            plugin: plugin.clone(),
            object,
            mode,
            trigger: if state.last_full_at.is_none() { SyncTrigger::First } else { SyncTrigger::Schedule },
            requested_by: None,
            next_due_at: Some(next),
            at: now,
        };
        let requested = ours.syncs().request_run(&wish).await?;
        if mode == SyncMode::Full && requested.is_some_and(|requested| requested.run.mode == SyncMode::Delta) {
            // one that reads less goes on: all is asked for again once that may have ended
            let soon = now + chrono::Duration::seconds(LEAST_EVERY_S.into());
            ours.syncs().postpone(plugin, object, soon).await?;
        }
        self.drive_sync(&mut ours, plugin, object).await?;
        tx.commit().await?;
        self.jobs.due_at(now);
        Ok(Due::Asked)
    }

    /// Makes the job of a sync of which no run is made, if something waits for it all the same: records whose vendor was away
    /// until the last job's tries were used up, or whose connection was missing. True if something does.
    pub(super) async fn drive_what_waits(&self, ours: &mut OrgTx<'_>, state: &SyncState) -> Result<bool, Failure> {
        let (plugin, object) = (&state.plugin, state.object);
        let waits = state.open_run.is_some()
            || !ours.syncs().outbox(plugin, object, 1).await?.is_empty()
            || !ours.syncs().hints(plugin, object, 1).await?.is_empty();
        if waits {
            self.drive_sync(ours, plugin, object).await?;
        }
        Ok(waits)
    }

    /// How much time is between two runs of a sync, in seconds: as the settings say, and not less than the plan allows.
    pub(crate) async fn sync_every_s(&self, org: OrgId, state: &SyncState) -> Result<u32, Failure> {
        Ok(state.settings.every_s.max(self.standing(org).await?.plan.sync_every_s))
    }

    async fn until_next_sync(&self) -> Duration {
        let next = async {
            let mut tx = self.database.read().await?;
            tx.hub().next_sync_at().await
        };
        let Ok(Some(next)) = next.await else { return LOOK };
        (next - self.clock.now()).to_std().unwrap_or_default().clamp(BREATH, LOOK)
    }
}

/// How much a run goes through: all, if that was never done, or is longer ago than the settings say.
pub(super) fn mode_of(state: &SyncState, now: Timestamp) -> SyncMode {
    let full_every = chrono::Duration::days(state.settings.full_every_days.into());
    match state.last_full_at {
        Some(last) if now - last < full_every => SyncMode::Delta,
        _ => SyncMode::Full,
    }
}
