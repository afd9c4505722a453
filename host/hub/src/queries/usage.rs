//! Usage: totals by meter, and the records that they are made of.

use patchbay_model::{
    Failure, Permission, PluginId, Timestamp, UsageId,
    run::{Basis, UsageRecord},
};
use serde::Serialize;

use super::{Page, Size};
use crate::{auth::Caller, hub::Hub};

/// Which usage.
#[derive(Debug, Clone, Default)]
pub struct UsageFilter {
    /// Of this plugin.
    pub plugin: Option<PluginId>,
    /// From this time on.
    pub from: Option<Timestamp>,
    /// Before this time.
    pub to: Option<Timestamp>,
    /// Records older than this one; totals do not change with the page.
    pub before: Option<UsageId>,
    /// At most so many records: 1 to 200, default 50.
    pub limit: Option<u32>,
}

/// The sum of a meter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UsageTotal {
    /// Of which plugin.
    pub plugin: PluginId,
    /// Which meter.
    pub meter: String,
    /// One of what; none if no loaded version has this meter.
    pub unit: Option<String>,
    /// How the quantities are known.
    pub basis: Basis,
    /// How many.
    pub quantity: u64,
}

/// Usage of a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UsageView {
    /// By plugin, meter and basis.
    pub totals: Vec<UsageTotal>,
    /// Newest first.
    pub records: Page<UsageRecord>,
}

impl Hub {
    /// The org's usage. Needs the permission `read_activity`.
    pub async fn usage(&self, caller: &Caller, filter: UsageFilter) -> Result<UsageView, Failure> {
        caller.require(Permission::ReadActivity)?;
        let size = Size::new(filter.limit)?;
        let UsageFilter { plugin, from, to, before, .. } = filter;
        let filter = patchbay_storage::UsageFilter { plugin, from, to };
        // one snapshot: the totals are of the records that the pages show
        let mut tx = self.0.database.read().await?;
        let totals = tx.org(caller.org).usage().totals(&filter).await?;
        let records = tx.org(caller.org).usage().list(&filter, before, size.and_one()).await?;
        let totals = totals.into_iter().map(|total| UsageTotal {
            unit: self.unit(&total.plugin, &total.meter),
            plugin: total.plugin,
            meter: total.meter,
            basis: total.basis,
            quantity: total.quantity,
        });
        Ok(UsageView { totals: totals.collect(), records: size.page(records, |record| record.id.to_string()) })
    }

    pub(crate) fn unit(&self, plugin: &PluginId, meter: &str) -> Option<String> {
        let catalogue = self.0.registry.catalogue();
        let mut meters = catalogue.versions(plugin).iter().flat_map(|loaded| &loaded.plugin.manifest().meters);
        meters.find(|known| known.name == meter).map(|known| known.unit.clone())
    }
}
