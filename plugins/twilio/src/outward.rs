//! What keeps calls and messages from going where they shall not, or too often.

use patchbay_sdk::{Error, clock, kv};
use patchbay_telephony::phone::Number;

use crate::config::Config;
use crate::messages;

/// Reads a number of an input: E.164, or as people write it in the country of the settings.
///
/// # Errors
/// [`Error::Invalid`] at `pointer`; nothing of the text is in it.
pub(crate) fn number(config: &Config, text: &str, pointer: &str) -> Result<Number, Error> {
    let read = Number::parse(text, config.default_country.as_deref());
    read.map_err(|invalid| Error::invalid(pointer, format!("a telephone number ({invalid})")))
}

/// Reads a number that the settings allow calls and messages to.
///
/// # Errors
/// [`Error::Invalid`] at `pointer` for what is none, and for one that is not allowed, with the setting that is in the way.
pub(crate) fn destination(config: &Config, text: &str, pointer: &str) -> Result<Number, Error> {
    let number = number(config, text, pointer)?;
    allowed(config, &number, pointer)?;
    Ok(number)
}

/// Checks that the settings allow calls and messages to a number.
///
/// # Errors
/// [`Error::Invalid`] at `pointer`, with the setting that is in the way.
pub(crate) fn allowed(config: &Config, number: &Number, pointer: &str) -> Result<(), Error> {
    config.destinations.check(number).map_err(|refusal| Error::invalid(pointer, format!("another number: {refusal}")))
}

/// Counts a message to a number, if that may still get one.
///
/// # Errors
/// [`Error::Invalid`] at `/to` for one that wants none, [`Error::RateLimited`] with what is left of the window.
pub(crate) fn count_message(config: &Config, to: &Number) -> Result<(), Error> {
    if messages::is_silent(to.as_str())? {
        let masked = to.masked();
        return Err(Error::invalid(
            "/to",
            format!("another number: {masked} answered STOP, and START takes that back"),
        ));
    }
    let now = clock::now();
    for counter in config.send_limits.counters(to, now) {
        let count = kv::add(&counter.key, 1, Some(counter.ttl))?;
        if let Err(exceeded) = counter.check(count) {
            return Err(Error::RateLimited(exceeded.retry_at.saturating_sub(now).max(1)));
        }
    }
    Ok(())
}

/// Checks the numbers that a document of TwiML has dialled.
///
/// # Errors
/// [`Error::Invalid`] at `/twiml` for one that is not allowed.
pub(crate) fn document(config: &Config, twiml: &str) -> Result<(), Error> {
    // what follows the first `<Dial`, and from there on to each end
    for part in twiml.split("<Dial").skip(1) {
        let dialled = part.split("</Dial>").next().unwrap_or_default();
        for run in dialled.split(|character: char| !character.is_ascii_digit() && character != '+') {
            let digits = run.trim_start_matches('+');
            if !(7..=15).contains(&digits.len()) {
                continue;
            }
            // Twilio takes a number of its own country without the plus as well
            let number = Number::parse(&format!("+{digits}"), None);
            if let Ok(number) = number {
                allowed(config, &number, "/twiml")?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_document_dials_is_checked() {
        let config = json!({
            "account_sid": "AC00000000000000000000000000000001", "destinations": {"countries": ["US"]},
        });
        let config: Config = serde_json::from_value(config).unwrap();
        let dial = |number: &str| {
            format!("<Response><Say>+49301234567</Say><Dial timeout=\"20\"><Number>{number}</Number></Dial></Response>")
        };
        assert_eq!(document(&config, &dial("+14155550100")), Ok(()));
        assert!(matches!(document(&config, &dial("+49301234567")), Err(Error::Invalid(_))));
        assert!(matches!(document(&config, &dial("49301234567")), Err(Error::Invalid(_))));
    }
}
