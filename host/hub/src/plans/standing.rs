//! How an org stands: its plan, its cycle, its budgets, and what it has used. Cached, because each call asks.

use std::sync::Arc;

use patchbay_model::{Code, Failure, OrgId, Timestamp, budget::Budget, period::Period};
use patchbay_storage::OrgPlan;

use super::{
    catalogue::{Feature, Plan},
    refusal,
    tally::Tally,
};
use crate::{
    hub::{Hub, Inner, StartError},
    read_through::ReadThrough,
};

/// By org.
pub(crate) type Standings = ReadThrough<OrgId, Standing>;

/// How an org stands.
#[derive(Debug)]
pub(crate) struct Standing {
    pub(crate) org: OrgId,
    pub(crate) plan: Arc<Plan>,
    pub(crate) anchor: Timestamp,
    /// Of most orgs there are none.
    pub(crate) budgets: Vec<Budget>,
    pub(crate) tally: Tally,
}

impl Standing {
    /// The billing period that an instant is in.
    pub(crate) fn period(&self, at: Timestamp) -> Period {
        Period::containing(self.anchor, at)
    }
}

impl Inner {
    /// How the org stands; no query if it was asked within the minute and nothing changed.
    pub(crate) async fn standing(&self, org: OrgId) -> Result<Arc<Standing>, Failure> {
        let load = || async {
            let mut tx = self.database.read().await?;
            let mut ours = tx.org(org);
            let Some(given) = ours.plans().current().await? else { return Ok(None) };
            let budgets = ours.budgets().list().await?;
            let OrgPlan { plan, anchor } = given;
            let plan = self.plan_named(org, plan.as_deref());
            Ok::<_, Failure>(Some(Standing { org, plan, anchor, budgets, tally: Tally::default() }))
        };
        let found = self.standings.get(&org, load).await?;
        found.ok_or_else(|| Failure::new(Code::NotFound, "there is no such organization"))
    }

    /// The plan of this name, or the one of orgs that were never given one. A name that is not configured is refused when
    /// a hub starts; here another hub, with another configuration, has given it.
    pub(crate) fn plan_named(&self, org: OrgId, name: Option<&str>) -> Arc<Plan> {
        let plans = &self.config.plans;
        let Some(name) = name else { return Arc::clone(plans.default_plan()) };
        plans.get(name).cloned().unwrap_or_else(|| {
            tracing::error!(org.id = %org, plan = name, "an organization has a plan that is not configured here");
            Arc::clone(plans.default_plan())
        })
    }

    /// Fails with `plan_required` unless the org's plan has the feature.
    pub(crate) async fn require_feature(&self, org: OrgId, feature: Feature) -> Result<(), Failure> {
        let Some(lowest) = self.config.plans.lowest_with(feature) else { return Ok(()) };
        let standing = self.standing(org).await?;
        refusal::unless_has(&standing, lowest, self.clock.now(), || feature.as_str().to_owned())
    }
}

impl Hub {
    /// Fails if an org has a plan that is not configured: it would be without limits, or without what it pays for.
    pub(crate) async fn check_plans_in_use(&self) -> Result<(), StartError> {
        let mut tx = self.0.database.read().await?;
        for (plan, orgs) in tx.hub().plans_in_use().await? {
            if self.0.config.plans.get(&plan).is_none() {
                return Err(StartError::UnknownPlan { plan, orgs });
            }
        }
        Ok(())
    }
}
