//! HubSpot's batches, and what became of each input.
//!
//! An input is called by its number (`objectWriteTraceId`); then HubSpot may do the others when it refuses one, and says by that number
//! which one it was. Where it refuses all because of one, the batch is parted until that one is alone.

use patchbay_sdk::{Error, clock, http};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::inputs;
use crate::api::Api;
use crate::failure::{self, Refusal, texts};
use crate::object::{self, Object};
use crate::own_id;
use crate::resource::Resource;

/// The most inputs of one request.
const MOST: usize = 100;

/// Into how many parts a refused batch is parted, and of how many inputs each is tried alone then. The manifest's batch of 80 is at most
/// 90 requests so, where all of it is bad: those fit into a window of HubSpot's, and a push that was stopped by the limit would begin
/// anew and never end.
const PARTS: usize = 9;
const ALONE: usize = 10;

/// One write.
#[derive(Debug, Clone)]
pub(crate) struct Input {
    /// Its place among the writes.
    index: usize,
    kind: Kind,
    /// HubSpot's id; of a new one its value of our own property.
    id: String,
    properties: Map<String, Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Upsert,
    Update,
    Delete,
}

/// What became of one.
#[derive(Debug)]
pub(crate) enum Fate {
    Done { object: Object, created: bool },
    Deleted,
    Gone,
    Refused { message: String, field: Option<String> },
}

impl Input {
    /// With an id of HubSpot's a change of what is there, without one a new object.
    pub(crate) fn write(index: usize, id: Option<&str>, own: &str, mut properties: Map<String, Value>) -> Self {
        match id {
            Some(id) => Self { index, kind: Kind::Update, id: id.to_owned(), properties },
            None => {
                properties.insert(own_id::PROPERTY.to_owned(), Value::from(own));
                Self { index, kind: Kind::Upsert, id: own.to_owned(), properties }
            }
        }
    }

    pub(crate) fn delete(index: usize, id: &str) -> Self {
        Self { index, kind: Kind::Delete, id: id.to_owned(), properties: Map::new() }
    }

    fn body(&self) -> Value {
        match self.kind {
            Kind::Upsert => json!({
                "id": self.id, "idProperty": own_id::PROPERTY, "properties": self.properties, "objectWriteTraceId": self.index.to_string(),
            }),
            Kind::Update => {
                json!({"id": self.id, "properties": self.properties, "objectWriteTraceId": self.index.to_string()})
            }
            Kind::Delete => json!({"id": self.id}),
        }
    }

    /// True if an object in an answer is about this input.
    fn is(&self, object: &Object) -> bool {
        match &object.object_write_trace_id {
            Some(trace) => *trace == self.index.to_string(),
            None if self.kind == Kind::Upsert => object.property(own_id::PROPERTY) == Some(self.id.as_str()),
            None => object.id == self.id,
        }
    }

    /// True if a refusal names this input.
    fn is_refused_by(&self, refusal: &Refusal) -> bool {
        let named = |name: &str, value: &str| texts(refusal.context.get(name)).any(|text| text == value);
        named("objectWriteTraceId", &self.index.to_string()) || named("ids", &self.id) || named("id", &self.id)
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer {
    results: Vec<Object>,
    errors: Vec<Refusal>,
}

/// Writes all of them, and gives the fate of each by its place.
///
/// # Errors
/// What says nothing of single ones: a limit, a lock, a token, a failure of HubSpot's.
pub(crate) fn send(api: &Api, resource: Resource, inputs: Vec<Input>) -> Result<Vec<(usize, Fate)>, Error> {
    let mut fates = Vec::with_capacity(inputs.len());
    for kind in [Kind::Delete, Kind::Update, Kind::Upsert] {
        let of_kind: Vec<Input> = inputs.iter().filter(|input| input.kind == kind).cloned().collect();
        if of_kind.is_empty() {
            continue;
        }
        if kind == Kind::Upsert {
            own_id::ensure(api, resource)?;
        }
        for some in of_kind.chunks(MOST) {
            batch(api, resource, kind, some, &mut fates)?;
        }
    }
    Ok(fates)
}

/// Parts of a batch that was refused are batches themselves; never deeper than a hundred can be parted.
fn batch(
    api: &Api,
    resource: Resource,
    kind: Kind,
    some: &[Input],
    fates: &mut Vec<(usize, Fate)>,
) -> Result<(), Error> {
    let mut response = request(api, resource, kind, some)?;
    if kind == Kind::Upsert
        && response.status == 400
        && Refusal::read(&response).is_of_missing_property(own_id::PROPERTY)
    {
        own_id::forget(resource)?;
        own_id::ensure(api, resource)?;
        response = request(api, resource, kind, some)?;
    }
    if response.is_success() {
        return answered(api, resource, kind, some, &response, fates);
    }
    if let [one] = some {
        let fate = refused(api, resource, one, response.status, &Refusal::read(&response))?;
        fates.push((one.index, fate));
        return Ok(());
    }
    parts(some).try_for_each(|some| batch(api, resource, kind, some, fates))
}

/// What is tried of several that were refused together.
pub(crate) fn parts<T>(some: &[T]) -> std::slice::Chunks<'_, T> {
    some.chunks(if some.len() > ALONE { some.len().div_ceil(PARTS) } else { 1 })
}

fn request(api: &Api, resource: Resource, kind: Kind, some: &[Input]) -> Result<http::WholeResponse, Error> {
    let rest = match kind {
        Kind::Upsert => "/batch/upsert",
        Kind::Update => "/batch/update",
        Kind::Delete => "/batch/archive",
    };
    let bodies = some.iter().map(Input::body).collect();
    api.try_write(&api.objects(resource.path(), rest), &inputs(bodies))
}

/// What a success says of each: done, or refused by itself.
fn answered(
    api: &Api,
    resource: Resource,
    kind: Kind,
    some: &[Input],
    response: &http::WholeResponse,
    fates: &mut Vec<(usize, Fate)>,
) -> Result<(), Error> {
    if kind == Kind::Delete {
        fates.extend(some.iter().map(|input| (input.index, Fate::Deleted)));
        return Ok(());
    }
    let Answer { results, errors } = response.json()?;
    for input in some {
        let done = results.iter().find(|object| input.is(object) && object::is_id(&object.id)).cloned();
        let refusal = errors.iter().find(|refusal| input.is_refused_by(refusal));
        let fate = match (done, refusal) {
            // one that was merged into another is written as that one, and the hub is told which it is
            (Some(object), _) => {
                let created = kind == Kind::Upsert && object.new.unwrap_or(false);
                Fate::Done { object, created }
            }
            (None, Some(refusal)) => refused(api, resource, input, 400, refusal)?,
            // one that is not there may be left out
            (None, None) if kind == Kind::Update => Fate::Gone,
            (None, None) => {
                return Err(Error::upstream(response.status, "HubSpot does not tell what became of an object"));
            }
        };
        fates.push((input.index, fate));
    }
    Ok(())
}

/// Why one is not written, or what was written in its place.
fn refused(api: &Api, resource: Resource, input: &Input, status: u16, refusal: &Refusal) -> Result<Fate, Error> {
    let category = refusal.category.as_deref().unwrap_or_default();
    let is_conflict = status == 409 || category == "CONFLICT";
    if input.kind == Kind::Update && (status == 404 || category == "OBJECT_NOT_FOUND") {
        return Ok(Fate::Gone);
    }
    let existing = refusal.existing_id().filter(|_| is_conflict && input.kind == Kind::Upsert);
    if let Some(id) = existing {
        // somebody made it meanwhile, and what both are known by says that it is the same one
        return adopt(api, resource, input, &id);
    }
    let field = refusal.context("propertyName").map(str::to_owned).or_else(|| is_conflict.then(|| "email".to_owned()));
    Ok(Fate::Refused { message: refusal.text(status), field: field.filter(|_| resource != Resource::Calls) })
}

/// Writes what was to be new over what is there.
fn adopt(api: &Api, resource: Resource, input: &Input, id: &str) -> Result<Fate, Error> {
    let over = Input { kind: Kind::Update, id: id.to_owned(), ..input.clone() };
    let response = request(api, resource, Kind::Update, std::slice::from_ref(&over))?;
    if !response.is_success() {
        let refusal = Refusal::read(&response);
        return match failure::of(&response, clock::now()) {
            Error::Upstream(_) => Ok(Fate::Refused { message: refusal.text(response.status), field: None }),
            other => Err(other),
        };
    }
    let answer: Answer = response.json()?;
    let found = answer.results.into_iter().find(|object| over.is(object) && object::is_id(&object.id));
    Ok(found.map_or_else(
        || Fate::Refused { message: "HubSpot has another object with the same value".to_owned(), field: None },
        |object| Fate::Done { object, created: false },
    ))
}
