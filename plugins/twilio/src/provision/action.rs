//! Numbers for subscriptions of the organization's own, and the end of any.

use patchbay_sdk::{Call, Error, clock, jobs};

use super::claim::{self, Claim, State, Stored};
use super::follow::{self, Order, Standing};
use crate::config::Config;
use crate::types::provisioning::{Claims, Deprovision, Provision, Source};

/// Begins a subscription: claims its numbers, and has jobs get them.
pub(crate) fn provision(call: Call<Provision>) -> Result<Claims, Error> {
    let config = Config::load()?;
    let Some(wanted) = &config.provisioning else {
        return Err(Error::invalid("", "settings that say it: set `provisioning`"));
    };
    let standing = Standing {
        source: Source::Own.as_str(),
        subscription: call.input.subscription,
        wanted: true,
        as_of: clock::now(),
        over: false,
        grace_hours: wanted.grace_hours,
    };
    Ok(Claims { claims: follow::apply(&config, wanted, &standing)? })
}

/// Ends a subscription: its numbers are given back when the grace is over. Works without the settings that began it.
pub(crate) fn deprovision(call: Call<Deprovision>) -> Result<Claims, Error> {
    let config = Config::load()?;
    let Deprovision { subscription, source, at_once } = call.input;
    let now = clock::now();
    let grace_hours = config.provisioning.as_ref().map_or(0, |wanted| wanted.grace_hours);
    let release_at = now.saturating_add(if at_once { 0 } else { u64::from(grace_hours) * 3_600_000 });
    let mut claims = Vec::new();
    for index in 1.. {
        let Some(mut stored) = Stored::get(&claim::id(source.as_str(), &subscription, index))? else { break };
        end(&mut stored.claim, now, release_at);
        stored.put()?;
        // one that waits for the end of a grace would look too late
        jobs::Plan::new().enqueue(follow::JOB, &Order { claim: stored.id.clone() })?;
        claims.push(stored.id);
    }
    if claims.is_empty() {
        return Err(Error::invalid("/subscription", "one that has claims"));
    }
    Ok(Claims { claims })
}

fn end(claim: &mut Claim, now: u64, release_at: u64) {
    claim.wanted = false;
    claim.as_of = claim.as_of.max(now);
    claim.release_at = Some(claim.release_at.map_or(release_at, |before| before.min(release_at)));
    if claim.state == State::Refused {
        claim.state = State::Released;
    }
}
