//! One record.

use patchbay_sdk::{Call, Error, http};
use serde::Deserialize;

use crate::api::{self, Org};
use crate::types::records::{Create, Delete, Get, Record, Update, Upsert, Written};
use crate::{ids, soql};

#[derive(Deserialize)]
struct Saved {
    id: String,
    #[serde(default)]
    created: Option<bool>,
}

pub(crate) fn get(call: Call<Get>) -> Result<Record, Error> {
    let Get { object, id, field, fields } = call.input;
    let org = Org::load()?;
    let place = match field {
        Some(field) => format!("/{}/{}", api::name("/field", &field)?, api::segment("/id", &id)?),
        None => format!("/{}", record_id(&id)?),
    };
    if let Some(wrong) = fields.iter().position(|field| !soql::is_name(field)) {
        return Err(Error::invalid(format!("/fields/{wrong}"), "a field's API name, as in Email"));
    }
    let mut request = http::Request::get(org.object_url(&object, &place)?);
    if !fields.is_empty() {
        request = request.query("fields", &fields.join(","));
    }
    Ok(Record { record: api::send(request)?.read()? })
}

pub(crate) fn create(call: Call<Create>) -> Result<Written, Error> {
    let org = Org::load()?;
    // no repeat by the hub: a second one would be made
    let request = http::Request::post(org.object_url(&call.input.object, "")?);
    let saved: Saved = api::send_json(request, &call.input.fields)?.read()?;
    Ok(written(&org, saved.id, true))
}

pub(crate) fn update(call: Call<Update>) -> Result<Written, Error> {
    let Update { object, id, fields } = call.input;
    let org = Org::load()?;
    if fields.keys().any(|name| name.eq_ignore_ascii_case("id")) {
        return Err(Error::invalid("/fields/Id", "nothing: the id is said beside the fields"));
    }
    let request = http::Request::patch(org.object_url(&object, &format!("/{}", record_id(&id)?))?).repeatable(true);
    api::send_json(request, &fields)?;
    Ok(written(&org, id, false))
}

pub(crate) fn upsert(call: Call<Upsert>) -> Result<Written, Error> {
    let Upsert { object, field, value, fields, update_only } = call.input;
    let org = Org::load()?;
    let field = field.as_deref().unwrap_or_else(|| org.config.external_id());
    let place = format!("/{}/{}", api::name("/field", field)?, api::segment("/value", &value)?);
    if fields.keys().any(|name| name.eq_ignore_ascii_case(field)) {
        return Err(Error::invalid("/fields", format!("no {field}: its value is said beside the fields")));
    }
    let mut request = http::Request::patch(org.object_url(&object, &place)?).repeatable(true);
    if update_only {
        request = request.query("updateOnly", "true");
    }
    let saved: Saved = api::send_json(request, &fields)?.read()?;
    let created = saved.created.unwrap_or(false);
    Ok(written(&org, saved.id, created))
}

pub(crate) fn delete(call: Call<Delete>) -> Result<Written, Error> {
    let Delete { object, id } = call.input;
    let org = Org::load()?;
    api::send(http::Request::delete(org.object_url(&object, &format!("/{}", record_id(&id)?))?))?;
    Ok(written(&org, id, false))
}

fn record_id(id: &str) -> Result<&str, Error> {
    if ids::is_id(id) { Ok(id) } else { Err(Error::invalid("/id", "an id of Salesforce: 15 or 18 letters and digits")) }
}

fn written(org: &Org, id: String, created: bool) -> Written {
    Written { url: org.link(&id), id, created }
}
