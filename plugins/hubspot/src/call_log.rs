//! Calls in HubSpot's timeline: what a call's record becomes there, and whom and what it belongs to.

mod later;
mod unknown;
mod words;

pub(crate) use later::take;
pub(crate) use unknown::ContactUnknown;

use std::collections::BTreeMap;

use patchbay_sdk::sync::Write;
use patchbay_sdk::{Error, clock, objects, records};
use serde_json::{Map, Value, json};

use crate::api::Api;
use crate::association::{self, CALL_TO_CONTACT, CALL_TO_DEAL};
use crate::config::Config;
use crate::object;
use crate::resource::Resource;

/// What this plugin is called in records' `external_ids`.
const SOURCE: &str = "hubspot";

/// HubSpot's property with the link of a call's recording.
const RECORDING_URL: &str = "hs_call_recording_url";

/// What a sync says of a call beside HubSpot's properties.
pub(crate) struct Computed {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    /// What is written because of it, which is computed from the whole record.
    properties: &'static [&'static str],
}

/// Such a field only says that it has changed, which may be long after the call was told.
pub(crate) static COMPUTED: [Computed; 5] = [
    Computed {
        name: "call.status",
        title: "How the call ended",
        properties: &["hs_call_status", "hs_call_disposition"],
    },
    Computed { name: "call.outcome", title: "What came of the call", properties: &["hs_call_disposition"] },
    Computed { name: "call.summary", title: "What was said", properties: &["hs_call_body"] },
    Computed { name: "call.contact", title: "Association with a contact", properties: &[] },
    Computed { name: "call.deal", title: "Association with a deal", properties: &[] },
];

/// How many of a call's recordings are looked at.
const RECORDINGS: u32 = 20;

/// A deal that is not decided yet.
const OPEN: &str = "open";

/// True if nothing more will happen in it.
pub(crate) fn has_ended(call: &Value) -> bool {
    words::status(text(call, "status")).is_some()
}

/// The properties of a call that is a record, but for those that the mapping has.
///
/// # Errors
/// As [`records::query`].
pub(crate) fn properties(config: &Config, record: &str, call: &Value) -> Result<Map<String, Value>, Error> {
    let summary = match text(call, "summary") {
        "" => of_transcripts(record)?,
        own => own.to_owned(),
    };
    let mut properties = own_properties(config, call, &summary);
    properties.extend(recording(record)?.map(|url| (RECORDING_URL.to_owned(), Value::from(url))));
    Ok(properties)
}

/// Of all properties of a call that HubSpot has, those that are written because these fields have changed: a title or a text that people have
/// written there since stays.
pub(crate) fn changed(mut properties: Map<String, Value>, fields: &Map<String, Value>) -> Map<String, Value> {
    let about: Vec<&Computed> = COMPUTED.iter().filter(|computed| fields.contains_key(computed.name)).collect();
    let is_about = |name: &str| about.iter().any(|computed| computed.properties.contains(&name));
    properties.retain(|name, _| name == RECORDING_URL || is_about(name));
    properties
}

/// What a call says of itself.
pub(crate) fn own_properties(config: &Config, call: &Value, summary: &str) -> Map<String, Value> {
    let told = [
        ("hs_timestamp", Some(begin_of(call))),
        ("hs_call_title", Some(words::title(call))),
        ("hs_call_body", Some(words::body(summary))),
        ("hs_call_status", words::status(text(call, "status")).map(str::to_owned)),
        ("hs_call_direction", words::direction(text(call, "direction")).map(str::to_owned)),
        ("hs_call_disposition", words::disposition(config, call)),
        ("hubspot_owner_id", config.call_owner.clone()),
    ];
    let told = told.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    told.filter(|(_, value)| !value.is_empty()).map(|(name, value)| (name, Value::from(value))).collect()
}

/// When it began. HubSpot needs a time of every call; one without any began when it is told.
fn begin_of(call: &Value) -> String {
    let times = ["started_at", "answered_at", "ended_at"];
    let at = times.into_iter().find_map(|name| clock::parse_rfc3339(text(call, name)));
    at.unwrap_or_else(clock::now).to_string()
}

/// The link of a recording that lasts.
fn recording(record: &str) -> Result<Option<String>, Error> {
    let found = records::query::<Value>(objects::RECORDING, &json!({"call_id": record}), RECORDINGS, None)?;
    let mut recordings = found.documents.into_iter().map(|document| document.data);
    Ok(recordings.find_map(|recording| {
        let lasts = recording.get("url_expires_at").is_none_or(Value::is_null);
        let url = text(&recording, "url");
        let fits = text(&recording, "status") == "available" && lasts && url.starts_with("https://");
        fits.then(|| url.to_owned())
    }))
}

/// The summary of a call's transcripts.
fn of_transcripts(record: &str) -> Result<String, Error> {
    let found = records::query::<Value>(objects::TRANSCRIPT, &json!({"call_id": record}), RECORDINGS, None)?;
    let mut transcripts = found.documents.iter().map(|document| text(&document.data, "summary"));
    Ok(transcripts.find(|summary| !summary.is_empty()).unwrap_or_default().to_owned())
}

/// Who was called, or who called.
pub(crate) fn other_side(call: &Value) -> &str {
    text(call, if text(call, "direction") == "inbound" { "from" } else { "to" })
}

/// A contact here, and at HubSpot.
#[derive(Debug, Default)]
struct Known {
    /// The record's id.
    record: Option<String>,
    /// The record.
    data: Option<Value>,
    /// HubSpot's id.
    id: Option<String>,
}

impl Known {
    fn of(record: &str, data: Value) -> Self {
        Self { record: Some(record.to_owned()), id: external_id(&data), data: Some(data) }
    }
}

/// Associates calls, by HubSpot's ids of them, with contacts and deals.
///
/// # Errors
/// As [`Api::try_write`] and [`records::query`].
pub(crate) fn associate(config: &Config, api: &Api, calls: &[(&Write, String)]) -> Result<(), Error> {
    let mut contacts: BTreeMap<usize, Known> = BTreeMap::new();
    for (index, (write, _)) in calls.iter().enumerate() {
        contacts.insert(index, contact_of(&write.data)?);
    }
    // who was unknown when the call was first told stays so, unless the hub has learned it since; and between people of the organization
    // nobody is a stranger
    let is_new = |index: &usize| {
        let call = calls.get(*index).map(|(write, _)| write).filter(|write| write.id.is_none());
        call.is_some_and(|write| text(&write.data, "direction") != "internal")
    };
    let strangers: Vec<usize> =
        contacts.iter().filter(|(index, known)| known.id.is_none() && is_new(index)).map(|(index, _)| *index).collect();
    unknown::settle(config, api, calls, &strangers, &mut contacts)?;
    let mut to_contacts = Vec::new();
    let mut to_deals = Vec::new();
    for (index, (write, call)) in calls.iter().enumerate() {
        let known = contacts.get(&index);
        to_contacts.extend(known.and_then(|known| known.id.clone()).map(|contact| (call.clone(), contact)));
        let record = known.and_then(|known| known.record.as_deref());
        to_deals.extend(deal_of(&write.data, record)?.map(|deal| (call.clone(), deal)));
    }
    association::note(association::create(api, (Resource::Calls, Resource::Contacts), CALL_TO_CONTACT, &to_contacts)?);
    association::note(association::create(api, (Resource::Calls, Resource::Deals), CALL_TO_DEAL, &to_deals)?);
    Ok(())
}

/// The contact that the call names, or that has the other side's number.
fn contact_of(call: &Value) -> Result<Known, Error> {
    let named = text(call, "contact_id");
    if !named.is_empty()
        && let Some(found) = records::get::<Value>(objects::CONTACT, named)?
    {
        return Ok(Known::of(named, found.data));
    }
    let number = other_side(call);
    if number.is_empty() {
        return Ok(Known::default());
    }
    let found = records::query::<Value>(objects::CONTACT, &json!({"phone": number}), 10, None)?;
    let mut known: Vec<Known> = found.documents.into_iter().map(|one| Known::of(&one.id, one.data)).collect();
    // of several with one number the one that HubSpot has
    let place = known.iter().position(|one| one.id.is_some()).unwrap_or(0);
    Ok(if known.is_empty() { Known::default() } else { known.swap_remove(place) })
}

/// HubSpot's id of the deal that the call names, or of the one open deal of its contact.
fn deal_of(call: &Value, contact: Option<&str>) -> Result<Option<String>, Error> {
    let named = call.pointer("/extra/deal_id").and_then(Value::as_str).unwrap_or_default();
    if !named.is_empty() {
        let found = records::get::<Value>(objects::DEAL, named)?;
        return Ok(found.and_then(|found| external_id(&found.data)));
    }
    let Some(contact) = contact else { return Ok(None) };
    let found = records::query::<Value>(objects::DEAL, &json!({"contact_id": contact, "status": OPEN}), 2, None)?;
    Ok(match found.documents.as_slice() {
        [one] => external_id(&one.data),
        _ => None,
    })
}

/// HubSpot's id of a record.
fn external_id(record: &Value) -> Option<String> {
    let id = record.get("external_ids").and_then(|ids| ids.get(SOURCE)).and_then(Value::as_str);
    id.filter(|id| object::is_id(id)).map(str::to_owned)
}

/// A text member; the empty text if there is none.
fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}
