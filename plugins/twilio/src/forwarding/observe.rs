//! A call that comes in tells whether a forwarding works.

use patchbay_sdk::{Error, clock};
use patchbay_telephony::phone::Number;

use super::diversion;
use super::record::{self, Proof, State};
use crate::form::field;

/// How exactly it is kept when a call was last forwarded: a busy line does not write with each call.
const EXACT_MS: u64 = 3_600_000;

/// Looks at the form of a voice webhook: a call to the destination of a forwarding, forwarded by its number, confirms one that
/// waits for that. Of others the time is kept: one that was disabled and still forwards shows it by that.
///
/// # Errors
/// What kept it from being stored. The call can be answered all the same.
pub(crate) fn observe(fields: &[(String, String)]) -> Result<(), Error> {
    let Some(to) = field(fields, "To").and_then(|text| Number::parse(text, None).ok()) else { return Ok(()) };
    let Some(by) = diversion::of(fields, &to) else { return Ok(()) };
    let Some(mut found) = record::get(&by)?.filter(|found| found.data.destination == to) else { return Ok(()) };
    let now = clock::now();
    let seen = found.data.last_call_at;
    let is_news =
        seen.is_none_or(|seen| seen + EXACT_MS <= now || found.data.disabled_at.is_some_and(|end| seen < end));
    if found.data.state == State::Pending {
        found.data.last_call_at = Some(now);
        record::confirm(&by, found, Proof::Call)?;
    } else if is_news {
        found.data.last_call_at = Some(now);
        record::put(&by, &found.data, found.version)?;
    }
    Ok(())
}
