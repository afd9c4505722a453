//! Reading: all, what has changed, by ids, by the value of a field.
//!
//! HubSpot's search gives 10,000 results at most and numbers its pages, and what changes moves between them. So no page is ever
//! asked for by its number: each begins behind the last row of the one before, by id where all is read, by time of change where
//! changes are ([`since`]). The search finds what was changed some seconds ago; whoever asks begins a little before the mark.

mod all;
mod ids;
mod matching;
mod search;
mod since;
mod sweep;

use patchbay_sdk::sync::{Change, Page, Pull, Scope};
use patchbay_sdk::{Error, log};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::{self, Api};
use crate::failure;
use crate::object::{self, Lists, Object};
use crate::portal::Portal;
use crate::resource::Resource;

/// The most that a batch of HubSpot's takes.
pub(crate) const BATCH: usize = 100;

/// The most that a page of a search has.
const SEARCH: usize = 200;

/// A page.
pub(crate) fn page(pull: &Pull) -> Result<Page, Error> {
    let resource = Resource::named(&pull.resource)?;
    if !resource.is_read() {
        return Err(Error::NotFound(format!("HubSpot's {} are not read", pull.resource)));
    }
    let page = Reader::open(resource, pull).and_then(|reader| match &pull.scope {
        Scope::All => all::page(&reader, pull),
        Scope::Since(from) => since::page(&reader, pull, *from),
        Scope::Ids(ids) => ids::page(&reader, ids),
        Scope::Matching { field, values } => matching::page(&reader, pull, field, values),
    });
    page.map_err(failure::deferred)
}

/// What reads objects of one kind, with the fields that are wanted.
struct Reader<'a> {
    api: Api,
    resource: Resource,
    portal: Portal,
    fields: &'a [String],
    /// What HubSpot is asked for.
    properties: Vec<String>,
    /// Rows of one page.
    limit: usize,
}

#[derive(Deserialize)]
struct Objects {
    #[serde(default)]
    results: Vec<Object>,
}

/// The other sides of associations.
#[derive(Deserialize)]
struct Associated {
    #[serde(default)]
    results: Vec<Related>,
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
    /// Text, or a number in older versions.
    to_object_id: Value,
}

impl<'a> Reader<'a> {
    fn open(resource: Resource, pull: &'a Pull) -> Result<Self, Error> {
        let api = Api::open()?;
        let portal = Portal::load(&api)?;
        let properties = object::properties(resource, &pull.fields);
        let limit = usize::try_from(pull.limit).unwrap_or(SEARCH).clamp(1, SEARCH);
        Ok(Self { api, resource, portal, fields: &pull.fields, properties, limit })
    }

    /// Some by their ids, or by the values of a property that no two have the same of. Missing ones are left out.
    fn read(&self, ids: &[String], by: Option<&str>) -> Result<Vec<Object>, Error> {
        let mut found = Vec::new();
        for ids in ids.chunks(BATCH) {
            let inputs: Vec<Value> = ids.iter().map(|id| json!({"id": id})).collect();
            let mut body = json!({"inputs": inputs, "properties": self.properties, "propertiesWithHistory": []});
            if let (Some(by), Some(members)) = (by, body.as_object_mut()) {
                members.insert("idProperty".to_owned(), Value::from(by));
            }
            let answer = self.api.ask(&self.api.objects(self.resource.path(), "/batch/read"), &body)?;
            found.extend(answer.json::<Objects>()?.results);
        }
        Ok(found)
    }

    /// What a sync is told of these: each as it is, and what was merged into it.
    fn changes(&self, objects: &[Object]) -> Result<Vec<Change>, Error> {
        let contacts =
            if object::wants_contacts(self.resource, self.fields) { self.contacts(objects)? } else { Lists::new() };
        let mut changes = Vec::new();
        for object in objects.iter().filter(|object| object::is_id(&object.id)) {
            let own = contacts.get(&object.id).map(Vec::as_slice).unwrap_or_default();
            changes.push(Change::Found(object.item(self.resource, self.fields, &self.portal, own)));
            changes.extend(merger(object));
        }
        Ok(changes)
    }

    /// The contacts of deals.
    fn contacts(&self, objects: &[Object]) -> Result<Lists, Error> {
        let path = self.api.associations(self.resource.path(), Resource::Contacts.path(), "/batch/read");
        let mut lists = Lists::new();
        for objects in objects.chunks(BATCH) {
            let inputs: Vec<Value> = objects.iter().map(|object| json!({"id": object.id})).collect();
            let answer: Associated = self.api.ask(&path, &json!({"inputs": inputs}))?.json()?;
            for found in answer.results {
                let ids = found.to.iter().map(|to| api::text_of(&to.to_object_id)).filter(|id| object::is_id(id));
                lists.entry(found.from.id).or_default().extend(ids);
            }
        }
        for list in lists.values_mut() {
            // always the same first one; a contact can be there under several labels
            list.sort_by_key(|id| id.parse::<u64>().unwrap_or(u64::MAX));
            list.dedup();
            list.truncate(BATCH);
        }
        Ok(lists)
    }
}

/// What was merged into it, if anything was.
fn merger(object: &Object) -> Option<Change> {
    let mut gone = object.merged();
    if gone.len() > BATCH {
        log::warn("more was merged into one object than is told", &[("id", &object.id)]);
        gone.truncate(BATCH);
    }
    (!gone.is_empty()).then(|| Change::Merged { into: object.id.clone(), gone })
}
