//! How an org stands: its plan, its cycle, its budgets, and what it has used. Cached, because each call asks.

use std::{sync::Arc, time::Duration};

use moka::future::Cache;
use patchbay_model::{Code, Failure, OrgId, Timestamp, budget::Budget, period::Period};
use patchbay_storage::OrgPlan;

use super::{
    catalogue::{Feature, Plan},
    refusal,
    tally::Tally,
};
use crate::{
    hub::{Hub, Inner},
    read_through::ReadThrough,
    start_error::StartError,
};

/// How long the live sums of an org that does nothing are kept.
const IDLE_TIME: Duration = Duration::from_secs(3600);

/// By org.
pub(crate) struct Standings {
    read: ReadThrough<OrgId, Standing>,
    /// Apart, because two who read how an org stands at the same time must count in the same place.
    tallies: Cache<OrgId, Arc<Tally>>,
}

impl Standings {
    /// At most `capacity` orgs, what was read for at most `time_to_live`.
    pub(crate) fn new(capacity: u64, time_to_live: Duration) -> Self {
        let tallies = Cache::builder().max_capacity(capacity).time_to_idle(IDLE_TIME).build();
        Self { read: ReadThrough::new(capacity, time_to_live), tallies }
    }

    async fn tally(&self, org: OrgId) -> Arc<Tally> {
        self.tallies.get_with(org, std::future::ready(Arc::default())).await
    }

    /// Call after a change to an org's plan or budgets is committed.
    pub(crate) async fn invalidate(&self, org: &OrgId) {
        self.read.invalidate(org).await;
    }

    /// Call after a change to orgs that are not known.
    pub(crate) fn invalidate_all(&self) {
        self.read.invalidate_all();
    }

    /// Lets go of what was invalidated.
    pub(crate) async fn sweep(&self) {
        self.read.sweep().await;
        self.tallies.run_pending_tasks().await;
    }
}

/// How an org stands.
#[derive(Debug)]
pub(crate) struct Standing {
    pub(crate) org: OrgId,
    pub(crate) plan: Arc<Plan>,
    pub(crate) anchor: Timestamp,
    /// Of most orgs there are none.
    pub(crate) budgets: Vec<Budget>,
    pub(crate) tally: Arc<Tally>,
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
            let tally = self.standings.tally(org).await;
            Ok::<_, Failure>(Some(Standing { org, plan, anchor, budgets, tally }))
        };
        let found = self.standings.read.get(&org, load).await?;
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

    /// Does the org's plan have the feature?
    pub(crate) async fn has_feature(&self, org: OrgId, feature: Feature) -> Result<bool, Failure> {
        let Some(lowest) = self.config.plans.lowest_with(feature) else { return Ok(true) };
        Ok(self.standing(org).await?.plan.rank >= lowest.rank)
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
