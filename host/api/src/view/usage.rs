//! What runs used.

use patchbay_hub::{UsageTotal, UsageView};
use patchbay_model::{PluginId, RunId, Timestamp, UsageId, run};
use serde::Serialize;
use utoipa::ToSchema;

use super::Page;

/// Totals over the asked time, and the records behind them, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Usage {
    /// One per plugin, meter and basis.
    totals: Vec<Total>,
    /// The records.
    records: Page<UsageRecord>,
}

/// A sum.
#[derive(Debug, Serialize, ToSchema)]
struct Total {
    /// Of which plugin.
    #[schema(value_type = String, example = "openai")]
    plugin: PluginId,
    /// Which meter of the plugin.
    #[schema(example = "input_tokens")]
    meter: String,
    /// One of what; null when no loaded version has the meter.
    #[schema(example = "token")]
    unit: Option<String>,
    /// `reported` by the vendor, or `estimated` because its report never came.
    basis: &'static str,
    /// How many units.
    quantity: u64,
}

/// One metered quantity.
#[derive(Debug, Serialize, ToSchema)]
struct UsageRecord {
    /// Its id.
    #[schema(value_type = String)]
    id: UsageId,
    /// Of which plugin.
    #[schema(value_type = String, example = "openai")]
    plugin: PluginId,
    /// By which run.
    #[schema(value_type = String)]
    run: RunId,
    /// Which meter of the plugin.
    meter: String,
    /// How many of the meter's units.
    quantity: u64,
    /// `reported` or `estimated`.
    basis: &'static str,
    /// The plugin's own id of it, which makes a repeat harmless.
    dedupe: Option<String>,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

impl From<UsageView> for Usage {
    fn from(view: UsageView) -> Self {
        let UsageView { totals, records } = view;
        Self { totals: super::all(totals), records: records.into() }
    }
}

impl From<UsageTotal> for Total {
    fn from(total: UsageTotal) -> Self {
        let UsageTotal { plugin, meter, unit, basis, quantity } = total;
        Self { plugin, meter, unit, basis: basis.as_str(), quantity }
    }
}

impl From<run::UsageRecord> for UsageRecord {
    fn from(record: run::UsageRecord) -> Self {
        let run::UsageRecord { id, org: _, plugin, run, meter, quantity, basis, dedupe, at } = record;
        Self { id, plugin, run, meter, quantity, basis: basis.as_str(), dedupe, at }
    }
}
