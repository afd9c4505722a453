//! Who calls, and what is noted of a call.

use patchbay_crm::{Caller, FindCaller};
use patchbay_sdk::{Call, Error, clock};
use serde_json::{Map, Value};

use crate::api::Org;
use crate::calls::{self, Logged, Note};
use crate::config::UnknownCaller;
use crate::ids;
use crate::sync::{Fields, Resource, matching};
use crate::types::calls::{Contacts, Direction, FindContact, FoundContact, LogCall, LoggedCall};

/// Contacts that are given, at most.
const MOST: usize = 50;

pub(crate) fn find_contact(call: Call<FindContact>) -> Result<Contacts, Error> {
    let org = Org::load()?;
    let (found, _) = match (call.input.phone, call.input.email) {
        (Some(phone), None) => calls::contacts_with(&org, &[phone])?,
        (None, Some(email)) => {
            let fields = Fields::new(&calls::asked())?;
            matching::find(&org, Resource::Contact, &fields, &["Email"], &[email])?
        }
        _ => return Err(Error::invalid("", "either a `phone` or an `email`")),
    };
    Ok(Contacts { contacts: found.iter().take(MOST).filter_map(|record| contact(&org, record)).collect() })
}

/// Who has a number, by the records here.
pub(crate) fn find_caller(call: Call<FindCaller>) -> Result<Caller, Error> {
    patchbay_crm::find_caller("salesforce", &call.input)
}

fn contact(org: &Org, record: &Map<String, Value>) -> Option<FoundContact> {
    let text = |name: &str| record.get(name).and_then(Value::as_str).map(str::to_owned);
    let id = ids::whole(&text("Id")?)?;
    Some(FoundContact {
        url: org.link(&id),
        id,
        name: text("Name"),
        email: text("Email"),
        phone: text("Phone"),
        mobile_phone: text("MobilePhone"),
        account_id: text("AccountId"),
    })
}

pub(crate) fn log_call(call: Call<LogCall>) -> Result<LoggedCall, Error> {
    let org = Org::load()?;
    let mut notes = vec![note(call.input)?];
    calls::find_contacts(&org, &mut notes)?;
    let is_known = notes.iter().all(|note| note.who.is_some());
    if !is_known && org.config.unknown_caller == UnknownCaller::Ignore {
        return Ok(LoggedCall { logged: false, task_id: None, created: false, contact_id: None, url: None });
    }
    let Logged { task, known, contacts } = calls::log(&org, notes)?;
    let outcome = task.outcomes.into_iter().next().unwrap_or_default();
    let Some(id) = outcome.id.filter(|_| outcome.success) else {
        let reason = outcome.errors.into_iter().next().unwrap_or_default();
        return Err(Error::upstream(400, reason.text()));
    };
    Ok(LoggedCall {
        logged: true,
        url: Some(org.link(&id)),
        task_id: Some(id),
        created: !known.first().copied().unwrap_or(false),
        contact_id: contacts.into_iter().next().flatten(),
    })
}

fn note(asked: LogCall) -> Result<Note, Error> {
    for (pointer, id) in [("/contact_id", &asked.contact_id), ("/related_id", &asked.related_id)] {
        if id.as_ref().is_some_and(|id| !ids::is_id(id)) {
            return Err(Error::invalid(pointer, "an id of Salesforce: 15 or 18 letters and digits"));
        }
    }
    let (direction, kind) = match asked.direction {
        Direction::Inbound => ("inbound", "Inbound"),
        Direction::Outbound => ("outbound", "Outbound"),
        Direction::Internal => ("internal", "Internal"),
    };
    let party = asked.name.as_deref().or(asked.number.as_deref());
    let subject = asked.subject.unwrap_or_else(|| calls::subject(direction, "completed", party));
    let today = || clock::rfc3339(clock::now()).chars().take(10).collect::<String>();
    let mut fields = Map::new();
    fields.insert("Subject".to_owned(), Value::from(subject));
    fields.insert("CallType".to_owned(), Value::from(kind));
    fields.insert("ActivityDate".to_owned(), Value::from(asked.date.unwrap_or_else(today)));
    let more = [
        ("CallDurationInSeconds", asked.duration_s.map(Value::from)),
        ("CallDisposition", asked.outcome.map(Value::from)),
        ("Description", asked.description.map(Value::from)),
    ];
    for (name, value) in more {
        if let Some(value) = value {
            fields.insert(name.to_owned(), value);
        }
    }
    Ok(Note {
        key: asked.call_id,
        who: asked.contact_id,
        is_ambiguous: false,
        what: asked.related_id,
        number: asked.number,
        name: asked.name,
        fields,
    })
}
