//! A record says itself which of the vendor's is its counterpart, and where people see that.

use patchbay_model::{
    PluginId,
    object::{ObjectChange, ObjectRecord},
};
use serde_json::{Map, Value};

/// What the schemas of all objects allow of the vendors' ids: how many, and how long.
const MOST_IDS: usize = 20;
const MOST_ID_CHARS: usize = 255;
/// And of members of what only one source knows.
const MOST_EXTRAS: usize = 200;
/// The longest deep link, in bytes.
const MOST_URL: usize = 2_048;

/// The record with its counterpart written down; nothing if that is there already, or would not be valid by the schema. Only if
/// nobody changes the record meanwhile.
pub(super) fn stamped(
    record: &ObjectRecord,
    plugin: &PluginId,
    vendor_id: &str,
    url: Option<&str>,
) -> Option<ObjectChange> {
    let before = record.data.as_ref()?.as_object()?;
    let mut data = before.clone();
    if (1..=MOST_ID_CHARS).contains(&vendor_id.chars().count())
        && let Some(ids) = object(&mut data, "external_ids", plugin.as_str(), MOST_IDS)
    {
        ids.insert(plugin.as_str().to_owned(), Value::from(vendor_id));
    }
    if let Some(url) = url.filter(|url| url.len() <= MOST_URL)
        && let Some(extra) = object(&mut data, "extra", plugin.as_str(), MOST_EXTRAS)
    {
        let own = extra.entry(plugin.as_str()).or_insert_with(|| Value::Object(Map::new()));
        // what a plugin keeps there in another shape is its own
        if let Some(own) = own.as_object_mut() {
            own.insert("url".to_owned(), Value::from(url));
        }
    }
    (data != *before).then(|| ObjectChange {
        object: record.object,
        id: record.id.clone(),
        data: Some(Value::Object(data)),
        expected: Some(record.version),
    })
}

/// A member that is an object, made if it is not there; none if there is no room for `name` in it.
fn object<'d>(
    data: &'d mut Map<String, Value>,
    member: &str,
    name: &str,
    most: usize,
) -> Option<&'d mut Map<String, Value>> {
    let inner = data.entry(member).or_insert_with(|| Value::Object(Map::new())).as_object_mut()?;
    (inner.contains_key(name) || inner.len() < most).then_some(inner)
}

#[cfg(test)]
mod tests {
    use patchbay_model::{
        RunId, Timestamp,
        object::{Stamp, StandardObject},
    };
    use serde_json::json;

    use super::*;

    fn record(data: Value) -> ObjectRecord {
        let stamp =
            Stamp { plugin: "telnyx".parse().unwrap(), run: RunId(uuid::Uuid::nil()), at: Timestamp::UNIX_EPOCH };
        ObjectRecord {
            object: StandardObject::Contact,
            id: "telnyx:1".to_owned(),
            version: 3,
            data: Some(data),
            created: stamp.clone(),
            updated: stamp,
            sources: Vec::new(),
        }
    }

    fn after(data: Value) -> Option<Value> {
        let plugin = "hubspot".parse().unwrap();
        let change = stamped(&record(data), &plugin, "151", Some("https://app.example.com/151"))?;
        assert_eq!(change.expected, Some(3), "nobody else's change is undone");
        change.data
    }

    #[test]
    fn a_counterpart_is_written_down_beside_those_at_other_vendors() {
        let made = after(json!({"name": "Ada", "external_ids": {"salesforce": "003"}})).unwrap();
        assert_eq!(made["external_ids"], json!({"salesforce": "003", "hubspot": "151"}));
        assert_eq!(made["extra"], json!({"hubspot": {"url": "https://app.example.com/151"}}));
        assert_eq!(made["name"], "Ada");
        assert_eq!(after(made), None, "it is there already");
    }

    #[test]
    fn where_there_is_no_room_the_record_stays_as_it_is() {
        let ids: Map<String, Value> = (0..MOST_IDS).map(|n| (format!("vendor-{n}"), json!("1"))).collect();
        let made = after(json!({"external_ids": ids, "extra": {"hubspot": "its own"}}));
        assert_eq!(made, None);
    }

    #[test]
    fn an_id_that_is_too_long_is_not_written_down() {
        let plugin = "hubspot".parse().unwrap();
        assert_eq!(stamped(&record(json!({"external_ids": {}})), &plugin, &"1".repeat(256), None), None);
    }
}
