//! Putting and deleting schedules.

use patchbay_model::{
    Code, Failure, Permission, PluginId, ScheduleId, Violation,
    job::MOST_BYTES,
    schedule::{Missed, Origin, Schedule, Target},
};
use patchbay_package::cron;
use patchbay_runtime::Plugin;
use serde_json::{Value, json};

use super::{defaults, times};
use crate::{
    auth::Caller,
    hub::{Hub, Inner},
    queries::not_found,
};

/// How many schedules an org may have.
const MOST: u64 = 1_000;
/// Seconds that a job is late at most if nothing is said.
pub(super) const JITTER_S: u32 = 30;

/// A schedule as it is to be.
#[derive(Debug, Clone)]
pub struct PutSchedule {
    /// The kind of a task, or an action: exactly one of both.
    pub task: Option<String>,
    /// The name of an action.
    pub action: Option<String>,
    /// What its jobs are made with: a task's payload, or an action's input.
    pub payload: Value,
    /// When.
    pub cron: String,
    /// By the clock of this time zone; UTC if nothing is said.
    pub time_zone: Option<String>,
    /// A job begins up to so many seconds late; 30 if nothing is said.
    pub jitter_s: Option<u32>,
    /// What becomes of missed times.
    pub missed: Missed,
    /// Switched on.
    pub enabled: bool,
}

impl Hub {
    /// Makes a schedule, or changes it. Its actions are called in the caller's name, with the permissions that they have now.
    /// Needs the permission `manage_installations`, and `call_actions` for an action. `not_installed` if the plugin is not,
    /// `invalid_input` for what the plugin does not have or would not take.
    pub async fn put_schedule(
        &self,
        caller: &Caller,
        plugin: &PluginId,
        name: &str,
        put: PutSchedule,
    ) -> Result<Schedule, Failure> {
        caller.require(Permission::ManageInstallations)?;
        let hub = &*self.0;
        hub.running()?;
        let serving = hub.serving(caller.org, plugin).await?;
        let wanted = hub.wanted_schedule(caller, &serving.plugin, plugin, name, put)?;
        let mut tx = hub.database.begin().await?;
        let mut ours = tx.org(caller.org);
        ours.lock().await?;
        let before = ours.schedules().named(plugin, name).await?;
        if before.is_none() && ours.schedules().count().await? >= MOST {
            return Err(Failure::new(Code::Conflict, format!("an organization has at most {MOST} schedules")));
        }
        let wanted = match &before {
            Some(before) => {
                let Schedule { id, created_at, last_at, .. } = *before;
                Schedule { id, created_at, last_at, ..wanted }
            }
            None => wanted,
        };
        let detail = json!({ "old": before.as_ref().map(audited), "new": audited(&wanted) });
        let entry = hub.audit(caller.org, caller.actor, "schedule.put", wanted.id, detail);
        ours.schedules().put(&wanted).await?;
        ours.audit().append(&entry).await?;
        tx.commit().await?;
        hub.schedules.ring();
        Ok(wanted)
    }

    /// Deletes a schedule; what it made stays. Needs the permission `manage_installations`. `conflict` for one that the plugin
    /// brought along: it is switched off by putting it with `enabled: false`.
    pub async fn delete_schedule(&self, caller: &Caller, plugin: &PluginId, name: &str) -> Result<(), Failure> {
        caller.require(Permission::ManageInstallations)?;
        let hub = &*self.0;
        let manifest = match hub.installed(caller.org, plugin).await? {
            Some(installed) => installed.serving().map(|serving| serving.plugin.manifest().clone()),
            None => None,
        };
        let mut tx = hub.database.begin().await?;
        let mut ours = tx.org(caller.org);
        let before = ours.schedules().named(plugin, name).await?.ok_or_else(|| not_found("schedule"))?;
        if before.origin == Origin::Plugin {
            let detail = "the plugin brings this schedule along: put it with `enabled: false` to switch it off";
            return Err(Failure::new(Code::Conflict, detail));
        }
        let entry =
            hub.audit(caller.org, caller.actor, "schedule.delete", before.id, json!({ "old": audited(&before) }));
        ours.schedules().delete(before.id).await?;
        // the plugin's own of this name, if it has one, is there again
        if let Some(manifest) = manifest {
            defaults::bring(hub, &mut ours, &manifest).await?;
        }
        ours.audit().append(&entry).await?;
        tx.commit().await?;
        hub.schedules.ring();
        Ok(())
    }
}

impl Inner {
    fn wanted_schedule(
        &self,
        caller: &Caller,
        version: &Plugin,
        plugin: &PluginId,
        name: &str,
        put: PutSchedule,
    ) -> Result<Schedule, Failure> {
        let mut violations = Vec::new();
        let mut demand = |holds: bool, pointer: &str, expected: String| {
            if !holds {
                violations.push(Violation { pointer: pointer.to_owned(), expected });
            }
        };
        let named = (1..=64).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-'));
        demand(named, "/name", "1 to 64 characters of a-z, 0-9, _ and -".to_owned());
        let (target, target_name) = match (put.task, put.action) {
            (Some(task), None) => (Target::Task, task),
            (None, Some(action)) => (Target::Action, action),
            (task, _) => {
                demand(false, "", "exactly one of `task` and `action`".to_owned());
                (Target::Task, task.unwrap_or_default())
            }
        };
        let jitter_s = put.jitter_s.unwrap_or(JITTER_S);
        let most = cron::MOST_JITTER_S;
        demand(jitter_s <= most, "/jitter_s", format!("at most {most}"));
        let time_zone = put.time_zone.unwrap_or_else(|| cron::UTC.to_owned());
        if let Err(error) = cron::parse(&put.cron) {
            demand(false, "/cron", error.to_string());
        }
        if let Err(error) = cron::zone(&time_zone) {
            demand(false, "/time_zone", error.to_string());
        }
        let payload = put.payload.to_string();
        demand(payload.len() <= MOST_BYTES, "/payload", format!("at most {MOST_BYTES} bytes"));
        if !violations.is_empty() {
            return Err(Failure::invalid(violations));
        }
        match target {
            Target::Task if !version.manifest().jobs.iter().any(|job| job.kind == target_name) => {
                let kinds: Vec<_> = version.manifest().jobs.iter().map(|job| job.kind.as_str()).collect();
                let expected = format!("a kind of job of the plugin: {}", kinds.join(", "));
                return Err(Failure::violation("/task", expected));
            }
            Target::Task => {}
            Target::Action => {
                caller.require(Permission::CallActions)?;
                let Some(schemas) = version.action(&target_name) else {
                    return Err(Failure::violation("/action", "an action of the plugin"));
                };
                schemas.input.validate(&put.payload).map_err(|mut violations| {
                    for violation in &mut violations {
                        violation.pointer.insert_str(0, "/payload");
                    }
                    Failure::invalid(violations)
                })?;
            }
        }
        let now = self.clock.now();
        let mut schedule = Schedule {
            id: ScheduleId::new(&*self.clock, &*self.random),
            org: caller.org,
            plugin: plugin.clone(),
            name: name.to_owned(),
            origin: Origin::Org,
            target,
            target_name,
            payload,
            cron: put.cron,
            time_zone,
            jitter_s,
            missed: put.missed,
            enabled: put.enabled,
            caller: (target == Target::Action).then(|| (*caller).into()),
            next_at: None,
            last_at: None,
            created_at: now,
            updated_at: now,
        };
        schedule.next_at = if schedule.enabled { times::next_after(&schedule, now)? } else { None };
        Ok(schedule)
    }
}

/// What the audit log tells of a schedule: not what its jobs are made with, which may be somebody's data.
fn audited(schedule: &Schedule) -> Value {
    let Schedule { plugin, name, target, target_name, cron, time_zone, missed, enabled, .. } = schedule;
    json!({
        "plugin": plugin, "name": name, "target": target, "target_name": target_name, "cron": cron,
        "time_zone": time_zone, "missed": missed, "enabled": enabled,
    })
}
