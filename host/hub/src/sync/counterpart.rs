//! What the engine itself writes into a record: its counterpart at the vendor, by the vendor's id, and where people see that.

use serde_json::{Map, Value};

const EXTERNAL_IDS: &str = "external_ids";
const EXTRA: &str = "extra";
const URL: &str = "url";
const ACCOUNT: &str = "account";

/// The longest vendor's id that a record takes, in bytes.
const LONGEST_ID: usize = 255;
/// How many sources may have an id for a record, and members of what only one source knows; what all objects' schemas allow.
const MOST_IDS: usize = 20;
const MOST_EXTRAS: usize = 200;
/// The longest deep link, in bytes.
const LONGEST_URL: usize = 2_048;
/// The longest id of a record, in bytes.
const LONGEST_RECORD: usize = 256;

/// Whose counterparts: the vendor's ids mean something within one account of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Whose<'a> {
    /// By which plugin.
    pub(super) plugin: &'a str,
    /// Of which account, if that is known.
    pub(super) account: Option<&'a str>,
}

/// The id of a record that is made for one of the vendor's; none if that is too long for one.
pub(super) fn made_id(plugin: &str, vendor_id: &str) -> Option<String> {
    let id = format!("{plugin}:{vendor_id}");
    (!vendor_id.is_empty() && vendor_id.len() <= LONGEST_ID && id.len() <= LONGEST_RECORD).then_some(id)
}

/// The vendor's id that a record has by a plugin, of whichever account.
pub(super) fn id_in<'a>(data: &'a Value, plugin: &str) -> Option<&'a str> {
    data.get(EXTERNAL_IDS)?.get(plugin)?.as_str()
}

/// True if a record says that its counterpart is in another account than this one.
pub(super) fn is_foreign(data: &Value, whose: Whose<'_>) -> bool {
    let own = data.get(EXTRA).and_then(|extra| extra.get(whose.plugin));
    let told = own.and_then(|own| own.get(ACCOUNT)).and_then(Value::as_str);
    told.zip(whose.account).is_some_and(|(told, account)| told != account)
}

/// True if another source than the plugin has an id for the record.
pub(super) fn has_others(data: &Value, plugin: &str) -> bool {
    let ids = data.get(EXTERNAL_IDS).and_then(Value::as_object);
    ids.is_some_and(|ids| ids.keys().any(|source| source != plugin))
}

/// Writes into a record whose it is at the vendor, as far as its schema has room for that. Without an URL or an account the one
/// that it has stays.
pub(super) fn write(data: &mut Value, whose: Whose<'_>, vendor_id: &str, url: Option<&str>) {
    let Whose { plugin, account } = whose;
    if (1..=LONGEST_ID).contains(&vendor_id.len())
        && let Some(ids) = member(data, EXTERNAL_IDS, plugin, MOST_IDS)
    {
        ids.insert(plugin.to_owned(), Value::String(vendor_id.to_owned()));
    }
    let url = url.filter(|url| url.len() <= LONGEST_URL);
    if (url.is_some() || account.is_some())
        && let Some(extra) = member(data, EXTRA, plugin, MOST_EXTRAS)
    {
        let own = extra.entry(plugin).or_insert_with(|| Value::Object(Map::new()));
        // what a plugin keeps there in another shape is its own
        if let Some(own) = own.as_object_mut() {
            let told = [(URL, url), (ACCOUNT, account)];
            let told = told.into_iter().filter_map(|(name, value)| Some((name.to_owned(), Value::from(value?))));
            own.extend(told);
        }
    }
}

/// Takes out of a record whose it is at the vendor. In which account that was stays: the record's own id may be made of the vendor's
/// one, which is another thing's in another account.
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

    const HUBSPOT: Whose<'_> = Whose { plugin: "hubspot", account: None };

    #[test]
    fn what_is_written_is_taken_out_again_and_nothing_else() {
        let before = json!({"name": "Ada", "external_ids": {"telnyx": "7"}, "extra": {"telnyx": {"url": "x"}}});
        let mut data = before.clone();
        write(&mut data, HUBSPOT, "151", Some("https://app.example.com/151"));
        assert_eq!(data["external_ids"], json!({"telnyx": "7", "hubspot": "151"}));
        assert_eq!(data["extra"]["hubspot"]["url"], "https://app.example.com/151");
        assert_eq!((id_in(&data, "hubspot"), has_others(&data, "hubspot")), (Some("151"), true));
        erase(&mut data, "hubspot");
        assert_eq!(data, before);
        let mut bare = json!({"name": "Ada"});
        write(&mut bare, HUBSPOT, "151", Some("https://app.example.com/151"));
        erase(&mut bare, "hubspot");
        assert_eq!(bare, json!({"name": "Ada"}));
    }

    #[test]
    fn what_the_plugin_keeps_beside_the_link_stays() {
        let mut data = json!({"extra": {"hubspot": {"url": "https://old.example.com", "owner": "7"}}});
        write(&mut data, HUBSPOT, "151", None);
        assert_eq!(data["extra"]["hubspot"]["url"], "https://old.example.com");
        erase(&mut data, "hubspot");
        assert_eq!(data, json!({"extra": {"hubspot": {"owner": "7"}}}));
    }

    #[test]
    fn a_counterpart_in_another_account_is_known_by_its_account_where_both_are_known() {
        let of = |account| Whose { account, ..HUBSPOT };
        let mut data = json!({});
        write(&mut data, of(Some("1")), "151", None);
        assert!(is_foreign(&data, of(Some("2"))));
        assert!(!is_foreign(&data, of(Some("1"))) && !is_foreign(&data, of(None)));
        let untold = json!({"external_ids": {"hubspot": "151"}, "extra": {"hubspot": "its own"}});
        assert!(!is_foreign(&untold, of(Some("1"))));
        write(&mut data, of(Some("2")), "152", None);
        assert!(!is_foreign(&data, of(Some("2"))), "it is that one's now");
        erase(&mut data, "hubspot");
        assert_eq!(data, json!({"extra": {"hubspot": {"account": "2"}}}));
        assert!(is_foreign(&data, of(Some("1"))), "its own id may be of that one");
    }

    #[test]
    fn an_id_says_whose_record_it_is_and_is_not_too_long() {
        assert_eq!(made_id("hubspot", "151").as_deref(), Some("hubspot:151"));
        assert_eq!(made_id("hubspot", &"1".repeat(248)).map(|id| id.len()), Some(256));
        assert_eq!(made_id("hubspot", &"1".repeat(249)), None);
        assert_eq!(made_id("hubspot", ""), None);
    }
}
