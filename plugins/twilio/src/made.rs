//! What a client makes by Twilio's own API counts like what the actions make.

use patchbay_sdk::usage::{self, Basis};
use patchbay_sdk::{Error, http};
use serde::Deserialize;

use crate::incoming::{self, Incoming, Terms};
use crate::messages::{self, Message};
use crate::settled;

#[derive(Deserialize)]
struct Made {
    sid: String,
}

/// The resource that a path ends with: `Calls` of `/2010-04-01/Accounts/AC…/Calls.json`; none for one item of it.
pub(crate) fn resource(path: &str) -> Option<&str> {
    let mut parts = path.split('/').skip(4);
    let first = parts.next()?;
    let is_list = parts.next().is_none() || first.starts_with("IncomingPhoneNumbers");
    is_list.then(|| named(first))
}

/// What the last segment of a path names, be it a list or one item of it.
pub(crate) fn last(path: &str) -> &str {
    named(path.rsplit('/').next().unwrap_or_default())
}

/// A segment without the ending that says how the answer is written.
fn named(segment: &str) -> &str {
    segment.split('.').next().unwrap_or_default()
}

/// True for a path at which something is made that is metered.
pub(crate) fn makes(path: &str) -> bool {
    matches!(resource(path), Some("Calls" | "Messages" | "IncomingPhoneNumbers"))
}

/// Meters what was made, and keeps it.
///
/// # Errors
/// What kept it from being kept.
pub(crate) fn count(path: &str, response: &http::WholeResponse) -> Result<(), Error> {
    if response.status != 201 {
        return Ok(());
    }
    match resource(path) {
        Some("Calls") => {
            let made: Made = response.json()?;
            usage::add("call", 1, Basis::Reported, Some(&made.sid))?;
            // a client may have nobody told how it goes, and its minutes count all the same
            settled::plan(&made.sid)
        }
        Some("Messages") => {
            let made: Message = response.json()?;
            messages::read(&made)
        }
        Some("IncomingPhoneNumbers") => {
            let made: Incoming = response.json()?;
            incoming::record(&made, &Terms::default())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_something_is_known_by_its_path() {
        assert!(makes("/2010-04-01/Accounts/AC1/Calls.json"));
        assert!(makes("/2010-04-01/Accounts/AC1/IncomingPhoneNumbers/Local.json"));
        assert!(!makes("/2010-04-01/Accounts/AC1/Calls/CA1.json"));
        assert!(!makes("/2010-04-01/Accounts/AC1/Usage/Records.json"));
        assert!(makes("/2010-04-01/Accounts/AC1/Calls.xml") && makes("/2010-04-01/Accounts/AC1/Calls"));
        assert_eq!(last("/2010-04-01/Accounts/AC1/Conferences/CF1/Participants.json"), "Participants");
    }
}
