//! Whether a call may begin, as far as the org's plan has a say.
//!
//! On the warm path of every call, so it is comparisons: no query, no lock, no text unless it refuses.

use std::{collections::BTreeMap, sync::Arc};

use patchbay_model::{
    ApiKeyId, Code, Failure, PluginId,
    plan::{Counts, Metric},
};
use patchbay_package::{
    Manifest,
    manifest::{Action, Estimate, Route},
};

use super::{catalogue::Feature, refusal, standing::Standing, tally::Running};
use crate::{auth::Caller, hub::Hub};

/// What is called.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Operation<'a> {
    /// A typed operation.
    Action(&'a Action),
    /// A request in the vendor's shape.
    Route(&'a Route),
    /// A look at what the vendor has, for somebody who sets a sync up.
    Sync,
}

impl<'a> Operation<'a> {
    /// What its manifest says that it may meter.
    pub(crate) fn estimates(self) -> Option<&'a BTreeMap<String, Estimate>> {
        match self {
            Self::Action(action) => action.estimate.as_ref(),
            Self::Route(route) => route.estimate.as_ref(),
            Self::Sync => None,
        }
    }
}

/// What a call may meter, as far as plans know of it.
pub(crate) fn meters<'a>(
    manifest: &'a Manifest,
    operation: Operation<'a>,
) -> impl Iterator<Item = (&'a str, Counts, Option<&'a Estimate>)> {
    let estimates = operation.estimates();
    manifest.meters.iter().filter_map(move |meter| {
        let estimate = match estimates {
            Some(estimates) => Some(estimates.get(&meter.name)?),
            None => None,
        };
        Some((meter.name.as_str(), meter.counts()?, estimate))
    })
}

/// A call that may begin.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) standing: Arc<Standing>,
    /// The key whose budgets it spends of, if it was called with one.
    pub(crate) key: Option<ApiKeyId>,
    _running: Running,
}

impl Hub {
    /// Lets a call begin. `plan_required` if the org's plan lacks the plugin, the action or the proxy;
    /// `plan_limit_reached` if something that it may use is used up.
    pub(crate) async fn admit_by_plan(
        &self,
        caller: &Caller,
        manifest: &Manifest,
        operation: Operation<'_>,
    ) -> Result<Admitted, Failure> {
        let hub = &*self.0;
        let standing = hub.standing(caller.org).await?;
        self.check_features(&standing, manifest, operation)?;
        let (running, in_flight) = standing.tally.begin();
        if !standing.plan.stops_nowhere() {
            self.check_limits(&standing, manifest, operation, in_flight).await?;
        }
        Ok(Admitted { standing, key: caller.spends_as, _running: running })
    }

    fn check_features(
        &self,
        standing: &Standing,
        manifest: &Manifest,
        operation: Operation<'_>,
    ) -> Result<(), Failure> {
        let (plans, now) = (&self.0.config.plans, || self.0.clock.now());
        let id = &manifest.id;
        if let Some(lowest) = plans.lowest_for(id, None, manifest.plan.as_deref()) {
            refusal::unless_has(standing, lowest, now(), || of_plugin(id))?;
        }
        match operation {
            Operation::Action(action) => {
                if let Some(lowest) = plans.lowest_for(id, Some(&action.name), action.plan.as_deref()) {
                    refusal::unless_has(standing, lowest, now(), || format!("action:{id}/{}", action.name))?;
                }
            }
            Operation::Route(_) => {
                if let Some(lowest) = plans.lowest_with(Feature::Proxy) {
                    refusal::unless_has(standing, lowest, now(), || Feature::Proxy.as_str().to_owned())?;
                }
            }
            // whoever has the plugin has its syncs
            Operation::Sync => {}
        }
        Ok(())
    }

    async fn check_limits(
        &self,
        standing: &Arc<Standing>,
        manifest: &Manifest,
        operation: Operation<'_>,
        in_flight: u64,
    ) -> Result<(), Failure> {
        let Some(used) = self.used(standing).await else { return Ok(()) };
        let full = |metric: Metric, running: u64| {
            let stop = standing.plan.stops_at(metric)?;
            let units = used.units(metric);
            (units.saturating_add(running) > stop).then_some((metric, stop, units))
        };
        // with this call there would be more calls than there may be; of anything else, one more unit
        let reached = full(Metric::Calls, in_flight)
            .or_else(|| meters(manifest, operation).find_map(|(_, counts, _)| full(counts.metric, 1)));
        match reached {
            Some(reached) => Err(refusal::limit_reached(&self.0.config.plans, standing, used.period, reached)),
            None => Ok(()),
        }
    }

    /// Whether the org may have so many of something that is there or not, as its endpoints: `plan_limit_reached` if its
    /// plan includes fewer. For whoever adds one; what is above a limit already stays.
    pub async fn allow_standing(&self, caller: &Caller, metric: Metric, wanted: u64) -> Result<(), Failure> {
        let standing = self.0.standing(caller.org).await?;
        match standing.plan.stops_at(metric) {
            Some(stop) if wanted > stop => {
                let (period, used) = (standing.period(self.0.clock.now()), wanted.saturating_sub(1));
                Err(refusal::limit_reached(&self.0.config.plans, &standing, period, (metric, stop, used)))
            }
            _ => Ok(()),
        }
    }

    /// Fails with `plan_required` unless the org's plan has the plugin. `manifest` is that of the version that it would
    /// get.
    pub(crate) async fn check_plan_of(&self, caller: &Caller, manifest: &Manifest) -> Result<(), Failure> {
        let plans = &self.0.config.plans;
        let Some(lowest) = plans.lowest_for(&manifest.id, None, manifest.plan.as_deref()) else { return Ok(()) };
        let standing = self.0.standing(caller.org).await?;
        refusal::unless_has(&standing, lowest, self.0.clock.now(), || of_plugin(&manifest.id))
    }
}

fn of_plugin(id: &PluginId) -> String {
    format!("plugin:{id}")
}

/// The action of this name.
pub(crate) fn action_of<'a>(manifest: &'a Manifest, name: &str) -> Result<&'a Action, Failure> {
    manifest.actions.iter().find(|action| action.name == name).ok_or_else(|| no_action(manifest, name))
}

/// There is no action of this name.
pub(crate) fn no_action(manifest: &Manifest, name: &str) -> Failure {
    Failure::new(
        Code::ActionNotFound,
        format!("version {} of `{}` has no action `{name}`", manifest.version, manifest.id),
    )
}

#[cfg(test)]
mod tests;
