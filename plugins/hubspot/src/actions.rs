//! The typed operations on objects, their associations and the account.

mod calls;

use patchbay_sdk::{Call, Error};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::api::{self, Api, segment};
use crate::object;
use crate::portal::Portal;
use crate::turn;
use crate::types::{
    Account, Archived, Associate, Associated, AssociatedWith, AssociationList, AssociationType, BatchRead, BatchUpsert,
    CreateObject, DeleteObject, GetObject, ListAssociations, ListOwners, ListPipelines, ListProperties, MergeObjects,
    Nothing, Object, ObjectList, Owner, Owners, Page, Pipelines, Properties, Search, UpdateObject,
};

pub(crate) use calls::{find_caller, find_contact, log_call};

/// The most results of one search, whatever its pages.
const MOST_FOUND: u32 = 10_000;

/// An answer in pages.
#[derive(Deserialize)]
struct Answer<T> {
    #[serde(default)]
    total: u64,
    #[serde(default = "Vec::new")]
    results: Vec<T>,
    paging: Option<Paging>,
}

#[derive(Deserialize)]
struct Paging {
    next: Option<Next>,
}

#[derive(Deserialize)]
struct Next {
    after: String,
}

impl<T> Answer<T> {
    fn next(&mut self) -> Option<String> {
        self.paging.take().and_then(|paging| paging.next).map(|next| next.after)
    }
}

pub(crate) fn get_object(call: Call<GetObject>) -> Result<Object, Error> {
    let GetObject { object, id, id_property, properties } = call.input;
    let api = Api::open()?;
    let properties = properties.join(",");
    let mut query = Vec::new();
    if !properties.is_empty() {
        query.push(("properties", properties.as_str()));
    }
    query.extend(id_property.as_deref().map(|name| ("idProperty", name)));
    api.get(&one(&api, object.path(), &id, id_property.is_some())?, &query)
}

/// The path of one object. A value of a property may have any characters; they are escaped.
fn one(api: &Api, kind: &str, id: &str, is_value: bool) -> Result<String, Error> {
    if !is_value {
        return Ok(api.objects(kind, &format!("/{}", segment("/id", id)?)));
    }
    let escaped: String = id
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'@' => char::from(byte).to_string(),
            // a dot stands between letters, where no path is meant by it
            b'.' if id.trim_matches('.') == id => ".".to_owned(),
            _ => format!("%{byte:02X}"),
        })
        .collect();
    Ok(api.objects(kind, &format!("/{escaped}")))
}

pub(crate) fn create_object(call: Call<CreateObject>) -> Result<Object, Error> {
    let CreateObject { object, properties, associations } = call.input;
    let api = Api::open()?;
    let associations: Vec<Value> = associations
        .into_iter()
        .map(|with| {
            json!({"to": {"id": with.id}, "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": with.type_id}]})
        })
        .collect();
    let body = json!({"properties": properties, "associations": associations});
    api.write("POST", &api.objects(object.path(), ""), &body, false)?.json()
}

pub(crate) fn update_object(call: Call<UpdateObject>) -> Result<Object, Error> {
    let UpdateObject { object, id, id_property, properties } = call.input;
    let api = Api::open()?;
    let mut path = one(&api, object.path(), &id, id_property.is_some())?;
    if let Some(name) = &id_property {
        path.push_str("?idProperty=");
        path.push_str(segment("/id_property", name)?);
    }
    api.write("PATCH", &path, &json!({"properties": properties}), true)?.json()
}

pub(crate) fn delete_object(call: Call<DeleteObject>) -> Result<Archived, Error> {
    let api = Api::open()?;
    api.delete(&one(&api, call.input.object.path(), &call.input.id, false)?)?;
    Ok(Archived { archived: true })
}

pub(crate) fn batch_read(call: Call<BatchRead>) -> Result<ObjectList, Error> {
    let BatchRead { object, ids, id_property, properties, archived } = call.input;
    let api = Api::open()?;
    let inputs: Vec<Value> = ids.into_iter().map(|id| json!({"id": id})).collect();
    let mut body = Map::new();
    body.insert("inputs".to_owned(), Value::from(inputs));
    body.insert("properties".to_owned(), Value::from(properties));
    body.insert("propertiesWithHistory".to_owned(), Value::Array(Vec::new()));
    body.extend(id_property.map(|name| ("idProperty".to_owned(), Value::from(name))));
    let rest = if archived { "/batch/read?archived=true" } else { "/batch/read" };
    api.ask(&api.objects(object.path(), rest), &body)?.json()
}

pub(crate) fn batch_upsert(call: Call<BatchUpsert>) -> Result<ObjectList, Error> {
    let BatchUpsert { object, id_property, inputs } = call.input;
    let api = Api::open()?;
    let inputs: Vec<Value> = inputs
        .into_iter()
        .map(|input| json!({"id": input.id, "idProperty": id_property, "properties": input.properties}))
        .collect();
    api.write("POST", &api.objects(object.path(), "/batch/upsert"), &json!({"inputs": inputs}), true)?.json()
}

pub(crate) fn search(call: Call<Search>) -> Result<Page, Error> {
    let Search { object, filter_groups, query, properties, sort, limit, after } = call.input;
    let limit = limit.unwrap_or(100);
    let from: u32 = after.as_deref().map_or(Ok(0), str::parse).unwrap_or(MOST_FOUND);
    if from.saturating_add(limit) > MOST_FOUND {
        return Err(Error::invalid("/after", "no more than 10,000 results of one search: narrow the filters"));
    }
    let sorts: Vec<Value> =
        sort.iter().map(|sort| json!({"propertyName": sort.property, "direction": sort.direction})).collect();
    let mut body = json!({
        "filterGroups": filter_groups, "sorts": sorts, "properties": properties, "limit": limit, "after": from.to_string(),
    });
    if let (Some(members), Some(query)) = (body.as_object_mut(), query) {
        members.insert("query".to_owned(), Value::from(query));
    }
    turn::take_soon()?;
    let api = Api::open()?;
    let mut answer: Answer<Object> = api.ask(&api.objects(object.path(), "/search"), &body)?.json()?;
    Ok(Page { after: answer.next(), total: answer.total, results: answer.results })
}

pub(crate) fn merge_objects(call: Call<MergeObjects>) -> Result<Object, Error> {
    let MergeObjects { object, primary, merged } = call.input;
    if primary == merged {
        return Err(Error::invalid("/merged", "another object than the primary one"));
    }
    let api = Api::open()?;
    let body = json!({"primaryObjectId": primary, "objectIdToMerge": merged});
    api.write("POST", &api.objects(object.path(), "/merge"), &body, false)?.json()
}

pub(crate) fn associate(call: Call<Associate>) -> Result<Associated, Error> {
    let Associate { from_object, from, to_object, to, type_id } = call.input;
    let api = Api::open()?;
    let mut input = json!({"from": {"id": from}, "to": {"id": to}});
    if let (Some(members), Some(id)) = (input.as_object_mut(), type_id) {
        let types = json!([{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": id}]);
        members.insert("types".to_owned(), types);
    }
    let rest = if type_id.is_some() { "/batch/create" } else { "/batch/associate/default" };
    let path = api.associations(from_object.path(), to_object.path(), rest);
    api.write("POST", &path, &json!({"inputs": [input]}), true)?;
    Ok(Associated { associated: true })
}

#[derive(Deserialize)]
struct Related {
    from: Id,
    #[serde(default)]
    to: Vec<To>,
}

#[derive(Deserialize)]
struct Id {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct To {
    to_object_id: Value,
    #[serde(default)]
    association_types: Vec<AssociationType>,
}

pub(crate) fn list_associations(call: Call<ListAssociations>) -> Result<AssociationList, Error> {
    let ListAssociations { from_object, from, to_object } = call.input;
    let api = Api::open()?;
    let inputs: Vec<Value> = from.into_iter().map(|id| json!({"id": id})).collect();
    let path = api.associations(from_object.path(), to_object.path(), "/batch/read");
    let answer: Answer<Related> = api.ask(&path, &json!({"inputs": inputs}))?.json()?;
    let several = answer.results.into_iter().flat_map(|Related { from, to }| {
        to.into_iter().map(move |to| AssociatedWith {
            from: from.id.clone(),
            to: api::text_of(&to.to_object_id),
            types: to.association_types,
        })
    });
    Ok(AssociationList { results: several.filter(|with| object::is_id(&with.to)).collect() })
}

pub(crate) fn list_properties(call: Call<ListProperties>) -> Result<Properties, Error> {
    let api = Api::open()?;
    api.get(&api.properties(call.input.object.path(), ""), &[("archived", "false")])
}

pub(crate) fn list_owners(call: Call<ListOwners>) -> Result<Owners, Error> {
    let ListOwners { email, limit, after } = call.input;
    let limit = limit.unwrap_or(100).to_string();
    let mut query = vec![("limit", limit.as_str())];
    query.extend(email.as_deref().map(|email| ("email", email)));
    query.extend(after.as_deref().map(|after| ("after", after)));
    let api = Api::open()?;
    let mut answer: Answer<Owner> = api.get(&api.owners(), &query)?;
    Ok(Owners { after: answer.next(), results: answer.results })
}

pub(crate) fn list_pipelines(call: Call<ListPipelines>) -> Result<Pipelines, Error> {
    let api = Api::open()?;
    api.get(&api.pipelines(call.input.object.path()), &[])
}

pub(crate) fn test_connection(_: Call<Nothing>) -> Result<Account, Error> {
    let portal = Portal::ask(&Api::open()?)?;
    let currency = portal.currency().map(str::to_owned);
    Ok(Account { portal_id: portal.id, kind: portal.kind, currency, time_zone: portal.time_zone })
}
