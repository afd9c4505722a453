//! Writing: what is new by an upsert under a property of our own, what HubSpot has by its id, what is to go by its id.
//!
//! A batch goes out as one request. What HubSpot refuses of a batch as a whole is found by parts, so that one record with an e-mail address
//! that HubSpot does not like keeps no other from being written.

pub(crate) mod batch;

use patchbay_sdk::Error;
use patchbay_sdk::sync::{Pushed, Write, Written};
use serde_json::{Map, Value, json};

use crate::api::{Api, text_of};
use crate::config::Config;
use crate::object::{self, AMOUNT_CURRENCY, AMOUNT_MINOR, CONTACT, CONTACTS, DEAL_STATUS};
use crate::portal::{Portal, is_currency};
use crate::resource::Resource;
use crate::{association, call_log, failure, money, own_id};

use batch::{Fate, Input};

/// Writes records.
pub(crate) fn push(resource: &str, writes: &[Write]) -> Result<Pushed, Error> {
    let resource = Resource::named(resource)?;
    let config = Config::load()?;
    write(&config, resource, writes).map_err(failure::deferred)
}

fn write(config: &Config, resource: Resource, writes: &[Write]) -> Result<Pushed, Error> {
    let api = Api::of(config);
    let portal = Portal::load(&api)?;
    let mut written: Vec<Option<Written>> = writes.iter().map(|_| None).collect();
    let mut inputs = Vec::new();
    for (index, write) in writes.iter().enumerate() {
        let fate = match (plan(config, resource, &portal, write)?, &write.id) {
            (Plan::Delete, Some(id)) if object::is_id(id) => {
                inputs.push(Input::delete(index, id));
                continue;
            }
            (Plan::Write(_), Some(id)) if !object::is_id(id) => Written::Gone,
            (Plan::Delete, _) => Written::Gone,
            // HubSpot takes no change of nothing; what it belongs to may have changed all the same
            (Plan::Write(properties), Some(id)) if properties.is_empty() => Written::Done {
                id: id.clone(),
                modified_at: None,
                created: false,
                url: Some(portal.link(resource, id)),
            },
            (Plan::Write(properties), id) => {
                inputs.push(Input::write(index, id.as_deref(), &own_id::of(&write.record), properties));
                continue;
            }
            (Plan::Not(written), _) => written,
        };
        if let Some(place) = written.get_mut(index) {
            *place = Some(fate);
        }
    }
    for (index, fate) in batch::send(&api, resource, inputs)? {
        let told = told(fate, resource, &portal, writes.get(index));
        if let Some(place) = written.get_mut(index) {
            *place = Some(told);
        }
    }
    let missing = || Error::Internal("a write was not answered".to_owned());
    let written = written.into_iter().map(|one| one.ok_or_else(missing)).collect::<Result<Vec<_>, _>>()?;
    associate(config, &api, resource, writes, &written)?;
    Ok(Pushed { written, pause_ms: api.pause_ms() })
}

/// What is to be done with a record.
enum Plan {
    /// These properties are set.
    Write(Map<String, Value>),
    Delete,
    /// Nothing, for this reason.
    Not(Written),
}

/// The properties of a record, or why there are none to set.
fn plan(config: &Config, resource: Resource, portal: &Portal, write: &Write) -> Result<Plan, Error> {
    if write.delete {
        return Ok(Plan::Delete);
    }
    let mut properties = match resource {
        Resource::Calls if !call_log::has_ended(&write.data) => {
            return Ok(Plan::Not(Written::Skipped { reason: "the call has not ended".to_owned() }));
        }
        Resource::Calls => {
            let told = call_log::properties(config, &write.record, &write.data)?;
            if write.id.is_some() { call_log::changed(told, &write.fields) } else { told }
        }
        Resource::Contacts | Resource::Companies | Resource::Deals => Map::new(),
    };
    for (name, value) in &write.fields {
        match name.as_str() {
            // said by associations, or computed by HubSpot
            CONTACTS | CONTACT | DEAL_STATUS => {}
            AMOUNT_MINOR | AMOUNT_CURRENCY => match amount(portal, write) {
                Ok(amount) => properties.extend(amount),
                Err(refused) => return Ok(Plan::Not(refused)),
            },
            name if company_field(resource) == Some(name) => {}
            name if call_log::COMPUTED.iter().any(|computed| computed.name == name) => {}
            // HubSpot wants an instant where a deal has a day
            "closedate" => drop(properties.insert(name.clone(), Value::from(instant(&text_of(value))))),
            _ => drop(properties.insert(name.clone(), Value::from(text_of(value)))),
        }
    }
    Ok(Plan::Write(properties))
}

/// The amount of a deal. An account that knows one currency takes no other's.
fn amount(portal: &Portal, write: &Write) -> Result<Map<String, Value>, Written> {
    let mut properties = Map::new();
    let Some(minor) = write.data.pointer("/amount/amount").and_then(Value::as_i64) else {
        properties.insert("amount".to_owned(), Value::from(""));
        return Ok(properties);
    };
    let told = write.data.pointer("/amount/currency").and_then(Value::as_str).filter(|code| is_currency(code));
    let Some(currency) = told.or_else(|| portal.currency()) else {
        return Err(Written::Refused {
            message: "the amount has no currency".to_owned(),
            field: Some(AMOUNT_CURRENCY.to_owned()),
        });
    };
    properties.insert("amount".to_owned(), Value::from(money::to_decimal(minor, currency)));
    // said of each deal where there are several, so that one that had another before does not keep it
    if portal.has_currencies() || portal.currency() != Some(currency) {
        properties.insert("deal_currency_code".to_owned(), Value::from(currency));
    }
    Ok(properties)
}

fn instant(text: &str) -> String {
    if text.len() == 10 && text.as_bytes().get(4) == Some(&b'-') {
        format!("{text}T00:00:00Z")
    } else {
        text.to_owned()
    }
}

/// The field that names the company of a contact or a deal: HubSpot computes it from an association.
const fn company_field(resource: Resource) -> Option<&'static str> {
    match resource {
        Resource::Contacts => Some("associatedcompanyid"),
        Resource::Deals => Some("hs_primary_associated_company"),
        Resource::Companies | Resource::Calls => None,
    }
}

/// What the hub is told of a write.
fn told(fate: Fate, resource: Resource, portal: &Portal, write: Option<&Write>) -> Written {
    match fate {
        Fate::Done { object, created } => Written::Done {
            url: Some(object.link(resource, portal)),
            modified_at: object.modified_at(resource),
            created,
            id: object.id,
        },
        Fate::Deleted => Written::Done {
            id: write.and_then(|write| write.id.clone()).unwrap_or_default(),
            modified_at: None,
            created: false,
            url: None,
        },
        Fate::Gone => Written::Gone,
        Fate::Refused { message, field } => Written::Refused { message, field },
    }
}

/// What the written ones belong to. Former associations stay.
fn associate(
    config: &Config,
    api: &Api,
    resource: Resource,
    writes: &[Write],
    written: &[Written],
) -> Result<(), Error> {
    let done = || {
        writes.iter().zip(written).filter_map(|(write, written)| match written {
            Written::Done { id, .. } if !write.delete => Some((write, id.clone())),
            _ => None,
        })
    };
    if resource == Resource::Calls {
        let calls: Vec<(&Write, String)> = done().collect();
        return call_log::associate(config, api, &calls);
    }
    let mut companies = Vec::new();
    let mut contacts = Vec::new();
    for (write, id) in done() {
        let field = |name: &str| write.fields.get(name);
        companies
            .extend(company_field(resource).into_iter().filter_map(field).flat_map(ids).map(|to| (id.clone(), to)));
        if resource == Resource::Deals {
            let named = [CONTACTS, CONTACT].into_iter().filter_map(field);
            contacts.extend(named.flat_map(ids).map(|to| (id.clone(), to)));
        }
    }
    contacts.sort_unstable();
    contacts.dedup();
    association::note(association::create_default(api, (resource, Resource::Companies), &companies)?);
    association::note(association::create_default(api, (resource, Resource::Contacts), &contacts)?);
    Ok(())
}

/// The ids in a value, of which there can be several.
fn ids(value: &Value) -> Vec<String> {
    text_of(value).split(';').map(str::trim).filter(|id| object::is_id(id)).map(str::to_owned).collect()
}

/// A body with inputs.
fn inputs(inputs: Vec<Value>) -> Value {
    json!({"inputs": inputs})
}
