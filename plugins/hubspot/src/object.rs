//! HubSpot's objects, and what a sync is told of them.
//!
//! Beside HubSpot's properties a sync can have a few fields that are computed here. Their names have a dot, which no property's has:
//! a deal's state in one word, its amount in the currency's smallest unit, and the contacts that it belongs to.

use std::collections::BTreeMap;

use patchbay_sdk::clock::{self, Timestamp};
use patchbay_sdk::sync::Item;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::money;
use crate::portal::{Portal, is_currency};
use crate::resource::Resource;

/// A deal's state: `open`, `won` or `lost`.
pub(crate) const DEAL_STATUS: &str = "deal.status";
/// A deal's amount, in its currency's smallest unit.
pub(crate) const AMOUNT_MINOR: &str = "amount.minor";
/// The currency of that: the deal's own, or the account's.
pub(crate) const AMOUNT_CURRENCY: &str = "amount.currency";
/// The ids of a deal's contacts, joined by semicolons as HubSpot joins several values.
pub(crate) const CONTACTS: &str = "associations.contacts";
/// The first of them.
pub(crate) const CONTACT: &str = "associations.contact";

/// The ids of what was merged into an object, joined by semicolons.
pub(crate) const MERGED: &str = "hs_merged_object_ids";

/// One object as HubSpot answers it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Object {
    pub(crate) id: String,
    pub(crate) properties: Map<String, Value>,
    updated_at: Option<String>,
    archived_at: Option<String>,
    url: Option<String>,
    /// What a write was called by who wrote it.
    pub(crate) object_write_trace_id: Option<String>,
    /// Of an upsert: it was not there before.
    pub(crate) new: Option<bool>,
}

impl Object {
    /// A property that says something.
    pub(crate) fn property(&self, name: &str) -> Option<&str> {
        self.properties.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// When it was last changed.
    pub(crate) fn modified_at(&self, resource: Resource) -> Option<Timestamp> {
        self.property(resource.modified()).and_then(time).or_else(|| self.updated_at.as_deref().and_then(time))
    }

    /// When it was deleted.
    pub(crate) fn archived_at(&self) -> Option<Timestamp> {
        self.archived_at.as_deref().and_then(time)
    }

    /// The ids of what was merged into it.
    pub(crate) fn merged(&self) -> Vec<String> {
        let ids = self.property(MERGED).unwrap_or_default().split(';').map(str::trim);
        ids.filter(|id| is_id(id) && *id != self.id).map(str::to_owned).collect()
    }

    /// As a sync wants it: `fields` of it, and the ids of its contacts where they were asked for.
    pub(crate) fn item(&self, resource: Resource, fields: &[String], portal: &Portal, contacts: &[String]) -> Item {
        let fields = fields.iter().map(|name| (name.clone(), self.field(name, portal, contacts))).collect();
        Item {
            id: self.id.clone(),
            modified_at: self.modified_at(resource),
            url: Some(self.link(resource, portal)),
            fields,
        }
    }

    /// HubSpot's own link where it gives one.
    pub(crate) fn link(&self, resource: Resource, portal: &Portal) -> String {
        let own = self.url.as_ref().filter(|url| {
            let host = url.strip_prefix("https://").and_then(|rest| rest.split('/').next()).unwrap_or_default();
            host.ends_with(".hubspot.com") && url.len() <= 2_048 && url.bytes().all(|byte| byte.is_ascii_graphic())
        });
        own.cloned().unwrap_or_else(|| portal.link(resource, &self.id))
    }

    fn field(&self, name: &str, portal: &Portal, contacts: &[String]) -> Value {
        match name {
            DEAL_STATUS => Value::from(self.deal_status()),
            AMOUNT_MINOR => self.amount(portal).map_or(Value::Null, |(amount, _)| Value::from(amount)),
            AMOUNT_CURRENCY => self.amount(portal).map_or(Value::Null, |(_, currency)| Value::from(currency)),
            CONTACTS if contacts.is_empty() => Value::Null,
            CONTACTS => Value::from(contacts.join(";")),
            CONTACT => contacts.first().map_or(Value::Null, |id| Value::from(id.as_str())),
            _ => self.property(name).map_or(Value::Null, Value::from),
        }
    }

    fn deal_status(&self) -> &'static str {
        let is = |name: &str| self.property(name) == Some("true");
        match (is("hs_is_closed_won"), is("hs_is_closed")) {
            (true, _) => "won",
            (false, true) => "lost",
            (false, false) => "open",
        }
    }

    /// Both or neither: an amount without a currency says nothing.
    fn amount<'a>(&'a self, portal: &'a Portal) -> Option<(i64, &'a str)> {
        let own = self.property("deal_currency_code").filter(|code| is_currency(code));
        let currency = own.or_else(|| portal.currency())?;
        Some((money::to_minor(self.property("amount")?, currency)?, currency))
    }
}

/// The properties that HubSpot is asked for, so that these fields can be told.
pub(crate) fn properties(resource: Resource, fields: &[String]) -> Vec<String> {
    let mut names: Vec<&str> = vec![resource.modified(), MERGED];
    for field in fields {
        match field.as_str() {
            DEAL_STATUS => names.extend(["hs_is_closed", "hs_is_closed_won"]),
            AMOUNT_MINOR | AMOUNT_CURRENCY => names.extend(["amount", "deal_currency_code"]),
            CONTACTS | CONTACT => {}
            name => names.push(name),
        }
    }
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(str::to_owned).collect()
}

/// True if the contacts of each object are among the fields.
pub(crate) fn wants_contacts(resource: Resource, fields: &[String]) -> bool {
    resource == Resource::Deals && fields.iter().any(|field| field == CONTACTS || field == CONTACT)
}

/// The ids of several lists, each list by what it belongs to.
pub(crate) type Lists = BTreeMap<String, Vec<String>>;

/// RFC 3339, or milliseconds since the Unix epoch.
pub(crate) fn time(text: &str) -> Option<Timestamp> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { text.parse().ok() } else { clock::parse_rfc3339(text) }
}

/// True for an id of HubSpot's: a number.
pub(crate) fn is_id(text: &str) -> bool {
    (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn deal(properties: Value) -> Object {
        serde_json::from_value(json!({"id": "7", "properties": properties, "updatedAt": "2026-11-01T00:00:00.123Z"}))
            .unwrap()
    }

    fn portal() -> Portal {
        serde_json::from_value(json!({"portalId": 62515, "companyCurrency": "EUR"})).unwrap()
    }

    #[test]
    fn a_deals_computed_fields() {
        let fields: Vec<String> =
            [DEAL_STATUS, AMOUNT_MINOR, AMOUNT_CURRENCY, CONTACTS, CONTACT].map(str::to_owned).into();
        let contacts = ["1".to_owned(), "2".to_owned()];
        let object = deal(json!({"amount": "12.5", "hs_is_closed": "true", "hs_is_closed_won": "false"}));
        let item = object.item(Resource::Deals, &fields, &portal(), &contacts);
        let expected = json!({
            "deal.status": "lost", "amount.minor": 1250, "amount.currency": "EUR", "associations.contacts": "1;2",
            "associations.contact": "1",
        });
        assert_eq!(Value::Object(item.fields), expected);
        assert_eq!(
            (item.modified_at, item.url.as_deref()),
            (Some(1_793_491_200_123), Some("https://app.hubspot.com/contacts/62515/record/0-3/7"))
        );
        let object = deal(json!({"amount": null, "deal_currency_code": "JPY", "hs_is_closed_won": "true"}));
        let item = object.item(Resource::Deals, &fields, &portal(), &[]);
        assert_eq!(item.fields.get(AMOUNT_CURRENCY), Some(&Value::Null), "no amount, no currency");
        assert_eq!(item.fields.get(DEAL_STATUS), Some(&json!("won")));
    }

    #[test]
    fn what_was_merged_is_told_without_itself() {
        assert_eq!(deal(json!({"hs_merged_object_ids": "5; 7;9;x"})).merged(), ["5", "9"]);
        assert!(deal(json!({"hs_merged_object_ids": null})).merged().is_empty());
    }

    #[test]
    fn both_ways_to_write_a_time_are_read() {
        assert_eq!(time("1793491200123"), Some(1_793_491_200_123));
        assert_eq!(time("2026-11-01T00:00:00.123Z"), Some(1_793_491_200_123));
        assert_eq!(time("soon"), None);
    }
}
