//! What Twilio knows of a call once it is over: what it cost, and legs of which nobody was told.
//!
//! No callback has a price. And a leg is told of only where that was asked for when it was dialled, which is neither so of one
//! that TwiML of the organization's dials or that goes where calls without a menu go, nor of a call that a client makes without a
//! callback. So the call is read, and the calls that it has made, until Twilio has a price for each. What was told before stays.

use std::collections::BTreeSet;

use patchbay_sdk::clock::{self, Timestamp};
use patchbay_sdk::task::{Next, Step};
use patchbay_sdk::{Error, jobs};
use patchbay_telephony::fold::{About, Cause, Direction, Fact, What};
use patchbay_telephony::money::Money;
use patchbay_telephony::phone::Party;
use patchbay_telephony::time;
use serde::{Deserialize, Serialize};

use crate::api::{self, Api};
use crate::calls::{self, Facts};
use crate::form::Parameters;
use crate::{failure, incoming};

/// The kind of job in the manifest.
pub(crate) const JOB: &str = "settle-call";

/// Before the first question, and the shortest wait between two, in milliseconds: prices come minutes after the end.
const FIRST_MS: u64 = 300_000;
/// The longest wait between two.
const LONGEST_MS: u64 = 6 * 3_600_000;
/// After so long, in milliseconds, a call has no price, or never ends.
const GIVEN_UP_MS: u64 = 3 * 86_400_000;

/// Which call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settle {
    call: String,
    since: Timestamp,
}

/// A call as Twilio's API tells of it.
#[derive(Debug, Clone, Deserialize)]
struct Leg {
    sid: String,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    direction: Option<String>,
    #[serde(default)]
    from: Option<String>,
    #[serde(default)]
    to: Option<String>,
    #[serde(default)]
    duration: Option<String>,
    #[serde(default)]
    start_time: Option<String>,
    #[serde(default)]
    end_time: Option<String>,
    #[serde(default)]
    price: Option<String>,
    #[serde(default)]
    price_unit: Option<String>,
}

/// Has a call looked at later. A second plan while one waits is the same.
///
/// # Errors
/// As [`jobs::Plan::enqueue`].
pub(crate) fn plan(call: &str) -> Result<(), Error> {
    if !api::is_sid(call, "CA") {
        return Ok(());
    }
    let settle = Settle { call: call.to_owned(), since: clock::now() };
    jobs::Plan::new().after_ms(FIRST_MS).key(call).enqueue(JOB, &settle).map(drop)
}

/// Looks once.
pub(crate) fn step(step: Step<Settle, ()>) -> Result<Next<(), ()>, Error> {
    let Settle { call, since } = step.payload;
    let (_, api) = incoming::account()?;
    let Some(main) = read(&api, &call)? else { return Ok(Next::Done(())) };
    let mut legs: Vec<Leg> = api.all("/Calls", "calls", Parameters::new().set("ParentCallSid", call.as_str()))?;
    legs.push(main);
    let known = calls::ended_legs(&call)?;
    let facts = legs.iter().flat_map(|leg| leg.facts(&call, &known)).collect();
    calls::add(Facts { call, facts })?;
    let elapsed = clock::now().saturating_sub(since);
    if legs.iter().all(Leg::is_settled) || elapsed > GIVEN_UP_MS {
        return Ok(Next::Done(()));
    }
    // half as long again as it has taken so far
    Ok(Next::LaterMs((elapsed / 2).clamp(FIRST_MS, LONGEST_MS)))
}

/// One call; none if the account has it no more.
fn read(api: &Api, sid: &str) -> Result<Option<Leg>, Error> {
    match api.get(&format!("/Calls/{}", api::sid(sid, &["CA"], "/call")?), &Parameters::new()) {
        Ok(response) => response.json().map(Some),
        Err(error) if failure::is_missing(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

impl Leg {
    fn cause(&self) -> Option<Cause> {
        self.status.as_deref().and_then(calls::cause)
    }

    fn price(&self) -> Option<Money> {
        Money::cost(self.price.as_deref()?, self.price_unit.as_deref()?)
    }

    /// True once nothing more will be known of it: what was not talked may never have a price.
    fn is_settled(&self) -> bool {
        self.cause().is_some_and(|cause| cause != Cause::Completed || self.price().is_some())
    }

    /// What is to be added: the price, and all of a leg that nobody has told of.
    fn facts(&self, call: &str, known: &BTreeSet<String>) -> Vec<Fact> {
        let at = |text: &Option<String>| text.as_deref().and_then(time::parse);
        let fact = |name: &str, at: Option<Timestamp>, about: Option<About>, what: What| Fact {
            id: format!("{}/{name}", self.sid),
            leg: self.sid.clone(),
            session: None,
            at,
            sequence: None,
            about,
            what,
        };
        let mut facts = Vec::new();
        if !known.contains(&self.sid) {
            facts.push(fact("read", at(&self.start_time), Some(self.parties(call)), What::Initiated));
            facts.extend(self.cause().map(|cause| {
                let seconds = self.duration.as_deref().and_then(|seconds| seconds.parse().ok());
                let duration_s = seconds.filter(|_| cause == Cause::Completed);
                fact("read-end", at(&self.end_time), None, What::Ended { cause, reason: None, duration_s })
            }));
        }
        facts.extend(self.price().map(|money| fact("price", None, None, What::Cost { money })));
        facts
    }

    fn parties(&self, call: &str) -> About {
        let direction = self.direction.as_deref().map(|direction| match direction {
            "inbound" => Direction::Inbound,
            // outbound-api and outbound-dial
            _ => Direction::Outbound,
        });
        About {
            direction,
            from: self.from.as_deref().map(Party::read),
            to: self.to.as_deref().map(Party::read),
            from_name: None,
            parent: (self.sid != call).then(|| call.to_owned()),
        }
    }
}
