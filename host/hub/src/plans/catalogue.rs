//! The plans that this hub has, by rank, and which features need which.
//!
//! They are configuration, so all hubs on a database have to be given the same. A plan that is named somewhere and not
//! there is an error at the start and not a surprise at a call.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use patchbay_model::{
    OrgId, PluginId,
    plan::{Metric, Price},
};

use super::settings::{Billing, InvalidPlans, PlanSettings};

/// No plan has a sync look more often than once in so many seconds.
pub(crate) const LEAST_SYNC_S: u32 = 15;

/// What an org gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Its name: `a-z`, `0-9`, `_`, `-`.
    pub name: String,
    /// Its place among the others: a plan has all that those below it have.
    pub rank: u32,
    /// What a billing period costs, in minor units.
    pub price: u64,
    /// What a billing period includes, by [`Metric::index`]; none: no limit.
    pub limits: [Option<u64>; Metric::ALL.len()],
    /// What more than that costs, by [`Metric::index`]; none: there is no more than that.
    pub overage: [Option<Price>; Metric::ALL.len()],
    /// For how many days deliveries to endpoints are kept; 0: for ever; none: as the configuration says.
    pub delivery_days: Option<u32>,
    /// Rows that one export may have; none: no limit.
    pub max_export_rows: Option<u64>,
    /// How often a sync may look for what has changed, at the most: once in so many seconds, at least 15.
    pub sync_every_s: u32,
}

impl Plan {
    /// What a billing period includes; none: no limit.
    #[must_use]
    pub fn limit(&self, metric: Metric) -> Option<u64> {
        self.limits.get(metric.index()).copied().flatten()
    }

    /// What units above the limit cost; none: they are refused.
    #[must_use]
    pub fn overage(&self, metric: Metric) -> Option<Price> {
        self.overage.get(metric.index()).copied().flatten()
    }

    /// Where calls end: the limit, if nothing may go above it.
    #[must_use]
    pub fn stops_at(&self, metric: Metric) -> Option<u64> {
        if self.overage(metric).is_some() { None } else { self.limit(metric) }
    }

    /// True if there is nothing to count for.
    pub(crate) fn stops_nowhere(&self) -> bool {
        Metric::ALL.iter().all(|metric| self.stops_at(*metric).is_none())
    }
}

/// What the hub itself has that a plan can lack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Feature {
    /// Vendors' own APIs through the hub.
    Proxy,
    /// Budgets of the org's own.
    Budgets,
    /// Pinning an installation to a version or a range.
    VersionPolicy,
    /// A client of the org's own at an OAuth vendor.
    OwnOauthClient,
    /// Live translation of calls.
    LiveTranslation,
}

impl Feature {
    /// Every feature.
    pub const ALL: [Self; 5] =
        [Self::Proxy, Self::Budgets, Self::VersionPolicy, Self::OwnOauthClient, Self::LiveTranslation];

    /// The feature as text, as in the configuration and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Proxy => "proxy",
            Self::Budgets => "budgets",
            Self::VersionPolicy => "version_policy",
            Self::OwnOauthClient => "own_oauth_client",
            Self::LiveTranslation => "live_translation",
        }
    }
}

/// What a plugin needs, by the operator's word.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct OfPlugin {
    pub(super) whole: Option<Arc<Plan>>,
    pub(super) actions: HashMap<String, Arc<Plan>>,
}

/// Through which org and which plugin of it the operator is paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seller {
    /// The operator's own org.
    pub org: OrgId,
    /// Installed there.
    pub plugin: PluginId,
}

/// All plans of the hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plans {
    /// By rank; never empty.
    pub(super) plans: Vec<Arc<Plan>>,
    pub(super) default: Arc<Plan>,
    pub(super) highest: Arc<Plan>,
    pub(super) currency: String,
    pub(super) owners_choose: bool,
    pub(super) seller: Option<Seller>,
    pub(super) features: BTreeMap<Feature, Arc<Plan>>,
    pub(super) plugins: BTreeMap<String, OfPlugin>,
}

impl Default for Plans {
    #[expect(clippy::expect_used, reason = "constants, and a test of them")]
    fn default() -> Self {
        Self::new(&Billing::default(), &BTreeMap::<String, PlanSettings>::new(), &BTreeMap::new())
            .expect("the built-in plans are valid")
    }
}

impl Plans {
    /// The plans of a configuration: `[billing]`, `[plans]` and `[features]`.
    ///
    /// # Errors
    /// The first key that is wrong, and what is right there.
    pub fn new(
        billing: &Billing,
        plans: &BTreeMap<String, PlanSettings>,
        features: &BTreeMap<String, String>,
    ) -> Result<Self, InvalidPlans> {
        super::settings::read(billing, plans, features)
    }

    /// The plan of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<Plan>> {
        self.plans.iter().find(|plan| plan.name == name)
    }

    /// All of them, by rank.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Plan>> {
        self.plans.iter()
    }

    /// The plan of an org that was never given one.
    #[must_use]
    pub const fn default_plan(&self) -> &Arc<Plan> {
        &self.default
    }

    /// Three letters (ISO 4217), of all prices.
    #[must_use]
    pub fn currency(&self) -> &str {
        &self.currency
    }

    /// Through whom plans are sold; none: the operator gives them.
    #[must_use]
    pub const fn seller(&self) -> Option<&Seller> {
        self.seller.as_ref()
    }

    /// The lowest plan that has a feature of the hub; none: every plan has it.
    #[must_use]
    pub fn lowest_with(&self, feature: Feature) -> Option<&Arc<Plan>> {
        self.features.get(&feature)
    }

    /// The lowest plan that may use a plugin, or with `action` call it: what the operator says, or else the manifest. A
    /// plan of the manifest that is not configured stands for the highest one. None: every plan.
    pub(crate) fn lowest_for<'a>(
        &'a self,
        plugin: &PluginId,
        action: Option<&str>,
        manifest: Option<&str>,
    ) -> Option<&'a Arc<Plan>> {
        let of_plugin = self.plugins.get(plugin.as_str());
        let configured = of_plugin.and_then(|of_plugin| match action {
            Some(action) => of_plugin.actions.get(action),
            None => of_plugin.whole.as_ref(),
        });
        configured.or_else(|| manifest.map(|name| self.get(name).unwrap_or(&self.highest)))
    }

    /// The lowest plan above this one that goes on where this one stops.
    pub(crate) fn lowest_beyond(&self, plan: &Plan, metric: Metric) -> Option<&Arc<Plan>> {
        let stop = plan.stops_at(metric)?;
        let beyond = |other: &&Arc<Plan>| other.stops_at(metric).is_none_or(|other| other > stop);
        self.plans.iter().filter(|other| other.rank > plan.rank).find(beyond)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_higher_plan_has_at_least_what_a_lower_one_has() {
        let plans = Plans::default();
        let names: Vec<_> = plans.iter().map(|plan| plan.name.as_str()).collect();
        assert_eq!(names, ["free", "starter", "pro", "business", "enterprise"]);
        for pair in plans.plans.windows(2) {
            for metric in Metric::ALL {
                let (lower, higher) = (pair[0].limit(metric), pair[1].limit(metric));
                assert!(higher.is_none() || (lower.is_some() && lower <= higher), "{} {metric}", pair[1].name);
            }
            assert!(pair[0].max_export_rows < pair[1].max_export_rows, "{}", pair[1].name);
            let (rows, all) = (pair[0].max_export_rows, pair[0].limit(Metric::ExportRows));
            assert!(rows <= all, "{}: a full export fits into a period", pair[0].name);
            assert!(pair[0].sync_every_s >= pair[1].sync_every_s, "{}", pair[1].name);
        }
        assert!(plans.default_plan().stops_nowhere(), "who sells no plans has no limits");
    }

    #[test]
    fn a_plan_of_a_manifest_that_is_not_configured_stands_for_the_highest() {
        let plans = Plans::default();
        let plugin = "openai".parse().unwrap();
        let name = |manifest| plans.lowest_for(&plugin, None, manifest).map(|plan| plan.name.as_str());
        assert_eq!((name(None), name(Some("pro")), name(Some("platinum"))), (None, Some("pro"), Some("enterprise")));
    }

    #[test]
    fn the_lowest_plan_that_goes_on_is_named() {
        let plans = Plans::default();
        let beyond =
            |name: &str, metric| plans.lowest_beyond(plans.get(name).unwrap(), metric).map(|plan| plan.name.as_str());
        assert_eq!(beyond("free", Metric::Calls), Some("starter"));
        assert_eq!(beyond("starter", Metric::AiTokens), Some("pro"));
        assert_eq!(beyond("enterprise", Metric::Calls), None);
    }
}
