//! The job that looks whether a number is verified until that is known, in case no callback comes.

use patchbay_sdk::clock;
use patchbay_sdk::task::{Next, Step};
use patchbay_sdk::{Error, jobs};
use patchbay_telephony::phone::Number;
use serde::{Deserialize, Serialize};

use super::record::{self, State};
use super::{settle, vendor};
use crate::api::Api;
use crate::config::Config;

/// Its kind in the manifest.
pub(super) const JOB: &str = "watch-caller-id";

/// The first look, and the shortest wait between two: it rings, somebody answers and keys in six digits.
const FIRST_MS: u64 = 15_000;
/// The longest wait between two.
const LONGEST_MS: u64 = 60_000;

/// Which verification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Watch {
    number: Number,
    call_sid: String,
}

/// What became of it.
#[derive(Debug, Serialize)]
pub(super) struct Watched {
    /// None: somebody deleted it, or has it called again.
    state: Option<State>,
}

/// Has a verification watched, if the run succeeds.
pub(super) fn begin(number: &Number, call_sid: &str, delay_s: u32) -> Result<(), Error> {
    let watch = Watch { number: number.clone(), call_sid: call_sid.to_owned() };
    let first = FIRST_MS + u64::from(delay_s) * 1_000;
    jobs::Plan::new().after_ms(first).key(call_sid).enqueue(JOB, &watch).map(drop)
}

/// Looks once.
pub(super) fn step(step: Step<Watch, ()>) -> Result<Next<(), Watched>, Error> {
    let Watch { number, call_sid } = step.payload;
    let found = record::get(&number)?.filter(|found| found.data.call_sid.as_deref() == Some(call_sid.as_str()));
    let Some(found) = found else { return Ok(Next::Done(Watched { state: None })) };
    if found.data.state != State::Pending {
        return Ok(Next::Done(Watched { state: Some(found.data.state) }));
    }
    let now = clock::now();
    let left = found.data.expires_at.unwrap_or(now).saturating_sub(now);
    let elapsed = now.saturating_sub(found.data.started_at.unwrap_or(now));
    let stored = match vendor::find(&Api::of(&Config::load()?), &number)? {
        Some(known) => settle::verified(&number, Some(found), &known.sid, known.friendly_name)?,
        None if left == 0 => settle::expired(&number, found)?,
        // half as long again as it has taken so far, and once more when it expires
        None => return Ok(Next::LaterMs((elapsed / 2).clamp(FIRST_MS, LONGEST_MS).min(left))),
    };
    Ok(Next::Done(Watched { state: Some(stored.state) }))
}
