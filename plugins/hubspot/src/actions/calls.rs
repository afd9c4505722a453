//! Calls in timelines, and who it was.

use patchbay_crm::{Caller, FindCaller};
use patchbay_sdk::{Call, Error, clock};
use serde_json::{Map, Value, json};

use super::{Answer, one};
use crate::api::Api;
use crate::association::{self, CALL_TO_CONTACT, CALL_TO_DEAL, Refused};
use crate::call_log;
use crate::config::Config;
use crate::object::is_id;
use crate::own_id;
use crate::portal::Portal;
use crate::push::batch::{self, Fate, Input};
use crate::resource::Resource;
use crate::turn;
use crate::types::{FindContact, FoundContact, LogCall, LoggedCall, Object};

/// What a person is told of somebody, if nothing else is wanted.
const USUAL: [&str; 6] = ["firstname", "lastname", "email", "phone", "mobilephone", "company"];

/// Who has a number, by the records here.
pub(crate) fn find_caller(call: Call<FindCaller>) -> Result<Caller, Error> {
    patchbay_crm::find_caller("hubspot", &call.input)
}

pub(crate) fn log_call(call: Call<LogCall>) -> Result<LoggedCall, Error> {
    let input = call.input;
    let config = Config::load()?;
    let api = Api::of(&config);
    let portal = Portal::load(&api)?;
    let properties = properties(&config, &input)?;
    let id = match &input.external_id {
        Some(own) => upserted(&api, &own_id::of(&format!("log:{own}")), properties)?,
        None => {
            let body = json!({"properties": properties, "associations": []});
            let path = api.objects(Resource::Calls.path(), "");
            api.write("POST", &path, &body, false)?.json::<Object>()?.id
        }
    };
    let pairs =
        |ids: &[String]| -> Vec<(String, String)> { ids.iter().map(|other| (id.clone(), other.clone())).collect() };
    let mut refused =
        association::create(&api, (Resource::Calls, Resource::Contacts), CALL_TO_CONTACT, &pairs(&input.contacts))?;
    refused.extend(association::create(&api, (Resource::Calls, Resource::Deals), CALL_TO_DEAL, &pairs(&input.deals))?);
    if let Some(Refused { status, message }) = refused.into_iter().next() {
        return Err(Error::upstream(status, message));
    }
    Ok(LoggedCall { url: portal.link(Resource::Calls, &id), id })
}

fn upserted(api: &Api, own: &str, properties: Map<String, Value>) -> Result<String, Error> {
    let fates = batch::send(api, Resource::Calls, vec![Input::write(0, None, own, properties)])?;
    match fates.into_iter().next() {
        Some((_, Fate::Done { object, .. })) => Ok(object.id),
        Some((_, Fate::Refused { message, .. })) => Err(Error::upstream(400, message)),
        _ => Err(Error::upstream(200, "HubSpot does not tell what became of the call")),
    }
}

/// As for a call of the hub, with what the input says itself.
fn properties(config: &Config, input: &LogCall) -> Result<Map<String, Value>, Error> {
    let started = match input.started_at.as_deref() {
        Some(text) => clock::parse_rfc3339(text).ok_or_else(|| Error::invalid("/started_at", "a time in RFC 3339"))?,
        None => clock::now(),
    };
    let direction = serde_json::to_value(input.direction).map_err(|error| Error::Internal(error.to_string()))?;
    let status = serde_json::to_value(input.status).map_err(|error| Error::Internal(error.to_string()))?;
    let lower = |value: &Value| value.as_str().unwrap_or_default().to_ascii_lowercase().replace('_', "-");
    let call = json!({
        "direction": lower(&direction), "status": lower(&status), "outcome": input.outcome, "from": input.from, "to": input.to,
        "summary": input.summary, "started_at": clock::rfc3339(started),
    });
    let mut properties = call_log::own_properties(config, &call, input.summary.as_deref().unwrap_or_default());
    let mut set = |name: &str, value: Option<String>| {
        properties.extend(value.filter(|value| !value.is_empty()).map(|value| (name.to_owned(), Value::from(value))));
    };
    set("hs_call_title", input.title.clone());
    set("hs_call_duration", input.duration_s.map(|seconds| (u64::from(seconds) * 1000).to_string()));
    set("hs_call_from_number", input.from.clone());
    set("hs_call_to_number", input.to.clone());
    set("hs_call_recording_url", input.recording_url.clone());
    Ok(properties)
}

pub(crate) fn find_contact(call: Call<FindContact>) -> Result<FoundContact, Error> {
    let FindContact { email, phone, properties } = call.input;
    let properties: Vec<String> = if properties.is_empty() { USUAL.map(str::to_owned).into() } else { properties };
    let api = Api::open()?;
    let contact = match (email, phone) {
        (Some(email), None) => by_email(&api, &email, &properties)?,
        (None, Some(phone)) => by_phone(&api, &phone, &properties)?,
        _ => return Err(Error::invalid("", "either `email` or `phone`")),
    };
    let contact = contact.filter(|contact| is_id(&contact.id));
    let portal = Portal::load(&api)?;
    let url = contact.as_ref().map(|contact| portal.link(Resource::Contacts, &contact.id));
    Ok(FoundContact { found: contact.is_some(), contact, url })
}

fn by_email(api: &Api, email: &str, properties: &[String]) -> Result<Option<Object>, Error> {
    let path = one(api, Resource::Contacts.path(), email, true)?;
    let properties = properties.join(",");
    match api.get(&path, &[("idProperty", "email"), ("properties", &properties)]) {
        Ok(contact) => Ok(Some(contact)),
        Err(Error::Upstream(failure)) if failure.status == 404 => Ok(None),
        Err(other) => Err(other),
    }
}

fn by_phone(api: &Api, phone: &str, properties: &[String]) -> Result<Option<Object>, Error> {
    let group = |name: &str| json!({"filters": [{"propertyName": name, "operator": "EQ", "value": phone}]});
    let body = json!({
        "filterGroups": [group("phone"), group("mobilephone")], "properties": properties, "limit": 1, "after": "0",
        "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
    });
    turn::take_soon()?;
    let answer: Answer<Object> = api.ask(&api.objects(Resource::Contacts.path(), "/search"), &body)?.json()?;
    Ok(answer.results.into_iter().next())
}
