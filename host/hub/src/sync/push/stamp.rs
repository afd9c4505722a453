//! A record says itself which of the vendor's is its counterpart, and where people see that.

use patchbay_model::object::{ObjectChange, ObjectRecord};

use crate::sync::counterpart::{self, Whose};

/// The record with its counterpart written down; nothing if that is there already, or would not be valid by the schema. Only if
/// nobody changes the record meanwhile.
pub(super) fn stamped(
    record: &ObjectRecord,
    whose: Whose<'_>,
    vendor_id: &str,
    url: Option<&str>,
) -> Option<ObjectChange> {
    let before = record.data.as_ref()?;
    let mut data = before.clone();
    counterpart::write(&mut data, whose, vendor_id, url);
    (data != *before).then(|| ObjectChange {
        object: record.object,
        id: record.id.clone(),
        data: Some(data),
        expected: Some(record.version),
    })
}

#[cfg(test)]
mod tests {
    use patchbay_model::{
        RunId, Timestamp,
        object::{Stamp, StandardObject},
    };
    use serde_json::{Map, Value, json};

    use super::*;

    const HUBSPOT: Whose<'_> = Whose { plugin: "hubspot", account: None };

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
        let change = stamped(&record(data), HUBSPOT, "151", Some("https://app.example.com/151"))?;
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
        let ids: Map<String, Value> = (0..20).map(|n| (format!("vendor-{n}"), json!("1"))).collect();
        let made = after(json!({"external_ids": ids, "extra": {"hubspot": "its own"}}));
        assert_eq!(made, None);
    }

    #[test]
    fn an_id_that_is_too_long_is_not_written_down() {
        assert_eq!(stamped(&record(json!({"external_ids": {}})), HUBSPOT, &"1".repeat(256), None), None);
    }
}
