//! Schedules: jobs that are made by the clock.
//!
//! The next time of a schedule is computed when it is put and moved on in the transaction that makes the job: of several hubs
//! that see it due, one moves it, and a time has one job at most. What a plugin's manifest asks for is there with its
//! installation and follows the version that it runs, until the org puts something else in its place.

pub(crate) mod clock;
pub(crate) mod defaults;
mod put;
mod times;

use std::sync::Arc;

use patchbay_model::{Failure, Permission, PluginId, ScheduleId, schedule::Schedule};
use tokio::sync::Notify;

pub use put::PutSchedule;

use crate::{
    auth::Caller,
    hub::Hub,
    queries::{Page, Size, not_found},
};

/// Rings when a schedule was put.
#[derive(Clone, Default)]
pub(crate) struct Bell(Arc<Notify>);

impl Bell {
    pub(crate) fn ring(&self) {
        self.0.notify_one();
    }
}

/// Which schedules.
#[derive(Debug, Clone, Default)]
pub struct ScheduleFilter {
    /// Of this plugin.
    pub plugin: Option<PluginId>,
    /// Made before this one.
    pub before: Option<ScheduleId>,
    /// At most so many: 1 to 200, default 50.
    pub limit: Option<u32>,
}

impl Hub {
    /// The org's schedules, newest first. Needs the permission `read_settings`.
    pub async fn schedules(&self, caller: &Caller, filter: ScheduleFilter) -> Result<Page<Schedule>, Failure> {
        caller.require(Permission::ReadSettings)?;
        let size = Size::new(filter.limit)?;
        let mut tx = self.0.database.read().await?;
        let found = tx.org(caller.org).schedules().list(filter.plugin.as_ref(), filter.before, size.and_one()).await?;
        Ok(size.page(found, |schedule| schedule.id.to_string()))
    }

    /// A schedule of the org, by its plugin and name; `not_found` if there is none. Needs the permission `read_settings`.
    pub async fn schedule(&self, caller: &Caller, plugin: &PluginId, name: &str) -> Result<Schedule, Failure> {
        caller.require(Permission::ReadSettings)?;
        let mut tx = self.0.database.read().await?;
        tx.org(caller.org).schedules().named(plugin, name).await?.ok_or_else(|| not_found("schedule"))
    }
}

#[cfg(test)]
mod tests;
