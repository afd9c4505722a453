//! Who is answered: so many calls from a number and to a number, in so much time.
//!
//! A call is counted once, however often its carrier asks: what was decided is remembered with the call's id.

use std::time::Duration;

use patchbay_sdk::clock::Timestamp;
use patchbay_sdk::{Error, kv, log};
use patchbay_telephony::phone::Party;

use crate::config::Config;
use crate::digest::digest;
use crate::types::{CallFacts, Direction};

/// For how long it is known of a call what was decided: longer than any call.
pub(crate) const REMEMBERED: Duration = Duration::from_secs(2 * 86_400);

/// Whether a call is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It is.
    Admitted,
    /// There were too many.
    Refused,
    /// It is, and it was not counted: the hub's storage is away.
    Unknown,
}

/// A call that comes in. One that shows the very number that it calls was sent out from there, and forwarded back: it would go
/// round for ever, with one more leg to pay each time.
pub(crate) fn admit(config: &Config, call: &CallFacts, at: Timestamp) -> Admission {
    if call.direction == Direction::Inbound && Party::read(&call.from).number().is_some() && call.from == call.to {
        log::warn("a call comes back to the number that it left: it is refused", &[]);
        return Admission::Refused;
    }
    match decide(config, call, at) {
        Ok(true) => Admission::Admitted,
        Ok(false) => {
            log::warn("too many calls: this one is refused", &[("from", &Party::read(&call.from).masked())]);
            Admission::Refused
        }
        Err(error) => away(&error),
    }
}

/// A call that goes on: only whether the storage is there.
pub(crate) fn reach(call: &CallFacts) -> Admission {
    kv::get(&key(call)).map_or_else(|error| away(&error), |_| Admission::Admitted)
}

fn away(error: &Error) -> Admission {
    log::warn("the call is answered without being counted or written down", &[("error", &error.to_string())]);
    Admission::Unknown
}

fn decide(config: &Config, call: &CallFacts, at: Timestamp) -> Result<bool, Error> {
    let key = key(call);
    if let Some(decided) = kv::get(&key)? {
        return Ok(decided.value == YES);
    }
    let caller = Party::read(&call.from);
    // callers who are not shown are counted together
    let caller = caller.as_str().unwrap_or("withheld");
    let mut admitted = true;
    for (window, what, whose) in
        [(config.rates.per_caller, "from", caller), (config.rates.per_number, "to", call.to.as_str())]
    {
        let Some(window) = window else { continue };
        let counter = window.counter(what, whose, at);
        let count = kv::add(&counter.key, 1, Some(counter.ttl))?;
        admitted &= counter.check(count).is_ok();
    }
    match kv::set(&key, if admitted { YES } else { NO }, Some(REMEMBERED), Some(0)) {
        Ok(_) => Ok(admitted),
        // the same call was asked for twice at once: the first decision holds
        Err(Error::Conflict(_)) => Ok(kv::get(&key)?.map_or(admitted, |decided| decided.value == YES)),
        Err(error) => Err(error),
    }
}

const YES: &[u8] = b"1";
const NO: &[u8] = b"0";

fn key(call: &CallFacts) -> String {
    format!("admitted/{}", digest(&[&call.id]))
}
