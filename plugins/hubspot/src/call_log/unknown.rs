//! Calls whose contact HubSpot's id is not known of: HubSpot is asked for the number first, then it is as the org's settings say.

use std::collections::{BTreeMap, BTreeSet};

use patchbay_sdk::sync::Write;
use patchbay_sdk::{Error, events, log};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Known, other_side, text};
use crate::api::Api;
use crate::config::{Config, UnknownContact};
use crate::object::{self, Object};
use crate::own_id;
use crate::push::batch::{self, Fate, Input};
use crate::resource::Resource;
use crate::turn;

/// The event.
const KIND: &str = "hubspot.contact_unknown";

/// The properties of a contact that can have the number.
const NUMBERS: [&str; 2] = ["phone", "mobilephone"];

/// The most numbers of one search: its body has at most 3,000 characters.
const NUMBERS_AT_ONCE: usize = 50;

/// The most searches for some numbers. One is enough, unless very many contacts have one of the numbers.
const SEARCHES: usize = 3;

/// The data of the event: a call was logged whose other side is no contact.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "HubSpotContactUnknown")]
pub(crate) struct ContactUnknown<'a> {
    /// The id of the record of the call.
    call: &'a str,
    /// HubSpot's id of the call: what a contact is to be associated with.
    hubspot_call: &'a str,
    /// The number of the other side, in E.164.
    number: &'a str,
    /// What the call is told to be from, or to.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    /// `inbound` or `outbound`.
    direction: &'a str,
}

#[derive(Deserialize)]
struct Found {
    #[serde(default)]
    total: u64,
    #[serde(default)]
    results: Vec<Object>,
}

/// Finds or makes the contacts of calls, as far as the org wants that.
pub(super) fn settle(
    config: &Config,
    api: &Api,
    calls: &[(&Write, String)],
    strangers: &[usize],
    contacts: &mut BTreeMap<usize, Known>,
) -> Result<(), Error> {
    let number_of =
        |index: &usize| calls.get(*index).map(|(write, _)| other_side(&write.data)).filter(|one| !one.is_empty());
    let numbers: BTreeSet<&str> = strangers.iter().filter_map(number_of).collect();
    let found = search(api, &numbers.into_iter().collect::<Vec<_>>())?;
    let mut left = Vec::new();
    for index in strangers {
        let Some(number) = number_of(index) else { continue };
        match (found.get(number), contacts.get_mut(index)) {
            (Some(id), Some(known)) => known.id = Some(id.clone()),
            _ => left.push((*index, number)),
        }
    }
    match config.unknown_contact {
        UnknownContact::Ignore => Ok(()),
        UnknownContact::Ask => left.into_iter().try_for_each(|(index, number)| match calls.get(index) {
            Some((write, id)) => ask(write, id, number),
            None => Ok(()),
        }),
        UnknownContact::Create => create(api, calls, &left, contacts),
    }
}

/// HubSpot's contacts with these numbers, written as they are here.
fn search(api: &Api, numbers: &[&str]) -> Result<BTreeMap<String, String>, Error> {
    let mut found = BTreeMap::new();
    for numbers in numbers.chunks(NUMBERS_AT_ONCE) {
        let mut left = numbers.to_vec();
        for _ in 0..SEARCHES {
            let answer = of_numbers(api, &left)?;
            for object in answer.results.iter().filter(|object| object::is_id(&object.id)) {
                for number in NUMBERS.into_iter().filter_map(|property| object.property(property)) {
                    // the oldest of several
                    found.entry(number.to_owned()).or_insert_with(|| object.id.clone());
                }
            }
            let before = left.len();
            left.retain(|number| !found.contains_key(*number));
            // those of one number may leave no room for others'
            let is_whole = u64::try_from(answer.results.len()).unwrap_or(u64::MAX) >= answer.total;
            if is_whole || left.is_empty() || left.len() == before {
                break;
            }
        }
    }
    Ok(found)
}

fn of_numbers(api: &Api, numbers: &[&str]) -> Result<Found, Error> {
    api.wait(turn::take_soon()?);
    let groups: Vec<Value> = NUMBERS
        .into_iter()
        .map(|property| json!({"filters": [{"propertyName": property, "operator": "IN", "values": numbers}]}))
        .collect();
    let body = json!({
        "filterGroups": groups, "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
        "properties": NUMBERS, "limit": 200, "after": "0",
    });
    api.ask(&api.objects(Resource::Contacts.path(), "/search"), &body)?.json()
}

fn ask(write: &Write, call: &str, number: &str) -> Result<(), Error> {
    let direction = text(&write.data, "direction");
    let name = text(&write.data, if direction == "inbound" { "from_name" } else { "to_name" });
    let data = ContactUnknown {
        call: &write.record,
        hubspot_call: call,
        number,
        name: Some(name).filter(|name| !name.is_empty()),
        direction,
    };
    events::publish(KIND, &write.record, &data, Some(&format!("contact_unknown:{call}"))).map(drop)
}

/// Makes a contact for each number, or for the record that has it. Under our own property, so that who is told twice is made once, and so that
/// the sync of contacts finds its own.
fn create(
    api: &Api,
    calls: &[(&Write, String)],
    left: &[(usize, &str)],
    contacts: &mut BTreeMap<usize, Known>,
) -> Result<(), Error> {
    let mut own = BTreeMap::new();
    for (index, number) in left {
        let known = contacts.get(index);
        let record = known.and_then(|known| known.record.as_deref());
        let name = record.map_or_else(|| format!("number:{number}"), str::to_owned);
        let call = calls.get(*index).map(|(write, _)| &write.data).unwrap_or(&Value::Null);
        let properties = properties(known.and_then(|known| known.data.as_ref()), call, number);
        own.entry(name).or_insert_with(|| (Vec::new(), properties)).0.push(*index);
    }
    let places: Vec<Vec<usize>> = own.values().map(|(places, _)| places.clone()).collect();
    let inputs = own.into_iter().enumerate();
    let inputs =
        inputs.map(|(place, (name, (_, properties)))| Input::write(place, None, &own_id::of(&name), properties));
    for (place, fate) in batch::send(api, Resource::Contacts, inputs.collect())? {
        match fate {
            Fate::Done { object, .. } => {
                for index in places.get(place).into_iter().flatten() {
                    contacts.entry(*index).or_default().id = Some(object.id.clone());
                }
            }
            Fate::Refused { message, .. } => {
                log::warn("HubSpot takes no contact for a call", &[("reason", &message)]);
            }
            Fate::Gone | Fate::Deleted => {}
        }
    }
    Ok(())
}

/// What is known of somebody.
fn properties(record: Option<&Value>, call: &Value, number: &str) -> Map<String, Value> {
    let mut properties = Map::new();
    properties.insert("phone".to_owned(), Value::from(number));
    if let Some(record) = record {
        for (name, field) in [("email", "email"), ("firstname", "first_name"), ("lastname", "last_name")] {
            let value = text(record, field);
            if !value.is_empty() {
                properties.insert(name.to_owned(), Value::from(value));
            }
        }
        return properties;
    }
    let name = text(call, if text(call, "direction") == "inbound" { "from_name" } else { "to_name" });
    let (first, last) = name.trim().rsplit_once(' ').unwrap_or((name.trim(), ""));
    for (name, value) in [("firstname", first), ("lastname", last)] {
        if !value.is_empty() {
            properties.insert(name.to_owned(), Value::from(value));
        }
    }
    properties
}
