//! Verified caller ids: numbers that are not Twilio's, and that calls may come from because whoever holds them has said so.
//!
//! Twilio rings the number, and whoever answers keys in a code that the person in front of the screen sees. The code is in the
//! output of the action that had it made and nowhere else: not in a record, an event or a log. How it went comes by Twilio's
//! callback, and from a job that looks in Twilio's list, in case none comes; whoever is second changes nothing. What nobody
//! keys in ends after a while.
//!
//! Each start rings somebody's telephone, so there are at most three within an hour for a number, and after so many without
//! a verification the number is locked for a time. That is counted in small values, which stay when a run fails.

mod actions;
mod attempts;
mod cleanup;
mod inbound;
mod record;
mod settings;
mod settle;
pub mod types;
mod vendor;
mod watch;

use patchbay_sdk::{Actions, Error, Schemas, Tasks, clock};
use patchbay_telephony::phone::Number;

pub use settings::Settings;

pub(crate) use inbound::process;

use crate::config::Config;
use crate::outward;
use record::State;

/// The actions, added to those of the connector.
pub(crate) fn actions(actions: Actions) -> Actions {
    actions
        .add("start-caller-id", actions::start)
        .add("resend-caller-id", actions::resend)
        .add("caller-id-status", actions::status)
        .add("list-caller-ids", actions::list)
        .add("delete-caller-id", actions::delete)
}

/// The schemas of what is kept and told.
pub(crate) fn schemas(schemas: Schemas) -> Schemas {
    schemas
        .with::<record::Stored>("caller-id")
        .with::<settle::Verified<'_>>("caller-id-verified")
        .with::<settle::Failed<'_>>("caller-id-failed")
        .with::<settle::Expired<'_>>("caller-id-expired")
}

/// The kinds of jobs.
pub(crate) fn tasks(tasks: Tasks) -> Tasks {
    tasks.add(watch::JOB, watch::step).add(cleanup::JOB, cleanup::step)
}

/// Refuses a caller id that nobody has verified. For a number that is not the account's own. Asks nobody: what was verified
/// elsewhere is known once `caller-id-status` has looked.
///
/// # Errors
/// [`Error::Invalid`] at `/from`, with what would help.
pub(crate) fn may_call_from(from: &Number) -> Result<(), Error> {
    let number = from.masked();
    let text = match record::get(from)?.map(|found| found.data.state) {
        Some(State::Verified) => return Ok(()),
        Some(State::Pending) => format!("a verified caller id: {number} waits for its code to be keyed in"),
        Some(State::Failed | State::Expired) => {
            format!("a verified caller id: nobody keyed in the code for {number}; resend-caller-id calls again")
        }
        None => {
            format!("a number of the account, or a caller id that start-caller-id has verified: {number} is neither")
        }
    };
    Err(Error::invalid("/from", text))
}

/// Counts a start that a client asks Twilio for by itself, as `start-caller-id` would, also where Twilio refuses it.
///
/// # Errors
/// [`Error::Invalid`] at `/PhoneNumber` for what is no number, or none that the settings allow; [`Error::RateLimited`] after the
/// third within an hour, [`Error::Conflict`] for a number that is locked.
pub(crate) fn count_start(config: &Config, number: &str) -> Result<(), Error> {
    let number = outward::destination(config, number, "/PhoneNumber")?;
    attempts::begin(&number, &config.caller_ids, clock::now()).map(drop)
}

#[cfg(test)]
mod tests {
    use patchbay_sdk::testing::MockHost;
    use serde_json::json;

    use super::*;

    #[test]
    fn only_a_verified_number_may_be_called_from_and_the_error_says_what_to_do() {
        let host = MockHost::new();
        let from = Number::parse("+15551230001", None).unwrap();
        let refused = || may_call_from(&from).unwrap_err().to_string();
        assert!(refused().contains("start-caller-id"), "{}", refused());
        for (state, words) in [("pending", "waits for its code"), ("failed", "resend"), ("expired", "resend")] {
            host.put_record("caller-id", from.as_str(), &json!({"state": state}));
            let text = refused();
            assert!(text.contains(words) && text.contains("\"/from\"") && !text.contains(from.as_str()), "{text}");
        }
        host.put_record("caller-id", from.as_str(), &json!({"state": "verified"}));
        assert_eq!(may_call_from(&from), Ok(()));
    }
}
