//! An org's plan as people see it.

use std::sync::Arc;

use patchbay_model::{Failure, OrgId, Permission, Timestamp, period::Period};

use super::catalogue::{Feature, Plan, Plans};
use crate::{auth::Caller, hub::Hub};

/// What an org has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanView {
    /// Its plan.
    pub plan: Arc<Plan>,
    /// Three letters (ISO 4217), of all prices.
    pub currency: String,
    /// When its billing cycle began.
    pub anchor: Timestamp,
    /// The present billing period.
    pub period: Period,
    /// What a plan can lack, and whether this one has it.
    pub features: Vec<FeatureView>,
    /// The names of all plans, by rank.
    pub plans: Vec<String>,
}

/// Something that a plan can lack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeatureView {
    /// `proxy`, or `plugin:` and an id, or `action:` and plugin/action.
    pub name: String,
    /// The plan has it.
    pub included: bool,
    /// The lowest plan that has it.
    pub lowest_plan: String,
}

impl Hub {
    /// The org's plan. Needs the permission `read_settings`.
    pub async fn plan(&self, caller: &Caller) -> Result<PlanView, Failure> {
        caller.require(Permission::ReadSettings)?;
        self.plan_of(caller.org).await
    }

    /// The plan of an org; `not_found` if there is none. For the operator.
    pub async fn plan_of(&self, org: OrgId) -> Result<PlanView, Failure> {
        let standing = self.0.standing(org).await?;
        let plans = &self.0.config.plans;
        Ok(PlanView {
            plan: Arc::clone(&standing.plan),
            currency: plans.currency().to_owned(),
            anchor: standing.anchor,
            period: standing.period(self.0.clock.now()),
            features: features(plans, &standing.plan),
            plans: plans.iter().map(|plan| plan.name.clone()).collect(),
        })
    }

    /// All plans, by rank, and the currency of their prices.
    #[must_use]
    pub fn plans(&self) -> &Plans {
        &self.0.config.plans
    }
}

/// Those of the hub and those that the operator named; what manifests ask for is shown when it is refused.
fn features(plans: &Plans, plan: &Plan) -> Vec<FeatureView> {
    let of_hub =
        Feature::ALL.into_iter().filter_map(|feature| Some((feature.as_str().to_owned(), plans.lowest_with(feature)?)));
    let of_plugins = plans.plugins.iter().flat_map(|(id, needs)| {
        let whole = needs.whole.iter().map(move |lowest| (format!("plugin:{id}"), lowest));
        let mut actions: Vec<_> =
            needs.actions.iter().map(|(name, lowest)| (format!("action:{id}/{name}"), lowest)).collect();
        actions.sort_by(|(one, _), (other, _)| one.cmp(other));
        whole.chain(actions)
    });
    let view = |(name, lowest): (String, &Arc<Plan>)| FeatureView {
        name,
        included: plan.rank >= lowest.rank,
        lowest_plan: lowest.name.clone(),
    };
    of_hub.chain(of_plugins).map(view).collect()
}
