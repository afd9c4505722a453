//! Schedules that a plugin's manifest brings along.

use patchbay_model::{
    Failure, OrgId, PluginId, ScheduleId,
    schedule::{Origin, Schedule, Target},
};
use patchbay_package::{Manifest, cron, manifest};
use patchbay_storage::OrgTx;

use super::{put::JITTER_S, times};
use crate::hub::Inner;

/// Brings an installation's schedules in line with the version that it runs: those of its manifest are there, those that it has
/// no more are gone, and what the org put itself stays.
pub(crate) async fn bring(hub: &Inner, ours: &mut OrgTx<'_>, manifest: &Manifest) -> Result<(), Failure> {
    let before = ours.schedules().of(&manifest.id).await?;
    for gone in before
        .iter()
        .filter(|one| one.origin == Origin::Plugin && !manifest.schedules.iter().any(|wanted| wanted.name == one.name))
    {
        ours.schedules().delete(gone.id).await?;
    }
    for wanted in &manifest.schedules {
        let had = before.iter().find(|one| one.name == wanted.name);
        if had.is_some_and(|had| had.origin == Origin::Org) {
            continue;
        }
        let schedule = schedule_of(hub, ours.id(), &manifest.id, wanted, had)?;
        let is_as_wanted = had.is_some_and(|had| {
            let Schedule { next_at, updated_at, .. } = had.clone();
            *had == Schedule { next_at, updated_at, ..schedule.clone() }
        });
        if !is_as_wanted {
            ours.schedules().put(&schedule).await?;
        }
    }
    Ok(())
}

fn schedule_of(
    hub: &Inner,
    org: OrgId,
    plugin: &PluginId,
    wanted: &manifest::Schedule,
    had: Option<&Schedule>,
) -> Result<Schedule, Failure> {
    let now = hub.clock.now();
    let mut schedule = Schedule {
        id: had.map_or_else(|| ScheduleId::new(&*hub.clock, &*hub.random), |had| had.id),
        org,
        plugin: plugin.clone(),
        name: wanted.name.clone(),
        origin: Origin::Plugin,
        target: Target::Task,
        target_name: wanted.kind.clone(),
        payload: wanted.payload.to_string(),
        cron: wanted.cron.clone(),
        time_zone: wanted.time_zone.clone().unwrap_or_else(|| cron::UTC.to_owned()),
        jitter_s: wanted.jitter_s.unwrap_or(JITTER_S),
        missed: wanted.missed,
        enabled: true,
        caller: None,
        next_at: None,
        last_at: had.and_then(|had| had.last_at),
        created_at: had.map_or(now, |had| had.created_at),
        updated_at: now,
    };
    schedule.next_at = times::next_after(&schedule, now)?;
    Ok(schedule)
}

impl Inner {
    /// Brings the schedules of an installation in line with the version that it runs now.
    pub(crate) async fn bring_schedules(&self, org: OrgId, manifest: &Manifest) -> Result<(), Failure> {
        let mut tx = self.database.read().await?;
        let had = tx.org(org).schedules().of(&manifest.id).await?;
        drop(tx);
        // most plugins have none, and most versions no others than the one before
        if manifest.schedules.is_empty() && had.iter().all(|one| one.origin == Origin::Org) {
            return Ok(());
        }
        let mut tx = self.database.begin().await?;
        let mut ours = tx.org(org);
        ours.lock().await?;
        // gone meanwhile, and its schedules with it
        if ours.installations().get(&manifest.id).await?.is_none() {
            return Ok(());
        }
        bring(self, &mut ours, manifest).await?;
        tx.commit().await?;
        self.schedules.ring();
        Ok(())
    }
}
