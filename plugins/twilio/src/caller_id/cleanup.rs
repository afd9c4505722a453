//! The job of every hour: ends what was left pending, whatever became of the job that watched it, and forgets what is long over.

use patchbay_sdk::clock::{self, Timestamp};
use patchbay_sdk::records::{self, Document};
use patchbay_sdk::task::{Next, Step};
use patchbay_sdk::{Error, log};
use patchbay_telephony::phone::Number;
use serde::{Deserialize, Serialize};

use super::record::{self, COLLECTION, State, Stored};
use super::settings::Settings;
use super::settle;
use crate::config::Config;

/// Its kind in the manifest.
pub(super) const JOB: &str = "clean-up-caller-ids";

/// Documents of one step.
const PAGE: u32 = 50;
/// So long the job that watches has to end it, which asks Twilio first.
const GRACE_MS: u64 = 300_000;

/// Where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    state: State,
    after: Option<String>,
    done: Done,
}

/// What it did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Done {
    expired: u32,
    forgotten: u32,
}

/// Looks through one page.
pub(super) fn step(step: Step<(), Place>) -> Result<Next<Place, Done>, Error> {
    let first = Place { state: State::Pending, after: None, done: Done::default() };
    let Place { state, after, mut done } = step.cursor.unwrap_or(first);
    let settings = Config::load()?.caller_ids;
    let now = clock::now();
    let page = record::page(Some(state), PAGE, after.as_deref())?;
    for document in page.documents {
        settle_one(document, &settings, now, &mut done)?;
    }
    let next = match (page.next, state) {
        (Some(after), state) => (state, Some(after)),
        (None, State::Pending) => (State::Failed, None),
        (None, State::Failed) => (State::Expired, None),
        (None, _) => return Ok(Next::Done(done)),
    };
    Ok(Next::Again(Place { state: next.0, after: next.1, done }))
}

fn settle_one(document: Document<Stored>, settings: &Settings, now: Timestamp, done: &mut Done) -> Result<(), Error> {
    let stored = &document.data;
    match stored.state {
        State::Pending if stored.expires_at.is_none_or(|expires| expires + GRACE_MS <= now) => {
            match Number::parse(&document.id, None) {
                Ok(number) => settle::expired(&number, document).map(drop)?,
                Err(error) => log::error("a caller id is kept under no number", &[("why", &error.to_string())]),
            }
            done.expired += 1;
        }
        State::Failed | State::Expired if stored.ended_at.is_none_or(|at| at + settings.keep_ms() <= now) => {
            records::delete(COLLECTION, &document.id)?;
            done.forgotten += 1;
        }
        State::Pending | State::Verified | State::Failed | State::Expired => {}
    }
    Ok(())
}
