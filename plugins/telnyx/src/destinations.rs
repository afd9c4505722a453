//! Which numbers are called, and how often: asked before anything is placed that costs, by an action or through the proxy.

use patchbay_sdk::{Error, clock, kv};
use patchbay_telephony::phone::Number;

use crate::config::Config;

/// Reads a destination and lets it pass if the settings allow to call it now. Counts the call.
///
/// # Errors
/// [`Error::Invalid`] at `pointer` for what is no number, and, with the setting, for one that may not be called;
/// [`Error::RateLimited`] for one that was called too often.
pub(crate) fn admit(config: &Config, pointer: &str, text: &str) -> Result<Number, Error> {
    let number = config.number(pointer, text)?;
    let allowed = config.destinations.check(&number);
    allowed.map_err(|refusal| Error::invalid(pointer, format!("a number that may be called: {refusal}")))?;
    let now = clock::now();
    let counter = config.calls_per_number().counter("calls", number.as_str(), now);
    let count = kv::add(&counter.key, 1, Some(counter.ttl))?;
    counter.check(count).map_err(|exceeded| Error::RateLimited(exceeded.retry_at.saturating_sub(now).max(1)))?;
    Ok(number)
}
