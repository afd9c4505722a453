//! What subscriptions decide: who has a right to numbers, and who no longer.
//!
//! Events come twice and in any order. So a claim keeps when what decided it happened, and takes over only what is newer; a
//! subscription that is over for good stays so whatever comes after it.

use patchbay_sdk::clock::{self, Timestamp};
use patchbay_sdk::{Error, events, jobs, log};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::claim::{self, Claim, State, Stored};
use crate::config::{Config, Follow, Provisioning};
use crate::mark;

/// The kind of job in the manifest.
pub(crate) const JOB: &str = "number";

const HOUR_MS: u64 = 3_600_000;

/// Which claim a job is for.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) claim: String,
}

/// What is known of a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) source: &'static str,
    pub(crate) subscription: String,
    /// It has a right to numbers.
    pub(crate) wanted: bool,
    /// When that was so.
    pub(crate) as_of: Timestamp,
    /// It never comes back.
    pub(crate) over: bool,
    /// For how long its numbers stay if it has none, in hours.
    pub(crate) grace_hours: u32,
}

/// `billing.plan_changed`, as far as it matters.
#[derive(Deserialize)]
struct PlanChanged {
    new: String,
    status: String,
}

/// `stripe.customer.subscription.*`, as far as it matters.
#[derive(Deserialize)]
struct Subscribed {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    occurred_at: Option<Timestamp>,
    #[serde(default)]
    object: Option<Subscription>,
}

/// A subscription of Stripe's, as far as it matters.
#[derive(Debug, Deserialize)]
pub(crate) struct Subscription {
    id: String,
    status: String,
    #[serde(default)]
    items: Value,
}

impl Subscription {
    /// How it stands, as of a point in time.
    pub(crate) fn standing(self, wanted: &Provisioning, as_of: Timestamp, deleted: bool) -> Standing {
        let over = deleted || matches!(self.status.as_str(), "canceled" | "incomplete_expired");
        // a payment that failed is tried again for weeks: the number stays meanwhile
        let pays = matches!(self.status.as_str(), "trialing" | "active" | "past_due");
        let items = self.items.pointer("/data").and_then(Value::as_array).into_iter().flatten();
        let mut prices = items.filter_map(|item| item.pointer("/price/id").and_then(Value::as_str));
        let chosen = wanted.only.is_empty() || prices.any(|price| wanted.only.iter().any(|only| only == price));
        Standing {
            source: "stripe",
            subscription: self.id,
            wanted: pays && chosen && !over,
            as_of,
            over,
            grace_hours: wanted.grace_hours,
        }
    }
}

/// Takes in what an event says of a subscription.
///
/// # Errors
/// What kept the claims from being read or written.
pub(crate) fn take(event: &events::Event) -> Result<(), Error> {
    let config = Config::load()?;
    let Some(wanted) = &config.provisioning else { return Ok(()) };
    match standing(wanted, event)? {
        Some(standing) => apply(&config, wanted, &standing).map(drop),
        None => Ok(()),
    }
}

fn standing(wanted: &Provisioning, event: &events::Event) -> Result<Option<Standing>, Error> {
    match (wanted.follow, event.source.as_str()) {
        (Follow::Plan, "patchbay") if event.kind == "billing.plan_changed" => {
            let changed: PlanChanged = event.data()?;
            let chosen = wanted.only.is_empty() || wanted.only.contains(&changed.new);
            Ok(Some(Standing {
                source: "plan",
                subscription: "plan".to_owned(),
                wanted: chosen && matches!(changed.status.as_str(), "trialing" | "active" | "past_due"),
                as_of: event.time,
                over: false,
                grace_hours: wanted.grace_hours,
            }))
        }
        (Follow::Stripe, "stripe") if event.kind.starts_with("stripe.customer.subscription.") => {
            let told: Subscribed = event.data()?;
            let Some(subscription) = told.object else {
                log::warn("a thin notification says nothing of the subscription: have Stripe send snapshots", &[]);
                return Ok(None);
            };
            let deleted = told.kind == "customer.subscription.deleted";
            Ok(Some(subscription.standing(wanted, told.occurred_at.unwrap_or(event.time), deleted)))
        }
        _ => Ok(None),
    }
}

/// Brings the claims of a subscription in line with how it stands, and has jobs do the rest. Gives the claims' ids.
///
/// # Errors
/// [`Error::Denied`] for numbers that have no price in the settings; what kept the claims from being read or written.
pub(crate) fn apply(config: &Config, wanted: &Provisioning, standing: &Standing) -> Result<Vec<String>, Error> {
    let own = mark::own()?;
    let mut touched = Vec::new();
    for index in 1..=wanted.count {
        let id = claim::id(standing.source, &standing.subscription, index);
        let found = Stored::get(&id)?;
        let mut stored = match found {
            Some(stored) => stored,
            None => Stored { claim: new(config, wanted, standing, index, &own, &id)?, id, version: 0 },
        };
        let decided = if stored.version == 0 { Some(standing.wanted) } else { turn(&mut stored.claim, standing) };
        keep(&mut stored, decided)?;
        touched.push(stored.id);
    }
    // the settings may have wanted more of them when it began
    if !standing.wanted {
        let mut index = wanted.count.saturating_add(1);
        while let Some(mut stored) = Stored::get(&claim::id(standing.source, &standing.subscription, index))? {
            let decided = turn(&mut stored.claim, standing);
            keep(&mut stored, decided)?;
            touched.push(stored.id);
            index = index.saturating_add(1);
        }
    }
    Ok(touched)
}

/// Writes a claim that something new is known of, and has a job do what was decided.
fn keep(stored: &mut Stored, decided: Option<bool>) -> Result<(), Error> {
    let Some(decided) = decided else { return Ok(()) };
    stored.put()?;
    if decided { plan(&stored.id, stored.claim.as_of) } else { Ok(()) }
}

/// Has a job look at a claim: one for each thing that was decided, so that a job which waits for an end holds no other up.
///
/// # Errors
/// As [`jobs::Plan::enqueue`].
pub(crate) fn plan(claim: &str, as_of: Timestamp) -> Result<(), Error> {
    // a subscription's id may be as long as an id of a record
    let key: String = format!("{as_of}:{claim}").chars().take(200).collect();
    jobs::Plan::new().key(&key).enqueue(JOB, &Order { claim: claim.to_owned() }).map(drop)
}

fn new(
    config: &Config,
    wanted: &Provisioning,
    standing: &Standing,
    index: u16,
    own: &str,
    id: &str,
) -> Result<Claim, Error> {
    let price = config.price(&wanted.country, wanted.kind);
    let (monthly, currency) = price
        .ok_or_else(|| Error::Denied("the settings have no price for numbers of this country and kind".to_owned()))?;
    Ok(Claim {
        source: standing.source.to_owned(),
        subscription: standing.subscription.clone(),
        index,
        wanted: standing.wanted,
        as_of: standing.as_of,
        over: standing.over,
        // one that had no right at first is remembered, so that what is older begins nothing
        state: if standing.wanted { State::Planned } else { State::Released },
        cycle: 0,
        reference: mark::of_claim(own, id, 0),
        country: wanted.country.clone(),
        kind: wanted.kind,
        monthly,
        currency: currency.to_owned(),
        candidate: None,
        number: None,
        sid: None,
        release_at: None,
        doubt: None,
        tries: 0,
        problem: None,
    })
}

/// Takes over what is newer; `None` if nothing is, else whether the right to a number is another one now. Of two things that
/// were said of the same second the right counts: a subscription begins and is paid for within one.
fn turn(claim: &mut Claim, standing: &Standing) -> Option<bool> {
    let newer = standing.as_of > claim.as_of || (standing.as_of == claim.as_of && standing.wanted && !claim.wanted);
    if claim.over || !(newer || standing.over) {
        return None;
    }
    let was_wanted = claim.wanted;
    claim.as_of = claim.as_of.max(standing.as_of);
    claim.over = standing.over;
    claim.wanted = standing.wanted && !standing.over;
    if claim.wanted {
        claim.release_at = None;
        if matches!(claim.state, State::Refused | State::Lost) {
            claim.state = State::Released;
        }
    } else if was_wanted {
        let grace = u64::from(standing.grace_hours).saturating_mul(HOUR_MS);
        // a vendor's clock may be ahead, and a grace ends at its time all the same
        claim.release_at = Some(claim.as_of.min(clock::now()).saturating_add(grace));
    }
    Some(claim.wanted != was_wanted)
}

#[cfg(test)]
mod tests {
    use patchbay_sdk::testing::MockHost;

    use super::*;
    use crate::config::NumberKind;

    fn claim() -> Claim {
        Claim {
            source: "stripe".into(),
            subscription: "sub_1".into(),
            index: 1,
            wanted: true,
            as_of: 1_000,
            over: false,
            state: State::Active,
            cycle: 0,
            reference: "pb:a:b".into(),
            country: "US".into(),
            kind: NumberKind::Local,
            monthly: 115,
            currency: "USD".into(),
            candidate: None,
            number: None,
            sid: None,
            release_at: None,
            doubt: None,
            tries: 0,
            problem: None,
        }
    }

    fn standing(wanted: bool, as_of: Timestamp, over: bool) -> Standing {
        Standing { source: "stripe", subscription: "sub_1".into(), wanted, as_of, over, grace_hours: 1 }
    }

    #[test]
    fn what_is_older_changes_nothing_and_what_is_over_stays_over() {
        let _host = MockHost::new();
        let mut one = claim();
        assert_eq!(turn(&mut one, &standing(false, 999, false)), None);
        assert_eq!(turn(&mut one, &standing(false, 2_000, true)), Some(true));
        assert_eq!((one.wanted, one.over, one.release_at), (false, true, Some(2_000 + HOUR_MS)));
        assert_eq!(turn(&mut one, &standing(true, 3_000, false)), None);
        assert_eq!(turn(&mut one, &standing(false, 4_000, true)), None, "the grace does not begin anew");
    }

    #[test]
    fn who_comes_back_within_the_grace_keeps_the_number() {
        let _host = MockHost::new();
        let mut one = claim();
        assert_eq!(turn(&mut one, &standing(false, 2_000, false)), Some(true));
        assert_eq!(turn(&mut one, &standing(true, 3_000, false)), Some(true));
        assert_eq!((one.wanted, one.release_at, one.state), (true, None, State::Active));
    }

    #[test]
    fn a_right_that_is_said_again_holds_against_what_was_said_before_it() {
        let _host = MockHost::new();
        let mut one = claim();
        assert_eq!(turn(&mut one, &standing(true, 3_000, false)), Some(false));
        assert_eq!(turn(&mut one, &standing(false, 2_000, false)), None);
        assert!(one.wanted);
    }

    #[test]
    fn all_orders_of_the_same_facts_end_alike() {
        let _host = MockHost::new();
        let facts = [
            standing(true, 1_000, false),
            standing(false, 2_000, false),
            standing(true, 2_000, false),
            standing(false, 4_000, true),
        ];
        for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2], [2, 0, 3, 1]] {
            let mut one = claim();
            for index in order {
                let _ = turn(&mut one, &facts[index]);
                let _ = turn(&mut one, &facts[index]);
            }
            assert_eq!((one.wanted, one.over, one.as_of), (false, true, 4_000), "{order:?}");
        }
    }
}
