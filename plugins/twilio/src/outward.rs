//! What keeps calls and messages from going where they shall not, or too often.

use patchbay_sdk::{Error, clock, kv};
use patchbay_telephony::guard::dialled;
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

/// Counts a call to a number, if that may still get one.
///
/// # Errors
/// [`Error::RateLimited`] with what is left of the window.
pub(crate) fn count_call(config: &Config, to: &Number) -> Result<(), Error> {
    let now = clock::now();
    let counter = config.calls_per_number().counter("calls", to.as_str(), now);
    let count = kv::add(&counter.key, 1, Some(counter.ttl))?;
    counter.check(count).map_err(|exceeded| Error::RateLimited(exceeded.retry_at.saturating_sub(now).max(1)))
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
/// [`Error::Invalid`] at `/twiml` for one that is not allowed, and for a document that does not say whom it calls.
pub(crate) fn document(config: &Config, twiml: &str) -> Result<(), Error> {
    let dialled = dialled(twiml).map_err(|unreadable| Error::invalid("/twiml", unreadable.to_string()))?;
    for text in dialled {
        for number in meant(config, &text)? {
            allowed(config, &number, "/twiml")?;
        }
    }
    Ok(())
}

/// All numbers that Twilio could take a text for: without a plus it is one of some country's, or the plus is only left out.
fn meant(config: &Config, text: &str) -> Result<Vec<Number>, Error> {
    if text.starts_with('+') {
        return Ok(vec![number(config, text, "/twiml")?]);
    }
    let country = config.default_country.as_deref().unwrap_or("US");
    let read = [Number::parse(text, Some(country)), Number::parse(&format!("+{text}"), None)];
    let numbers: Vec<Number> = read.into_iter().flatten().collect();
    if numbers.is_empty() {
        return Err(Error::invalid("/twiml", "telephone numbers, with + and the country's code, in Dial"));
    }
    Ok(numbers)
}

/// Checks whom a client calls or writes to by Twilio's own API, and gives the number; none for who has none, as a SIP address.
///
/// # Errors
/// As [`destination`], at `/To`: also for a number without a plus, of which only Twilio knows what country it takes it for.
pub(crate) fn addressed(config: &Config, to: &str) -> Result<Option<Number>, Error> {
    const WITHOUT_NUMBER: [&str; 8] = ["client", "sip", "sips", "whatsapp", "messenger", "rcs", "sim", "app"];
    let to = to.trim();
    if let Some((scheme, _)) = to.split_once(':')
        && WITHOUT_NUMBER.iter().any(|known| scheme.eq_ignore_ascii_case(known))
    {
        return Ok(None);
    }
    if !to.starts_with('+') {
        return Err(Error::invalid("/To", "a number with + and the country's code, as +14155550100"));
    }
    destination(config, to, "/To").map(Some)
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

    #[test]
    fn a_number_in_disguise_is_checked_all_the_same() {
        let config: Config =
            serde_json::from_value(json!({"account_sid": "AC00000000000000000000000000000001"})).unwrap();
        for number in ["+19002345678", "+1 900 234 5678", "+1900&#50;345678", "+1900<!-- -->2345678", "9002345678"] {
            let twiml = format!("<Response><Dial>{number}</Dial></Response>");
            let refused = document(&config, &twiml);
            assert!(refused.is_err_and(|error| error.to_string().contains("premium_rate")), "{number}");
        }
        for twiml in ["<!DOCTYPE r><Response/>", "<Response><Dial>somebody</Dial></Response>", "<Response><Dial>"] {
            assert!(matches!(document(&config, twiml), Err(Error::Invalid(_))), "{twiml}");
        }
        let twiml = "<Response><Dial><Sip>sip:a@example.com</Sip><Client>joe</Client></Dial></Response>";
        assert_eq!(document(&config, twiml), Ok(()));
    }

    #[test]
    fn who_has_no_number_is_nobody_to_check_and_a_number_is_written_whole() {
        let config: Config =
            serde_json::from_value(json!({"account_sid": "AC00000000000000000000000000000001"})).unwrap();
        let number = Number::parse("+14155550100", None).unwrap();
        assert_eq!(addressed(&config, "+1 415 555 0100"), Ok(Some(number)));
        for to in ["client:joe", "sip:a@example.com", "whatsapp:+14155550100"] {
            assert_eq!(addressed(&config, to), Ok(None), "{to}");
        }
        for to in ["19002345678", "9002345678", "+19002345678", " +19002345678", "tel:+19002345678", ""] {
            assert!(matches!(addressed(&config, to), Err(Error::Invalid(_))), "{to}");
        }
    }
}
