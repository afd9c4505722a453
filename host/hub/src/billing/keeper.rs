//! The hub, as the plugin that it is paid through sees it.

use std::{fmt, sync::Arc};

use patchbay_model::{
    OrgId, PluginId, ReadingId, Timestamp,
    billing::{DaySum, DueReading, Entry, Notice, Subscription},
    plan::Metric,
};
use patchbay_runtime::{Entitlements, OrgPage, Told};

use crate::hub::Inner;

struct Keeper(Arc<Inner>);

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper").finish_non_exhaustive()
    }
}

impl Inner {
    /// What a call of this plugin in this org may tell of organizations' plans; nothing, unless it is the one that the hub is paid
    /// through.
    pub(crate) fn entitlements_of(&self, org: OrgId, plugin: &PluginId) -> Option<Arc<dyn Entitlements>> {
        let seller = self.config.plans.seller()?;
        if seller.org != org || seller.plugin != *plugin {
            return None;
        }
        let hub = self.this.upgrade()?;
        Some(Arc::new(Keeper(hub)))
    }
}

impl Entitlements for Keeper {
    fn begin(&self, org: OrgId) -> Told<'_, u64> {
        Box::pin(self.0.begin_entitlement(org))
    }

    fn apply(&self, org: OrgId, number: u64, subscription: Subscription) -> Told<'_, bool> {
        Box::pin(self.0.apply_entitlement(org, number, subscription))
    }

    fn note(&self, org: OrgId, entries: Vec<Entry>, notices: Vec<Notice>) -> Told<'_, ()> {
        Box::pin(self.0.note_billing(org, entries, notices))
    }

    fn due_readings(&self, after: Option<OrgId>) -> Told<'_, OrgPage<DueReading>> {
        Box::pin(self.0.due_readings(after))
    }

    fn settle_reading(&self, org: OrgId, reading: ReadingId, refusal: Option<String>) -> Told<'_, ()> {
        Box::pin(self.0.settle_reading(org, reading, refusal))
    }

    fn day_sums(&self, day: Timestamp, after: Option<OrgId>) -> Told<'_, OrgPage<DaySum>> {
        Box::pin(self.0.day_sums(day, after))
    }

    fn compare_day(&self, org: OrgId, metric: Metric, day: Timestamp, units: u64) -> Told<'_, i64> {
        Box::pin(self.0.compare_day(org, metric, day, units))
    }
}
