//! Looking at the clock.

use std::{sync::Arc, time::Duration};

use patchbay_model::{
    Failure, JobId, Timestamp,
    job::{NewJob, Tick},
    schedule::{Schedule, Target},
};
use patchbay_storage::DueSchedule;

use super::times;
use crate::hub::{Hub, Inner};

/// How often to look without being told.
const LOOK: Duration = Duration::from_secs(10);
/// Schedules that are fetched at once.
const BATCH: u32 = 200;

/// Starts looking. It ends with the hub.
pub(crate) fn start(hub: &Hub) {
    let (weak, stop, bell) = (hub.downgrade(), hub.0.stop.clone(), Arc::clone(&hub.0.schedules.0));
    tokio::spawn(async move {
        loop {
            let Some(hub) = weak.upgrade().map(Hub) else { return };
            let wait = match hub.run_due_schedules().await {
                Ok(_) => hub.0.until_next_schedule().await,
                Err(failure) => {
                    tracing::warn!(error = %failure, "due schedules were not run");
                    LOOK
                }
            };
            drop(hub);
            // either way it is time to look again
            if stop.run_until_cancelled(tokio::time::timeout(wait, bell.notified())).await.is_none() {
                return;
            }
        }
    });
}

impl Hub {
    /// Makes the jobs of schedules whose time has come, and gives how many that were. The hub does the same by itself: this is
    /// for tests and operators who do not want to wait for it.
    pub async fn run_due_schedules(&self) -> Result<usize, Failure> {
        let hub = &*self.0;
        let mut made = 0;
        loop {
            hub.running()?;
            let now = hub.clock.now();
            let mut tx = hub.database.read().await?;
            let due = tx.hub().due_schedules(now, BATCH).await?;
            drop(tx);
            let mut moved = false;
            for one in &due {
                match hub.run_schedule(one, now).await {
                    Ok(jobs) => {
                        made += jobs.unwrap_or(0);
                        moved |= jobs.is_some();
                    }
                    // the others are due as well
                    Err(failure) => {
                        tracing::warn!(schedule.id = %one.id, org.id = %one.org, error = %failure, "a schedule was not run");
                    }
                }
            }
            if !moved {
                return Ok(made);
            }
        }
    }
}

impl Inner {
    /// Makes the jobs of one schedule, and gives their number; nothing if somebody else has moved it on.
    async fn run_schedule(&self, due: &DueSchedule, now: Timestamp) -> Result<Option<usize>, Failure> {
        let mut tx = self.database.read().await?;
        let Some(schedule) = tx.org(due.org).schedules().get(due.id).await? else { return Ok(None) };
        drop(tx);
        if schedule.next_at != Some(due.since) {
            return Ok(None);
        }
        let look = times::look(&schedule, due.since, now)?;
        let installed = self.installed(due.org, &schedule.plugin).await?;
        let is_on = schedule.enabled && installed.is_some_and(|one| one.settings.installation.enabled);
        let mut jobs = Vec::new();
        if is_on {
            for at in &look.times {
                jobs.extend(self.job_of(&schedule, *at, now).await?);
            }
        }
        let last = jobs.iter().filter_map(|job| job.schedule).map(|tick| tick.at).max();
        let mut tx = self.database.begin().await?;
        let mut ours = tx.org(due.org);
        if !ours.schedules().advance(due.id, due.since, look.next, last).await? {
            return Ok(None);
        }
        ours.jobs().enqueue(&jobs).await?;
        tx.commit().await?;
        if let Some(first) = jobs.iter().map(|job| job.due_at).min() {
            self.jobs.due_at(first);
        }
        Ok(Some(jobs.len()))
    }

    /// The job of a schedule for one of its times.
    async fn job_of(&self, schedule: &Schedule, at: Timestamp, now: Timestamp) -> Result<Option<NewJob>, Failure> {
        let id = JobId::new(&*self.clock, &*self.random);
        let (plugin, name) = (schedule.plugin.clone(), schedule.target_name.clone());
        let job = match (schedule.target, schedule.caller) {
            (Target::Task, _) => {
                let job = NewJob::task(id, plugin, name, schedule.payload.clone(), now);
                let serving = self.installed(schedule.org, &schedule.plugin).await?.and_then(|one| one.serving());
                // which version does it is found out when it is done
                serving.and_then(|serving| serving.plugin.job(job.clone())).unwrap_or(job)
            }
            (Target::Action, Some(caller)) => NewJob::action(id, plugin, name, schedule.payload.clone(), caller, now),
            (Target::Action, None) => return Ok(None),
        };
        let due_at = now.max(at) + self.jitter(schedule.jitter_s);
        Ok(Some(NewJob { due_at, schedule: Some(Tick { schedule: schedule.id, at }), ..job }))
    }

    /// None to so many seconds.
    pub(crate) fn jitter(&self, most_s: u32) -> chrono::Duration {
        let mut bytes = [0; 4];
        self.random.fill(&mut bytes);
        let part = i64::from(u32::from_le_bytes(bytes));
        chrono::Duration::milliseconds(i64::from(most_s) * 1_000 * part / i64::from(u32::MAX))
    }

    async fn until_next_schedule(&self) -> Duration {
        let next = async {
            let mut tx = self.database.read().await?;
            tx.hub().next_schedule_at().await
        };
        let Ok(Some(next)) = next.await else { return LOOK };
        (next - self.clock.now()).to_std().unwrap_or_default().clamp(Duration::from_millis(10), LOOK)
    }
}
