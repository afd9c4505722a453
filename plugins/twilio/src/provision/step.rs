//! One step of a claim: the one thing that is next.
//!
//! - `planned`: a number is looked for, and what is found is committed as the candidate.
//! - `buying`: Twilio's list is asked for the claim's name first; only if nothing has it is the candidate bought. It stays the
//!   same on every try, and Twilio sells a number once, so even a request that is still under way there buys no second one.
//! - `active`: nothing, until the right has ended and its grace is over.
//! - `ending`: the number is given back, which may be asked for again.
//!
//! Jobs of this kind run one at a time (`concurrency = 1`), so that the cap on what all numbers cost holds.

use patchbay_sdk::clock::{self, Timestamp};
use patchbay_sdk::task::{Next, Step};
use patchbay_sdk::{Error, UpstreamFailure, events, installation, log};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::claim::{State, Stored};
use super::follow::Order;
use crate::api::{self, Api};
use crate::config::{Config, Feature};
use crate::failure;
use crate::form::Parameters;
use crate::incoming::{self, Incoming, NUMBERS, Terms};
use crate::mark;

/// For how long a request that was lost may still be under way at Twilio, in milliseconds: longer than Twilio takes for any.
const SETTLES_MS: u64 = 30_000;

/// The first wait after Twilio could not be asked, in milliseconds; it doubles.
const FIRST_WAIT_MS: u64 = 1_000;

/// The longest such wait, in milliseconds.
const LONGEST_WAIT_MS: u64 = 300_000;

/// The longest that a step is put off, in milliseconds: a day, so that nothing depends on one long wait.
const DAY_MS: u64 = 86_400_000;

/// What a job of a claim gives.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Settled {
    claim: String,
    state: State,
}

/// The data of the events about a claim's number.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "TwilioProvisioned")]
pub(crate) struct Told<'a> {
    /// The claim, as in `stripe:sub_1:1`.
    claim: &'a str,
    /// Whose subscription it is: `plan`, `stripe` or `own`.
    source: &'a str,
    /// The subscription.
    subscription: &'a str,
    /// The number, in E.164.
    number: Option<&'a str>,
    /// Its SID.
    sid: Option<&'a str>,
    /// A month of it, in minor units of `currency`.
    monthly: u32,
    /// Three letters (ISO 4217).
    currency: &'a str,
    /// Why there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<&'a str>,
}

/// What is available.
#[derive(Deserialize)]
struct Available {
    phone_number: String,
    #[serde(default)]
    address_requirements: Option<String>,
}

#[derive(Deserialize)]
struct Shelf {
    available_phone_numbers: Vec<Available>,
}

/// What became of asking Twilio.
enum Asked<T> {
    /// It answered.
    Done(T),
    /// Ask again, in so many milliseconds.
    Later(u64),
    /// It never will: why.
    Never(Error),
}

/// Does the next thing for a claim.
pub(crate) fn step(step: Step<Order, u32>) -> Result<Next<u32, Settled>, Error> {
    let number = step.cursor.unwrap_or(0).saturating_add(1);
    let Some(mut stored) = Stored::get(&step.payload.claim)? else {
        return Err(Error::NotFound(format!("there is no claim {}", step.payload.claim)));
    };
    let (config, api) = incoming::account()?;
    let now = clock::now();
    let next = match stored.claim.state {
        State::Planned if !stored.claim.wanted => finish(&mut stored, State::Released)?,
        State::Planned => look(&config, &api, &mut stored, now)?,
        State::Buying => buy(&config, &api, &mut stored, now)?,
        State::Active if stored.claim.wanted => Move::Rest,
        State::Active => end(&mut stored, now)?,
        State::Ending => release(&api, &mut stored)?,
        State::Released if stored.claim.wanted => begin_anew(&mut stored)?,
        State::Released | State::Refused | State::Lost => Move::Rest,
    };
    Ok(match next {
        Move::On => Next::Again(number),
        Move::Wait(wait) => Next::LaterMs(wait.clamp(1, DAY_MS)),
        Move::Rest => Next::Done(Settled { claim: stored.id, state: stored.claim.state }),
    })
}

/// What comes after a step.
enum Move {
    On,
    Wait(u64),
    Rest,
}

/// Finds a number, and commits to it before Twilio is asked to sell it.
fn look(config: &Config, api: &Api, stored: &mut Stored, now: Timestamp) -> Result<Move, Error> {
    if let Some(problem) = over_the_cap(config, stored)? {
        return refuse(stored, problem);
    }
    let claim = &stored.claim;
    let mut filter = Parameters::new();
    if let Some(wanted) = &config.provisioning {
        let wants = |feature| wanted.features.contains(&feature).then_some(true);
        filter = filter
            .shown("AreaCode", wanted.area_code)
            .shown("VoiceEnabled", wants(Feature::Voice))
            .shown("SmsEnabled", wants(Feature::Sms))
            .shown("MmsEnabled", wants(Feature::Mms));
        if wanted.address_sid.is_none() {
            filter = filter.set("ExcludeAllAddressRequired", "true");
        }
    }
    let below = format!("/AvailablePhoneNumbers/{}/{}", claim.country, claim.kind.resource());
    let found = api.get(&below, &filter.set("PageSize", "20")).and_then(|response| response.json::<Shelf>());
    let page = match asked(found, stored, now) {
        Asked::Done(page) => page.available_phone_numbers,
        Asked::Later(wait) => return put_off(stored, wait),
        Asked::Never(error) => return refuse(stored, error.to_string()),
    };
    let needs_no_address = config.provisioning.as_ref().is_some_and(|wanted| wanted.address_sid.is_none());
    let demands = |one: &Available| one.address_requirements.as_deref().is_some_and(|demand| demand != "none");
    // the last candidate was somebody else's in the end
    let before = stored.claim.candidate.as_deref();
    let mut fit: Vec<Available> = page
        .into_iter()
        .filter(|one| Some(one.phone_number.as_str()) != before && !(needs_no_address && demands(one)))
        .collect();
    // many who look at once are shown the same: each takes another one
    let lot = stored.claim.reference.bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    let chosen = lot.checked_rem(fit.len()).map(|lot| fit.swap_remove(lot));
    let Some(chosen) = chosen else {
        return refuse(stored, "Twilio has no such number to sell at present".to_owned());
    };
    stored.claim.candidate = Some(chosen.phone_number);
    stored.claim.state = State::Buying;
    stored.claim.tries = 0;
    stored.claim.doubt = None;
    stored.put()?;
    Ok(Move::On)
}

/// Takes what was bought, or buys it.
fn buy(config: &Config, api: &Api, stored: &mut Stored, now: Timestamp) -> Result<Move, Error> {
    let named = Parameters::new().set("FriendlyName", stored.claim.reference.as_str());
    let found = match asked(incoming::list(api, named), stored, now) {
        Asked::Done(found) => found,
        Asked::Later(wait) => return put_off(stored, wait),
        Asked::Never(error) => return refuse(stored, error.to_string()),
    };
    if let Some(own) = taken(found, stored) {
        return hold(stored, &own);
    }
    let settles = stored.claim.doubt.map(|doubt| doubt.saturating_add(SETTLES_MS)).filter(|settles| *settles > now);
    if !stored.claim.wanted {
        // what was asked for may still come
        return match settles {
            Some(settles) => Ok(Move::Wait(settles - now)),
            None => finish(stored, State::Released),
        };
    }
    let Some(candidate) = stored.claim.candidate.clone() else {
        stored.claim.state = State::Planned;
        stored.put()?;
        return Ok(Move::On);
    };
    let wanted = config.provisioning.as_ref();
    let parameters = Parameters::new()
        .set("PhoneNumber", candidate)
        .set("FriendlyName", stored.claim.reference.as_str())
        .maybe("AddressSid", wanted.and_then(|wanted| wanted.address_sid.as_deref()))
        .maybe("BundleSid", wanted.and_then(|wanted| wanted.bundle_sid.as_deref()));
    let parameters = incoming::hooks(parameters, &installation::webhook_url());
    let sold = api.post(&incoming::shop(stored.claim.kind), &parameters);
    match sold.and_then(|response| response.json::<Incoming>()) {
        Ok(own) => hold(stored, &own),
        Err(error) if failure::is(&error, failure::NOT_AVAILABLE) => match settles {
            // perhaps it is ours, by the request before, and the list has it in a moment
            Some(settles) => Ok(Move::Wait(settles - now)),
            None => {
                stored.claim.state = State::Planned;
                stored.put()?;
                Ok(Move::On)
            }
        },
        Err(error) => match asked::<()>(Err(error), stored, now) {
            Asked::Done(()) => Ok(Move::On),
            Asked::Later(wait) => put_off(stored, wait),
            Asked::Never(error) => refuse(stored, error.to_string()),
        },
    }
}

/// Of those that have the claim's name: the first that was bought. The others are doubles; the comparison of each night gives
/// them back.
fn taken(mut found: Vec<Incoming>, stored: &Stored) -> Option<Incoming> {
    found.retain(|one| one.name() == stored.claim.reference);
    if found.len() > 1 {
        log::error("a claim has more than one number", &[("claim", &stored.id)]);
    }
    found.sort_by(|one, other| one.sid.cmp(&other.sid));
    let candidate = stored.claim.candidate.as_deref();
    let position = found.iter().position(|one| Some(one.phone_number.as_str()) == candidate).unwrap_or(0);
    (position < found.len()).then(|| found.swap_remove(position))
}

/// The account has it: the record, the meter and the event, with the claim.
fn hold(stored: &mut Stored, own: &Incoming) -> Result<Move, Error> {
    let claim = &mut stored.claim;
    claim.state = State::Active;
    claim.number = Some(own.phone_number.clone());
    claim.sid = Some(own.sid.clone());
    claim.doubt = None;
    claim.tries = 0;
    claim.problem = None;
    let terms = Terms {
        country: Some(claim.country.clone()),
        kind: Some(claim.kind),
        price: Some((claim.monthly, claim.currency.clone())),
        claim: Some(claim.subscription.clone()),
    };
    incoming::record(own, &terms)?;
    stored.put()?;
    tell("twilio.number.provisioned", stored, &own.sid)?;
    Ok(Move::On)
}

/// Waits for the end of the grace, and then commits to giving the number back.
fn end(stored: &mut Stored, now: Timestamp) -> Result<Move, Error> {
    if let Some(at) = stored.claim.release_at.filter(|at| *at > now) {
        return Ok(Move::Wait(at - now));
    }
    stored.claim.state = State::Ending;
    stored.claim.tries = 0;
    stored.put()?;
    Ok(Move::On)
}

/// Gives the number back. One that is not there any more is given back.
fn release(api: &Api, stored: &mut Stored) -> Result<Move, Error> {
    let Some(sid) = stored.claim.sid.clone() else { return finish(stored, State::Released) };
    let below = format!("{NUMBERS}/{}", api::sid(&sid, &["PN"], "/sid")?);
    match asked(api.delete(&below), stored, clock::now()) {
        Asked::Done(()) => {
            incoming::record_release(&sid)?;
            finish(stored, State::Released)
        }
        Asked::Later(wait) => put_off(stored, wait),
        // a number that costs money is not let go of because Twilio refuses once
        Asked::Never(error) => {
            log::error("Twilio does not take a number back", &[("claim", &stored.id), ("error", &error.to_string())]);
            put_off(stored, LONGEST_WAIT_MS)
        }
    }
}

/// A subscription that came back after its number had gone gets another one, under another name.
fn begin_anew(stored: &mut Stored) -> Result<Move, Error> {
    let own = mark::own()?;
    let claim = &mut stored.claim;
    claim.cycle = claim.cycle.saturating_add(1);
    claim.reference = mark::of_claim(&own, &stored.id, claim.cycle);
    claim.state = State::Planned;
    (claim.candidate, claim.number, claim.sid, claim.problem) = (None, None, None, None);
    (claim.doubt, claim.tries) = (None, 0);
    stored.put()?;
    Ok(Move::On)
}

fn finish(stored: &mut Stored, state: State) -> Result<Move, Error> {
    let had = stored.claim.sid.clone();
    stored.claim.state = state;
    stored.claim.tries = 0;
    stored.claim.doubt = None;
    stored.put()?;
    if let Some(sid) = had {
        tell("twilio.number.released", stored, &sid)?;
    }
    Ok(Move::On)
}

fn refuse(stored: &mut Stored, problem: String) -> Result<Move, Error> {
    stored.claim.state = State::Refused;
    stored.claim.problem = Some(problem.chars().take(500).collect());
    stored.put()?;
    let as_of = stored.claim.as_of.to_string();
    tell("twilio.number.refused", stored, &as_of)?;
    Ok(Move::Rest)
}

/// Notes a try, and waits. What is noted is committed with the wait.
fn put_off(stored: &mut Stored, wait: u64) -> Result<Move, Error> {
    stored.claim.tries = stored.claim.tries.saturating_add(1);
    stored.put()?;
    Ok(Move::Wait(wait))
}

/// What a failure means: what may have been done, or could not be asked, is asked again with growing waits, without end.
fn asked<T>(result: Result<T, Error>, stored: &mut Stored, now: Timestamp) -> Asked<T> {
    let error = match result {
        Ok(done) => return Asked::Done(done),
        Err(error) => error,
    };
    let grown = FIRST_WAIT_MS.saturating_mul(1 << stored.claim.tries.min(9)).min(LONGEST_WAIT_MS);
    match &error {
        Error::Upstream(UpstreamFailure { status: 429, retry_after_ms, .. }) => {
            Asked::Later(retry_after_ms.unwrap_or(grown).max(grown))
        }
        Error::RateLimited(wait) => Asked::Later((*wait).max(grown)),
        Error::Upstream(UpstreamFailure { status: 200..=399 | 408 | 500.., .. })
        | Error::Timeout
        | Error::Unavailable(_) => {
            stored.claim.doubt = Some(now);
            Asked::Later(grown)
        }
        // somebody must do something about the connection, and then it goes on
        Error::Reauthorize(_) | Error::Exhausted(_) | Error::Conflict(_) | Error::Internal(_) => {
            Asked::Later(LONGEST_WAIT_MS)
        }
        _ => Asked::Never(error),
    }
}

/// Why another number would cost too much.
fn over_the_cap(config: &Config, stored: &Stored) -> Result<Option<String>, Error> {
    let Some(cap) = config.provisioning.as_ref().and_then(|wanted| wanted.monthly_cap) else { return Ok(None) };
    let others = Stored::all()?.into_iter().filter(|one| one.id != stored.id && one.claim.costs());
    let sum: u64 = others.map(|one| u64::from(one.claim.monthly)).sum();
    let with_it = sum.saturating_add(u64::from(stored.claim.monthly));
    let problem = || format!("all numbers would cost {with_it} a month, in minor units, and the settings allow {cap}");
    Ok((with_it > cap).then(problem))
}

fn tell(kind: &str, stored: &Stored, once: &str) -> Result<(), Error> {
    let claim = &stored.claim;
    let told = Told {
        claim: &stored.id,
        source: &claim.source,
        subscription: &claim.subscription,
        number: claim.number.as_deref(),
        sid: claim.sid.as_deref(),
        monthly: claim.monthly,
        currency: &claim.currency,
        problem: claim.problem.as_deref(),
    };
    let id: String = format!("{kind}:{once}:{}", stored.id).chars().take(256).collect();
    events::publish(kind, &stored.id, &told, Some(&id)).map(drop)
}
