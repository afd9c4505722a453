//! What is known of a page before it is taken over: its links, the records that are or may be theirs, and what its fields refer
//! to.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, HashMap},
};

use patchbay_model::{
    Failure,
    object::{ObjectRecord, StandardObject, indexed_as},
    sync::{Mapped, References, SyncLink, SyncState, join_in, to_hub},
};
use patchbay_storage::OrgTx;
use serde_json::Value;

use super::{By, Settled};
use crate::sync::{
    counterpart::{Whose, id_in, is_foreign, made_id},
    readers,
};

/// What is known.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// All syncs of the plugin.
    pub(super) states: Vec<SyncState>,
    /// By the vendor's id; with those that are gone, also of candidates.
    pub(super) links: HashMap<String, SyncLink>,
    /// The vendor's ids that records are linked with, by the record's id; of candidates, and of those whose links end.
    pub(super) linked: HashMap<String, Vec<String>>,
    /// The same of those that are gone.
    pub(super) gone: HashMap<String, Vec<String>>,
    /// Those that there are, by id.
    pub(super) records: HashMap<String, ObjectRecord>,
    /// Records that may be the same as one of the vendor's that has no link, by its id, the likeliest first.
    pub(super) candidates: HashMap<String, Vec<Candidate>>,
}

/// A record that may be the same as one of the vendor's.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Candidate {
    pub(super) record: String,
    /// Because this field has this value; none: its own id says so.
    pub(super) by: Option<(String, Value)>,
}

impl Candidate {
    /// True if a record is the same as one of the vendor's. Values are found by an index that knows only how long ones begin,
    /// and a record that the vendor has another id for is another one. An id of another account says nothing in this one.
    pub(super) fn is_same(&self, data: &Value, whose: Whose<'_>, vendor_id: &str) -> bool {
        let (known, is_foreign) = (id_in(data, whose.plugin), is_foreign(data, whose));
        match &self.by {
            None => !is_foreign && known.is_none_or(|known| known == vendor_id),
            Some((field, value)) => (known.is_none() || is_foreign) && data.get(field) == Some(value),
        }
    }
}

impl Known {
    /// Reads what is known of a page, and maps its items.
    pub(super) async fn read(
        ours: &mut OrgTx<'_>,
        by: &By<'_>,
        page: &Settled,
    ) -> Result<(Self, Vec<Mapped>), Failure> {
        let (plugin, object) = (by.sync.plugin(), by.sync.object());
        let mut known = Self { states: ours.syncs().list(Some(plugin)).await?, ..Self::default() };
        let links = ours.syncs().links_by_vendor(plugin, object, &page.ids()).await?;
        known.links = links.into_iter().map(|link| (link.vendor_id.clone(), link)).collect();
        let mapped = known.map(ours, by, page).await?;
        known.find_candidates(ours, by, page, &mapped).await?;
        let mut wanted: BTreeSet<String> = known.links.values().map(|link| link.record_id.clone()).collect();
        let mut looked_at: BTreeSet<String> =
            known.candidates.values().flatten().map(|candidate| candidate.record.clone()).collect();
        wanted.extend(looked_at.iter().cloned());
        let ending = page.gone().filter_map(|id| known.links.get(id));
        looked_at.extend(ending.map(|link| link.record_id.clone()));
        let looked_at: Vec<String> = looked_at.into_iter().collect();
        for link in ours.syncs().ever_linked(plugin, object, &looked_at).await? {
            if link.gone_at.is_none() {
                known.linked.entry(link.record_id).or_default().push(link.vendor_id);
            } else {
                known.gone.entry(link.record_id.clone()).or_default().push(link.vendor_id.clone());
                known.links.entry(link.vendor_id.clone()).or_insert(link);
            }
        }
        let wanted: Vec<String> = wanted.into_iter().collect();
        if !wanted.is_empty() {
            let records = ours.objects().get_many(object, &wanted).await?;
            known.records = records.into_iter().map(|record| (record.id.clone(), record)).collect();
        }
        Ok((known, mapped))
    }

    /// The items' fields in the hub's terms. What they refer to is found out by mapping them once with nothing known.
    async fn map(&self, ours: &mut OrgTx<'_>, by: &By<'_>, page: &Settled) -> Result<Vec<Mapped>, Failure> {
        let (mapped, asked) = {
            let asked = Asked::default();
            let mapped: Vec<Mapped> = page.found.iter().map(|item| to_hub(by.mapping, &item.fields, &asked)).collect();
            (mapped, asked.0.into_inner())
        };
        if asked.is_empty() {
            return Ok(mapped);
        }
        let plugin = by.sync.plugin();
        let mut found = Found { plugin: plugin.as_str(), ..Found::default() };
        for (object, ids) in asked {
            let ids: Vec<String> = ids.into_iter().collect();
            let links = ours.syncs().links_by_vendor(plugin, object, &ids).await?;
            found.records.extend(links.into_iter().map(|link| ((object, link.vendor_id), link.record_id)));
        }
        found.reading = readers::reading(&self.states, by.manifest).map(|(state, _)| state.object).collect();
        Ok(page.found.iter().map(|item| to_hub(by.mapping, &item.fields, &found)).collect())
    }

    /// Looks for records that items without a link may be: by the vendor's id that they have, by the id that a record of it would
    /// get, and by the mapping's fields. A statement for each field.
    async fn find_candidates(
        &mut self,
        ours: &mut OrgTx<'_>,
        by: &By<'_>,
        page: &Settled,
        mapped: &[Mapped],
    ) -> Result<(), Failure> {
        let (plugin, object) = (by.sync.plugin().as_str(), by.sync.object());
        let own_field = format!("external_ids.{plugin}");
        // for each item what it is looked for by, the best first
        let mut keys: Vec<(&str, Vec<(String, Value)>)> = Vec::new();
        let mut values: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (item, mapped) in page.found.iter().zip(mapped) {
            if self.links.contains_key(&item.id) {
                continue;
            }
            let mut of_item = vec![(own_field.clone(), Value::String(item.id.clone()))];
            of_item.extend(join_in(by.mapping, mapped).into_iter().filter(|(field, _)| object.is_indexed(field)));
            for (field, value) in &of_item {
                if let Some(text) = indexed_as(value) {
                    values.entry(field.clone()).or_default().insert(text);
                }
            }
            keys.push((item.id.as_str(), of_item));
        }
        let mut having: HashMap<(String, String), Vec<String>> = HashMap::new();
        for (field, values) in values {
            let values: Vec<String> = values.into_iter().collect();
            for (value, record) in ours.objects().ids_having(object, &field, &values).await? {
                having.entry((field.clone(), value)).or_default().push(record);
            }
        }
        for (vendor_id, of_item) in keys {
            let mut candidates = Vec::new();
            for (field, value) in of_item {
                let is_own = field == own_field;
                let text = indexed_as(&value).unwrap_or_default();
                let records = having.get(&(field.clone(), text)).cloned().unwrap_or_default();
                let with = |record| Candidate { record, by: (!is_own).then(|| (field.clone(), value.clone())) };
                candidates.extend(records.into_iter().map(with));
                if is_own {
                    let made = made_id(plugin, vendor_id);
                    candidates.extend(made.map(|record| Candidate { record, by: None }));
                }
            }
            self.candidates.insert(vendor_id.to_owned(), candidates);
        }
        Ok(())
    }
}

/// Finds out what is referred to.
#[derive(Default)]
struct Asked(RefCell<BTreeMap<StandardObject, BTreeSet<String>>>);

impl References for Asked {
    fn record_of(&self, object: StandardObject, vendor_id: &str) -> Option<String> {
        self.0.borrow_mut().entry(object).or_default().insert(vendor_id.to_owned());
        None
    }

    fn vendor_of(&self, _: StandardObject, _: &str) -> Option<String> {
        None
    }
}

/// What is referred to, as far as it is linked; and what will be, by the id that its record will get.
#[derive(Default)]
struct Found<'a> {
    plugin: &'a str,
    records: HashMap<(StandardObject, String), String>,
    /// Objects that are read from the vendor.
    reading: BTreeSet<StandardObject>,
}

impl References for Found<'_> {
    fn record_of(&self, object: StandardObject, vendor_id: &str) -> Option<String> {
        let linked = self.records.get(&(object, vendor_id.to_owned())).cloned();
        linked.or_else(|| self.reading.contains(&object).then(|| made_id(self.plugin, vendor_id)).flatten())
    }

    fn vendor_of(&self, _: StandardObject, _: &str) -> Option<String> {
        None
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const HUBSPOT: Whose<'_> = Whose { plugin: "hubspot", account: None };

    #[test]
    fn a_record_that_the_vendor_has_another_id_for_is_another_one() {
        let by_email =
            Candidate { record: "telnyx:1".to_owned(), by: Some(("email".to_owned(), json!("ada@example.com"))) };
        let data = json!({"email": "ada@example.com"});
        assert!(by_email.is_same(&data, HUBSPOT, "151"));
        let linked = json!({"email": "ada@example.com", "external_ids": {"hubspot": "7"}});
        assert!(!by_email.is_same(&linked, HUBSPOT, "151"));
        let of_another = json!({"email": "ada@example.com", "external_ids": {"salesforce": "7"}});
        assert!(by_email.is_same(&of_another, HUBSPOT, "151"));
        assert!(!by_email.is_same(&json!({"email": "ada@example.org"}), HUBSPOT, "151"), "it begins alike only");
    }

    #[test]
    fn a_record_is_the_same_if_its_own_id_says_so() {
        let own = Candidate { record: "hubspot:151".to_owned(), by: None };
        assert!(own.is_same(&json!({"external_ids": {"hubspot": "151"}}), HUBSPOT, "151"));
        assert!(own.is_same(&json!({}), HUBSPOT, "151"), "it was unlinked");
        assert!(!own.is_same(&json!({"external_ids": {"hubspot": "7"}}), HUBSPOT, "151"));
    }

    #[test]
    fn an_id_of_another_account_says_nothing() {
        let whose = Whose { account: Some("2"), ..HUBSPOT };
        let of_first = json!({
            "email": "ada@example.com", "external_ids": {"hubspot": "151"}, "extra": {"hubspot": {"account": "1"}},
        });
        let own = Candidate { record: "hubspot:151".to_owned(), by: None };
        assert!(!own.is_same(&of_first, whose, "151"));
        assert!(own.is_same(&of_first, HUBSPOT, "151"), "nobody says that it is another one");
        let by_email =
            Candidate { record: "hubspot:151".to_owned(), by: Some(("email".to_owned(), json!("ada@example.com"))) };
        assert!(by_email.is_same(&of_first, whose, "9"), "a person may be in both");
    }

    #[test]
    fn what_is_not_there_yet_is_referred_to_by_the_id_that_it_will_get() {
        let mut found = Found { plugin: "hubspot", ..Found::default() };
        assert_eq!(found.record_of(StandardObject::Company, "9"), None, "nobody reads companies");
        found.reading.insert(StandardObject::Company);
        assert_eq!(found.record_of(StandardObject::Company, "9").as_deref(), Some("hubspot:9"));
        found.records.insert((StandardObject::Company, "9".to_owned()), "telnyx:4".to_owned());
        assert_eq!(found.record_of(StandardObject::Company, "9").as_deref(), Some("telnyx:4"));
    }
}
