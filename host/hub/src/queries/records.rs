//! Records of standard objects: what all plugins of an org know together.

use patchbay_model::{
    Code, Failure, Permission, Violation,
    failure::at,
    filter::{Field, Filter},
    object::{ObjectRecord, StandardObject},
};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{Page, not_found};
use crate::{auth::Caller, hub::Hub};

const DEFAULT_LIMIT: u32 = 50;
const MOST: u32 = 1_000;

/// Which records.
#[derive(Debug, Clone, Default)]
pub struct RecordFilter {
    /// After this id.
    pub after: Option<String>,
    /// That match this filter.
    pub filter: Option<Value>,
    /// And have these values in these fields; a number or a flag is one by the field's schema.
    pub fields: Vec<(String, String)>,
    /// Only these fields of their data. Empty: all.
    pub select: Vec<String>,
    /// At most so many: 1 to 1,000, default 50.
    pub limit: Option<u32>,
}

/// A standard object.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ObjectView {
    /// Its name.
    pub object: StandardObject,
    /// The version of its schema.
    pub version: u32,
    /// What it is.
    pub description: &'static str,
    /// Fields that a filter finds records by.
    pub indexes: &'static [&'static str],
    /// What is valid (JSON Schema 2020-12).
    pub schema: &'static Value,
}

impl Hub {
    /// Every standard object. Needs the permission `read_settings`.
    pub fn objects(&self, caller: &Caller) -> Result<Vec<ObjectView>, Failure> {
        caller.require(Permission::ReadSettings)?;
        let view = |object: &StandardObject| ObjectView {
            object: *object,
            version: object.version(),
            description: object.description(),
            indexes: object.indexes(),
            schema: object.schema(),
        };
        Ok(StandardObject::ALL.iter().map(view).collect())
    }

    /// The org's records of an object, in order of id. Needs the permission `read_activity`. A page can be short, or empty,
    /// although there are more: `next` tells.
    pub async fn records(
        &self,
        caller: &Caller,
        object: StandardObject,
        wanted: RecordFilter,
    ) -> Result<Page<ObjectRecord>, Failure> {
        caller.require(Permission::ReadActivity)?;
        let limit = wanted.limit.unwrap_or(DEFAULT_LIMIT);
        if !(1..=MOST).contains(&limit) {
            return Err(Failure::new(Code::InvalidRequest, format!("`limit` is 1 to {MOST}")));
        }
        check_selected(object, &wanted.select)?;
        let filter = filter(object, &wanted)?;
        let mut tx = self.0.database.read().await?;
        let found = tx.org(caller.org).objects().find(object, &filter, wanted.after.as_deref(), limit).await?;
        let items = found.records.into_iter().map(|record| selected(record, &wanted.select)).collect();
        Ok(Page { items, next: found.next })
    }

    /// One record. Needs the permission `read_activity`. One that was deleted is there only for whoever asks for
    /// `deleted` ones too: it has no data, and says who deleted it.
    pub async fn record(
        &self,
        caller: &Caller,
        object: StandardObject,
        id: &str,
        deleted: bool,
    ) -> Result<ObjectRecord, Failure> {
        caller.require(Permission::ReadActivity)?;
        let mut tx = self.0.database.read().await?;
        let found = tx.org(caller.org).objects().get(object, id).await?;
        found.filter(|record| deleted || record.data.is_some()).ok_or_else(|| not_found("record"))
    }
}

fn check_selected(object: StandardObject, select: &[String]) -> Result<(), Failure> {
    match select.iter().find(|field| !object.has_field(field)) {
        None => Ok(()),
        Some(field) => {
            let detail =
                format!("`fields` names fields of the object {object}, and {field:?} is none: see /v1/objects");
            Err(Failure::new(Code::InvalidRequest, detail))
        }
    }
}

fn selected(mut record: ObjectRecord, select: &[String]) -> ObjectRecord {
    if let Some(Value::Object(data)) = &mut record.data
        && !select.is_empty()
    {
        data.retain(|field, _| select.contains(field));
    }
    record
}

/// Both ways to ask in one. A field that the object does not have is a typo, and not a filter that nothing passes.
fn filter(object: StandardObject, wanted: &RecordFilter) -> Result<Filter, Failure> {
    let given = match &wanted.filter {
        None => Filter::default(),
        Some(filter) => Filter::parse_at("/filter", filter).map_err(Failure::invalid)?,
    };
    let fields: Map<String, Value> =
        wanted.fields.iter().map(|(field, text)| (field.clone(), typed(object, field, text))).collect();
    let unknown = |filter: &Filter| {
        let names = filter.fields().into_iter().map(Field::dotted).collect::<Vec<_>>();
        names.into_iter().find(|name| !object.has_field(name.split('.').next().unwrap_or_default()))
    };
    let both = if fields.is_empty() {
        given
    } else if given.is_empty() {
        Filter::parse(&Value::Object(fields)).map_err(Failure::invalid)?
    } else {
        return Err(Failure::new(Code::InvalidRequest, "ask by fields or by `filter`, not by both"));
    };
    if let Some(name) = unknown(&both) {
        let violation = Violation {
            pointer: format!("/{name}"),
            expected: format!("a field of the object {object}: see /v1/objects"),
        };
        return Err(Failure::invalid(at("/filter", vec![violation])));
    }
    Ok(both)
}

/// A value of the query as the field's schema has it.
fn typed(object: StandardObject, field: &str, text: &str) -> Value {
    let schema = object.schema();
    let resolved = |one: &'static Value| match one.get("$ref").and_then(Value::as_str) {
        Some(target) => schema.pointer(target.trim_start_matches('#')).unwrap_or(one),
        None => one,
    };
    let place = field.split('.').try_fold(schema, |one, name| {
        let inner = one.get("properties").and_then(|properties| properties.get(name));
        inner.or_else(|| one.get("additionalProperties")).map(resolved)
    });
    let kind = place.and_then(|place| place.get("type")).and_then(Value::as_str);
    let parsed = match kind {
        Some("integer" | "number") => serde_json::from_str(text).ok().filter(Value::is_number),
        Some("boolean") => text.parse().ok().map(Value::Bool),
        _ => None,
    };
    parsed.unwrap_or_else(|| Value::String(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_of_the_query_is_what_the_schema_says() {
        let call = |field: &str, text: &str| typed(StandardObject::Call, field, text);
        assert_eq!(call("duration_s", "61"), json!(61));
        assert_eq!(call("from", "+15550100"), json!("+15550100"));
        assert_eq!(call("price.amount", "2"), json!(2));
        assert_eq!(call("external_ids.telnyx", "7"), json!("7"));
        assert_eq!(typed(StandardObject::Contact, "do_not_call", "true"), json!(true));
        assert_eq!(call("extra.telnyx", "7"), json!("7"));
    }

    #[test]
    fn a_field_that_the_object_does_not_have_is_told() {
        let by = |fields: &[(&str, &str)], filter: Option<Value>| {
            let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            super::filter(StandardObject::Contact, &RecordFilter { fields, filter, ..RecordFilter::default() })
        };
        assert!(by(&[("email", "a@example.com"), ("external_ids.hubspot", "1")], None).is_ok());
        assert!(by(&[], Some(json!({"any": [{"email": "a"}, {"extra.x": {"exists": true}}]}))).is_ok());
        assert_eq!(by(&[("emial", "a")], None).unwrap_err().violations[0].pointer, "/filter/emial");
        assert_eq!(by(&[], Some(json!({"not": {"x": 1}}))).unwrap_err().violations[0].pointer, "/filter/x");
        assert_eq!(by(&[], Some(json!({"email": []}))).unwrap_err().violations[0].pointer, "/filter/email");
        assert_eq!(by(&[("email", "a")], Some(json!({"phone": "1"}))).unwrap_err().code, Code::InvalidRequest);
    }
}
