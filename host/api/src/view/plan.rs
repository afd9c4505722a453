//! Plans.

use patchbay_hub::{FeatureView, PlanView};
use patchbay_model::{BudgetId, Timestamp, period, plan};
use serde::Serialize;
use utoipa::ToSchema;

/// The org's plan, and what it includes in a billing period.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Plan {
    /// Its name.
    #[schema(example = "pro")]
    name: String,
    /// What a billing period costs, in minor units of the currency.
    price: u64,
    /// Of all prices: three letters (ISO 4217).
    #[schema(example = "USD")]
    currency: String,
    /// The present billing period.
    period: Period,
    /// When the org's billing cycle began. One that began on the 31st ends on the last day of shorter months.
    #[schema(value_type = String, format = DateTime)]
    anchor: Timestamp,
    /// What the plan includes, metric by metric.
    limits: Vec<Limit>,
    /// Rows that one export may have; null: no limit.
    max_export_rows: Option<u64>,
    /// How often a sync may look for what has changed: once in so many seconds.
    sync_every_s: u32,
    /// What a plan can lack.
    features: Vec<Feature>,
    /// The names of all plans, the lowest first.
    plans: Vec<String>,
}

/// A billing period.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Period {
    /// Its first instant.
    #[schema(value_type = String, format = DateTime)]
    starts_at: Timestamp,
    /// The first instant of the next one.
    #[schema(value_type = String, format = DateTime)]
    ends_at: Timestamp,
}

/// What a plan includes of a metric.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Limit {
    /// Which.
    #[schema(value_type = String, example = "ai_tokens")]
    metric: plan::Metric,
    /// So many units in a billing period, or of `endpoints` at once; null: no limit.
    limit: Option<u64>,
    /// What more than that costs; null: there is no more.
    overage: Option<Price>,
}

/// `price` minor units for each `per` units, in proportion.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Price {
    /// In minor units of the currency.
    price: u64,
    /// For so many units.
    per: u64,
}

/// Something that a plan can lack.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Feature {
    /// `proxy`, `budgets`, `version_policy`, `own_oauth_client`, `live_translation`, or `plugin:` and an id, or `action:` and plugin/action.
    name: String,
    /// The org's plan has it.
    included: bool,
    /// The lowest plan that has it.
    lowest_plan: String,
}

/// What the org's plan or a budget does not allow, and what would.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes patchbay_model::Entitlement, which problem documents serialise as it is")]
pub(crate) struct Entitlement {
    /// The feature that is missing.
    feature: Option<String>,
    /// The limit that is reached: a metric.
    #[schema(value_type = Option<String>)]
    limit: Option<plan::Metric>,
    /// The budget that is used up.
    #[schema(value_type = Option<String>)]
    budget: Option<BudgetId>,
    /// What the limit or the budget allows.
    allowed: Option<u64>,
    /// What is used of it.
    used: Option<u64>,
    /// The org's plan.
    plan: String,
    /// The lowest plan that has the feature, or goes on where this one stops.
    lowest_plan: Option<String>,
    /// When the billing period ends, and what was used begins anew.
    #[schema(value_type = Option<String>, format = DateTime)]
    period_ends_at: Option<Timestamp>,
}

impl From<PlanView> for Plan {
    fn from(view: PlanView) -> Self {
        let PlanView { plan, currency, anchor, period, features, plans } = view;
        let limit = |metric: plan::Metric| Limit {
            metric,
            limit: plan.limit(metric),
            overage: plan.overage(metric).map(Price::from),
        };
        Self {
            limits: plan::Metric::ALL.into_iter().map(limit).collect(),
            max_export_rows: plan.max_export_rows,
            sync_every_s: plan.sync_every_s,
            name: plan.name.clone(),
            price: plan.price,
            currency,
            period: period.into(),
            anchor,
            features: super::all(features),
            plans,
        }
    }
}

impl From<FeatureView> for Feature {
    fn from(view: FeatureView) -> Self {
        let FeatureView { name, included, lowest_plan } = view;
        Self { name, included, lowest_plan }
    }
}

impl From<period::Period> for Period {
    fn from(period: period::Period) -> Self {
        let period::Period { starts_at, ends_at } = period;
        Self { starts_at, ends_at }
    }
}

impl From<plan::Price> for Price {
    fn from(price: plan::Price) -> Self {
        let plan::Price { price, per } = price;
        Self { price, per }
    }
}
