//! Text messages that the organization sends.

use patchbay_sdk::{Call, Error, Verbatim, http, installation};
use patchbay_telephony::message::opt_out;
use patchbay_telephony::phone::Number;

use crate::api::{self, Api};
use crate::config::Config;
use crate::form::Parameters;
use crate::incoming;
use crate::messages::{self, Message};
use crate::outward;
use crate::types::messages::{MessageSid, SendSms};

pub(crate) fn send(call: Call<SendSms>) -> Result<Verbatim<Message>, Error> {
    let (config, api) = incoming::account()?;
    let asked = call.input;
    let to = outward::destination(&config, &asked.to, "/to")?;
    if asked.body.is_none() && asked.media_urls.is_empty() {
        return Err(Error::invalid("/body", "a text, or an address among `media_urls`"));
    }
    let parameters = match (asked.from, asked.messaging_service_sid) {
        (Some(from), None) => Parameters::new().set("From", sender(&config, from)),
        (None, Some(service)) => Parameters::new().set("MessagingServiceSid", service),
        _ => return Err(Error::invalid("", "exactly one of `from` and `messaging_service_sid`")),
    };
    outward::count_message(&config, &to)?;
    let parameters = parameters
        .maybe("Body", asked.body)
        .each("MediaUrl", &asked.media_urls)
        .shown("ValidityPeriod", asked.validity_s);
    api::verbatim(post(&api, &to, parameters)?)
}

/// Sends a text that was composed here, and gives Twilio's description of the message.
///
/// # Errors
/// As for a message that somebody sends: where it may not go, and how often.
pub(crate) fn text(config: &Config, api: &Api, to: &Number, from: &str, body: &str) -> Result<Message, Error> {
    outward::allowed(config, to, "/to")?;
    outward::count_message(config, to)?;
    let parameters = Parameters::new().set("From", sender(config, from.to_owned())).set("Body", body);
    post(api, to, parameters)?.json()
}

fn post(api: &Api, to: &Number, parameters: Parameters) -> Result<http::WholeResponse, Error> {
    let parameters = parameters.set("To", to.as_str()).set("StatusCallback", installation::webhook_url());
    let sent = api.post("/Messages", &parameters);
    if let Err(Error::Upstream(refusal)) = &sent
        && refusal.code.as_deref().is_some_and(|code| opt_out::is_refusal("twilio", code))
    {
        // Twilio knows of a wish that never came by here
        messages::silence(to.as_str())?;
    }
    let response = sent?;
    messages::read(&response.json()?)?;
    Ok(response)
}

/// A number as Twilio wants it; short codes and names stay as they are.
fn sender(config: &Config, from: String) -> String {
    match Number::parse(&from, config.default_country.as_deref()) {
        Ok(number) if from.len() > 8 => number.as_str().to_owned(),
        _ => from,
    }
}

pub(crate) fn get(call: Call<MessageSid>) -> Result<Verbatim<Message>, Error> {
    let (_, api) = incoming::account()?;
    let below = format!("/Messages/{}", api::sid(&call.input.sid, &["SM", "MM"], "/sid")?);
    let response = api.get(&below, &Parameters::new())?;
    messages::read(&response.json()?)?;
    api::verbatim(response)
}
