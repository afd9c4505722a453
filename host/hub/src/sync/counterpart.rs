//! What the engine itself writes into a record: its counterpart at the vendor, by the vendor's id, and where people see that.

use serde_json::{Map, Value};

const EXTERNAL_IDS: &str = "external_ids";
const EXTRA: &str = "extra";
const URL: &str = "url";

/// The longest vendor's id that a record takes, in bytes.
const LONGEST_ID: usize = 255;
/// How many sources may have an id for a record, and members of what only one source knows; what all objects' schemas allow.
const MOST_IDS: usize = 20;
const MOST_EXTRAS: usize = 200;
/// The longest deep link, in bytes.
const LONGEST_URL: usize = 2_048;
/// The longest id of a record, in bytes.
const LONGEST_RECORD: usize = 256;

/// The id of a record that is made for one of the vendor's; none if that is too long for one.
pub(super) fn made_id(plugin: &str, vendor_id: &str) -> Option<String> {
    let id = format!("{plugin}:{vendor_id}");
    (!vendor_id.is_empty() && vendor_id.len() <= LONGEST_ID && id.len() <= LONGEST_RECORD).then_some(id)
}

/// The vendor's id that a record has by a plugin.
pub(super) fn id_in<'a>(data: &'a Value, plugin: &str) -> Option<&'a str> {
    data.get(EXTERNAL_IDS)?.get(plugin)?.as_str()
}

/// True if another source than the plugin has an id for the record.
pub(super) fn has_others(data: &Value, plugin: &str) -> bool {
    let ids = data.get(EXTERNAL_IDS).and_then(Value::as_object);
    ids.is_some_and(|ids| ids.keys().any(|source| source != plugin))
}

/// Writes into a record whose it is at the vendor, as far as its schema has room for that. Without an URL the one that it has stays.
pub(super) fn write(data: &mut Value, plugin: &str, vendor_id: &str, url: Option<&str>) {
    if (1..=LONGEST_ID).contains(&vendor_id.len())
        && let Some(ids) = member(data, EXTERNAL_IDS, plugin, MOST_IDS)
    {
        ids.insert(plugin.to_owned(), Value::String(vendor_id.to_owned()));
    }
    if let Some(url) = url.filter(|url| url.len() <= LONGEST_URL)
        && let Some(extra) = member(data, EXTRA, plugin, MOST_EXTRAS)
    {
        let own = extra.entry(plugin).or_insert_with(|| Value::Object(Map::new()));
        // what a plugin keeps there in another shape is its own
        if let Some(own) = own.as_object_mut() {
            own.insert(URL.to_owned(), Value::String(url.to_owned()));
        }
    }
}

/// Takes out of a record whose it is at the vendor.
pub(super) fn erase(data: &mut Value, plugin: &str) {
    let Some(data) = data.as_object_mut() else { return };
    if let Some(ids) = data.get_mut(EXTERNAL_IDS).and_then(Value::as_object_mut) {
        ids.remove(plugin);
        if ids.is_empty() {
            data.remove(EXTERNAL_IDS);
        }
    }
    let Some(extra) = data.get_mut(EXTRA).and_then(Value::as_object_mut) else { return };
    if let Some(own) = extra.get_mut(plugin).and_then(Value::as_object_mut) {
        own.remove(URL);
        if own.is_empty() {
            extra.remove(plugin);
        }
    }
    if extra.is_empty() {
        data.remove(EXTRA);
    }
}

/// A member that is an object, made if it is missing; none if there is no room for `name` in it.
fn member<'a>(data: &'a mut Value, member: &str, name: &str, most: usize) -> Option<&'a mut Map<String, Value>> {
    let inner = data.as_object_mut()?.entry(member).or_insert_with(|| Value::Object(Map::new())).as_object_mut()?;
    (inner.contains_key(name) || inner.len() < most).then_some(inner)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_written_is_taken_out_again_and_nothing_else() {
        let before = json!({"name": "Ada", "external_ids": {"telnyx": "7"}, "extra": {"telnyx": {"url": "x"}}});
        let mut data = before.clone();
        write(&mut data, "hubspot", "151", Some("https://app.example.com/151"));
        assert_eq!(data["external_ids"], json!({"telnyx": "7", "hubspot": "151"}));
        assert_eq!(data["extra"]["hubspot"]["url"], "https://app.example.com/151");
        assert_eq!((id_in(&data, "hubspot"), has_others(&data, "hubspot")), (Some("151"), true));
        erase(&mut data, "hubspot");
        assert_eq!(data, before);
        let mut bare = json!({"name": "Ada"});
        write(&mut bare, "hubspot", "151", Some("https://app.example.com/151"));
        erase(&mut bare, "hubspot");
        assert_eq!(bare, json!({"name": "Ada"}));
    }

    #[test]
    fn what_the_plugin_keeps_beside_the_link_stays() {
        let mut data = json!({"extra": {"hubspot": {"url": "https://old.example.com", "owner": "7"}}});
        write(&mut data, "hubspot", "151", None);
        assert_eq!(data["extra"]["hubspot"]["url"], "https://old.example.com");
        erase(&mut data, "hubspot");
        assert_eq!(data, json!({"extra": {"hubspot": {"owner": "7"}}}));
    }

    #[test]
    fn an_id_says_whose_record_it_is_and_is_not_too_long() {
        assert_eq!(made_id("hubspot", "151").as_deref(), Some("hubspot:151"));
        assert_eq!(made_id("hubspot", &"1".repeat(248)).map(|id| id.len()), Some(256));
        assert_eq!(made_id("hubspot", &"1".repeat(249)), None);
        assert_eq!(made_id("hubspot", ""), None);
    }
}
