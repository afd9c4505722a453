//! Whose counterpart is whose, as far as records that are written name others.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use patchbay_model::{
    Failure, PluginId,
    object::{ObjectRecord, StandardObject, indexed_as},
    sync::{FieldMap, Mapping, References, Transform},
};
use patchbay_storage::OrgTx;
use serde_json::{Map, Value};

/// Ids that a write tells of one object.
const MOST_REFERENCES: usize = 20;

/// Counterparts at the vendor of what records name.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// By object and record.
    vendor: HashMap<(StandardObject, String), String>,
    /// By object and the vendor's id.
    record: HashMap<(StandardObject, String), String>,
    /// Whom each record has to do with, the nearest first.
    related: HashMap<String, Vec<(StandardObject, String)>>,
}

impl References for Known {
    fn record_of(&self, object: StandardObject, vendor_id: &str) -> Option<String> {
        self.record.get(&(object, vendor_id.to_owned())).cloned()
    }

    fn vendor_of(&self, object: StandardObject, record_id: &str) -> Option<String> {
        self.vendor.get(&(object, record_id.to_owned())).cloned()
    }
}

impl Known {
    /// Of what these records name, by a mapping's references and by whom they have to do with.
    pub(crate) async fn load(
        ours: &mut OrgTx<'_>,
        plugin: &PluginId,
        object: StandardObject,
        mapping: &Mapping,
        records: &[ObjectRecord],
    ) -> Result<Self, Failure> {
        let mut known = Self { related: related(ours, object, records).await?, ..Self::default() };
        let mut named: BTreeMap<StandardObject, BTreeSet<String>> = BTreeMap::new();
        for (to, id) in known.related.values().flatten() {
            named.entry(*to).or_default().insert(id.clone());
        }
        for (map, to) in mapping.fields.iter().filter_map(|map| Some((map, refers_to(map)?))) {
            let values = records.iter().filter_map(|record| record.data.as_ref()?.pointer(&map.hub));
            named.entry(to).or_default().extend(values.flat_map(|value| texts(Some(value))));
        }
        for (to, ids) in named {
            let ids: Vec<String> = ids.into_iter().collect();
            if ids.is_empty() {
                continue;
            }
            for link in ours.syncs().links_by_record(plugin, to, &ids).await? {
                known.record.insert((to, link.vendor_id.clone()), link.record_id.clone());
                known.vendor.insert((to, link.record_id), link.vendor_id);
            }
        }
        Ok(known)
    }

    /// Learns of what the vendor's items name, too.
    pub(crate) async fn learn(
        &mut self,
        ours: &mut OrgTx<'_>,
        plugin: &PluginId,
        mapping: &Mapping,
        item: &Map<String, Value>,
    ) -> Result<(), Failure> {
        let mut named: BTreeMap<StandardObject, Vec<String>> = BTreeMap::new();
        for (map, to) in mapping.fields.iter().filter_map(|map| Some((map, refers_to(map)?))) {
            named.entry(to).or_default().extend(texts(item.get(&map.vendor)));
        }
        for (to, ids) in named.into_iter().filter(|(_, ids)| !ids.is_empty()) {
            for link in ours.syncs().links_by_vendor(plugin, to, &ids).await? {
                self.record.insert((to, link.vendor_id.clone()), link.record_id.clone());
                self.vendor.insert((to, link.record_id), link.vendor_id);
            }
        }
        Ok(())
    }

    /// The vendor's ids of whom a record has to do with, by the object's name, the nearest first.
    pub(crate) fn references_of(&self, record: &str) -> BTreeMap<String, Vec<String>> {
        let mut references: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (to, id) in self.related.get(record).into_iter().flatten() {
            let Some(vendor_id) = self.vendor_of(*to, id) else { continue };
            let ids = references.entry(to.as_str().to_owned()).or_default();
            if ids.len() < MOST_REFERENCES && !ids.contains(&vendor_id) {
                ids.push(vendor_id);
            }
        }
        references
    }
}

/// Of which object the records are that a field names, if it names any.
pub(super) fn refers_to(map: &FieldMap) -> Option<StandardObject> {
    map.transforms.iter().find_map(|transform| match transform {
        Transform::Reference { object } => Some(*object),
        _ => None,
    })
}

/// A text, or those of a list.
pub(super) fn texts(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// True for what happened with somebody, at whose company and about whose deals it then was.
const fn is_activity(object: StandardObject) -> bool {
    matches!(object, StandardObject::Call | StandardObject::Message | StandardObject::Appointment)
}

/// Whom records have to do with: the contact and the company that they name, and of what happened with a contact the contact's
/// company and open deals too.
async fn related(
    ours: &mut OrgTx<'_>,
    object: StandardObject,
    records: &[ObjectRecord],
) -> Result<HashMap<String, Vec<(StandardObject, String)>>, Failure> {
    let contacts_of = |record: &ObjectRecord| {
        let mut ids = texts(field(record, "contact_id"));
        ids.extend(texts(field(record, "contact_ids")));
        ids
    };
    let contacts: BTreeSet<String> = match is_activity(object) {
        true => records.iter().flat_map(contacts_of).collect(),
        false => BTreeSet::new(),
    };
    let contacts: Vec<String> = contacts.into_iter().collect();
    let companies = companies_of(ours, &contacts).await?;
    let deals = open_deals_of(ours, &contacts).await?;
    let mut related = HashMap::with_capacity(records.len());
    for record in records {
        let ids = contacts_of(record);
        let mut whom: Vec<(StandardObject, String)> = Vec::new();
        let own = texts(field(record, "company_id"));
        let theirs = ids.iter().filter_map(|id| companies.get(id).cloned());
        whom.extend(own.into_iter().chain(theirs).map(|id| (StandardObject::Company, id)));
        let about = ids.iter().filter_map(|id| deals.get(id)).flatten();
        whom.extend(about.map(|id| (StandardObject::Deal, id.clone())));
        whom.extend(ids.into_iter().map(|id| (StandardObject::Contact, id)));
        if !whom.is_empty() {
            related.insert(record.id.clone(), whom);
        }
    }
    Ok(related)
}

async fn companies_of(ours: &mut OrgTx<'_>, contacts: &[String]) -> Result<HashMap<String, String>, Failure> {
    if contacts.is_empty() {
        return Ok(HashMap::new());
    }
    let found = ours.objects().get_many(StandardObject::Contact, contacts).await?;
    let with_theirs = found.into_iter().filter_map(|contact| {
        let company = texts(field(&contact, "company_id")).pop()?;
        Some((contact.id, company))
    });
    Ok(with_theirs.collect())
}

/// By contact: those that are open of the first that an index gives of each.
async fn open_deals_of(ours: &mut OrgTx<'_>, contacts: &[String]) -> Result<HashMap<String, Vec<String>>, Failure> {
    let values: Vec<String> = contacts.iter().filter_map(|id| indexed_as(&Value::String(id.clone()))).collect();
    if values.is_empty() {
        return Ok(HashMap::new());
    }
    let having = ours.objects().ids_having(StandardObject::Deal, "contact_id", &values).await?;
    let ids: Vec<String> = having.into_iter().map(|(_, id)| id).collect();
    let mut deals: HashMap<String, Vec<String>> = HashMap::new();
    for deal in ours.objects().get_many(StandardObject::Deal, &ids).await? {
        let is_open = field(&deal, "status").and_then(Value::as_str) == Some("open");
        if let Some(contact) = texts(field(&deal, "contact_id")).pop().filter(|_| is_open) {
            deals.entry(contact).or_default().push(deal.id);
        }
    }
    Ok(deals)
}

fn field<'r>(record: &'r ObjectRecord, name: &str) -> Option<&'r Value> {
    record.data.as_ref()?.get(name)
}
