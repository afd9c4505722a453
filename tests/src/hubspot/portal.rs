//! An account: its objects, what its people do to them, and what is told of that.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use chrono::DateTime;
use serde_json::{Value, json};

/// What an account has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `contacts`.
    Contacts,
    /// `companies`.
    Companies,
    /// `deals`.
    Deals,
    /// `calls`.
    Calls,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Contacts, Self::Companies, Self::Deals, Self::Calls];

    /// By its name in a path.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.path() == name)
    }

    /// Its name in a path.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Contacts => "contacts",
            Self::Companies => "companies",
            Self::Deals => "deals",
            Self::Calls => "calls",
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Contacts => "contact",
            Self::Companies => "company",
            Self::Deals => "deal",
            Self::Calls => "call",
        }
    }

    pub(super) const fn modified(self) -> &'static str {
        match self {
            Self::Contacts => "lastmodifieddate",
            _ => "hs_lastmodifieddate",
        }
    }
}

/// Properties by their names.
pub type Properties = BTreeMap<String, String>;

/// One object.
#[derive(Debug, Clone)]
pub(super) struct Object {
    pub(super) properties: Properties,
    pub(super) created: u64,
    pub(super) modified: u64,
    pub(super) archived: Option<u64>,
    /// As it was before its last change: what the search knows until it has learned of that.
    before: Option<(Properties, u64)>,
}

/// A refusal of a write, as its body tells it.
pub(super) type Refusal = (u16, Value);

/// An account.
#[derive(Debug)]
pub struct Portal {
    pub(super) id: u64,
    pub(super) objects: BTreeMap<Kind, BTreeMap<u64, Object>>,
    /// Merged-away id to what it became.
    pub(super) merged: BTreeMap<(Kind, u64), u64>,
    /// By kind and id on both sides, with the type.
    pub(super) associations: BTreeSet<(Kind, u64, Kind, u64, u32)>,
    pub(super) properties: BTreeMap<Kind, Vec<Value>>,
    pub(super) groups: BTreeSet<(Kind, String)>,
    /// When searches were asked, in milliseconds.
    pub(super) searches: VecDeque<u64>,
    /// When anything was asked.
    pub(super) requests: VecDeque<u64>,
    next: u64,
    told: Vec<Value>,
}

impl Portal {
    pub(super) fn new(id: u64) -> Self {
        Self {
            id,
            objects: BTreeMap::new(),
            merged: BTreeMap::new(),
            associations: BTreeSet::new(),
            properties: Kind::ALL.into_iter().map(|kind| (kind, super::properties::built_in(kind))).collect(),
            groups: BTreeSet::new(),
            searches: VecDeque::new(),
            requests: VecDeque::new(),
            next: 100_000_000_000,
            told: Vec::new(),
        }
    }

    /// Makes an object.
    pub fn create(&mut self, kind: Kind, properties: &[(&str, &str)], now: u64) -> u64 {
        let properties = properties.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.insert(kind, properties, now)
    }

    pub(super) fn insert(&mut self, kind: Kind, properties: Properties, now: u64) -> u64 {
        self.next += 1;
        let id = self.next;
        let object = Object { properties, created: now, modified: now, archived: None, before: None };
        self.objects.entry(kind).or_default().insert(id, object);
        self.tell(kind, "creation", id, now, json!({}));
        id
    }

    /// Sets properties; an empty text unsets one. False if there is no such object.
    pub fn set(&mut self, kind: Kind, id: u64, properties: &[(&str, &str)], now: u64) -> bool {
        let properties = properties.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.change(kind, id, &properties, now)
    }

    pub(super) fn change(&mut self, kind: Kind, id: u64, properties: &Properties, now: u64) -> bool {
        let Some(object) = self.live(kind, id) else { return false };
        object.touch(now);
        for (name, value) in properties {
            if value.is_empty() {
                object.properties.remove(name);
            } else {
                object.properties.insert(name.clone(), value.clone());
            }
        }
        for (name, value) in properties {
            self.tell(kind, "propertyChange", id, now, json!({"propertyName": name, "propertyValue": value}));
        }
        true
    }

    /// Puts an object into the recycle bin. False if there is no such object.
    pub fn delete(&mut self, kind: Kind, id: u64, now: u64) -> bool {
        let Some(object) = self.live(kind, id) else { return false };
        object.archived = Some(now);
        self.tell(kind, "deletion", id, now, json!({}));
        true
    }

    /// Takes an object out of the recycle bin.
    pub fn restore(&mut self, kind: Kind, id: u64, now: u64) {
        let found = self.objects.entry(kind).or_default().get_mut(&id);
        if let Some(object) = found.filter(|object| object.archived.is_some()) {
            object.archived = None;
            object.touch(now);
            self.tell(kind, "restore", id, now, json!({}));
        }
    }

    /// Takes an object away for good, as its person may demand.
    pub fn purge(&mut self, kind: Kind, id: u64, now: u64) {
        if self.objects.entry(kind).or_default().remove(&id).is_some() {
            self.tell(kind, "privacyDeletion", id, now, json!({}));
        }
    }

    /// Makes two objects one; values of the first count. False if one of them is not there.
    pub fn merge(&mut self, kind: Kind, primary: u64, other: u64, now: u64) -> bool {
        let Some(gone) = self.live(kind, other).filter(|_| primary != other).map(|object| object.properties.clone())
        else {
            return false;
        };
        let Some(object) = self.live(kind, primary) else { return false };
        object.touch(now);
        let mut ids: Vec<String> = object.properties.get("hs_merged_object_ids").into_iter().cloned().collect();
        ids.push(other.to_string());
        ids.extend(gone.get("hs_merged_object_ids").cloned());
        object.properties.insert("hs_merged_object_ids".to_owned(), ids.join(";"));
        for (name, value) in gone.into_iter().filter(|(name, _)| name != "patchbay_id") {
            object.properties.entry(name).or_insert(value);
        }
        self.objects.entry(kind).or_default().remove(&other);
        self.merged.insert((kind, other), primary);
        let more = json!({"primaryObjectId": primary, "mergedObjectIds": [other], "newObjectId": primary, "numberOfPropertiesMoved": 1});
        self.tell(kind, "merge", primary, now, more);
        true
    }

    /// Makes two objects one under an id of its own, as HubSpot does with contacts; values of the first count. None if one of them is not
    /// there.
    pub fn merge_anew(&mut self, kind: Kind, primary: u64, other: u64, now: u64) -> Option<u64> {
        if !self.merge(kind, primary, other, now) {
            return None;
        }
        let told = self.told.pop();
        let mut object = self.objects.entry(kind).or_default().remove(&primary)?;
        object.touch(now);
        let ids = object.properties.entry("hs_merged_object_ids".to_owned()).or_default();
        *ids = format!("{primary};{ids}");
        self.next += 1;
        let id = self.next;
        self.objects.entry(kind).or_default().insert(id, object);
        self.merged.insert((kind, primary), id);
        self.told.extend(told.map(|mut element| {
            element["newObjectId"] = json!(id);
            element
        }));
        Some(id)
    }

    /// The ids of what is there.
    #[must_use]
    pub fn ids(&self, kind: Kind) -> Vec<u64> {
        let all = self.objects.get(&kind).into_iter().flatten();
        all.filter(|(_, object)| object.archived.is_none()).map(|(id, _)| *id).collect()
    }

    /// The properties of an object that is there.
    #[must_use]
    pub fn get(&self, kind: Kind, id: u64) -> Option<&Properties> {
        let object = self.objects.get(&kind)?.get(&id).filter(|object| object.archived.is_none())?;
        Some(&object.properties)
    }

    /// What an object is associated with, by type.
    #[must_use]
    pub fn associated(&self, from: Kind, id: u64, to: Kind) -> Vec<(u64, u32)> {
        let own = self.associations.iter().filter(|(kind, own, other, ..)| (*kind, *own, *other) == (from, id, to));
        own.map(|(.., other, type_id)| (*other, *type_id)).collect()
    }

    /// Associates two objects.
    pub fn associate(&mut self, from: (Kind, u64), to: (Kind, u64), type_id: u32) {
        self.associations.insert((from.0, from.1, to.0, to.1, type_id));
        if (from.0, to.0) == (Kind::Contacts, Kind::Companies) || (from.0, to.0) == (Kind::Deals, Kind::Companies) {
            let name = if from.0 == Kind::Contacts { "associatedcompanyid" } else { "hs_primary_associated_company" };
            if let Some(object) = self.objects.entry(from.0).or_default().get_mut(&from.1) {
                object.properties.entry(name.to_owned()).or_insert_with(|| to.1.to_string());
            }
        }
    }

    pub(super) fn live(&mut self, kind: Kind, id: u64) -> Option<&mut Object> {
        self.objects.entry(kind).or_default().get_mut(&id).filter(|object| object.archived.is_none())
    }

    /// What a merged-away object became, however often.
    pub(super) fn survivor(&self, kind: Kind, id: u64) -> u64 {
        let mut id = id;
        while let Some(into) = self.merged.get(&(kind, id)) {
            id = *into;
        }
        id
    }

    /// The object that has this value, which no other one may have.
    pub(super) fn by_unique(&self, kind: Kind, property: &str, value: &str) -> Option<u64> {
        let same = |object: &Object| {
            let own = object.properties.get(property);
            own.is_some_and(|own| if property == "email" { own.eq_ignore_ascii_case(value) } else { own == value })
        };
        let mut all = self.objects.get(&kind).into_iter().flatten();
        all.find(|(_, object)| object.archived.is_none() && same(object)).map(|(id, _)| *id)
    }

    fn tell(&mut self, kind: Kind, happened: &str, id: u64, now: u64, more: Value) {
        let event = self.told.len() + 1;
        let subscription =
            if kind == Kind::Calls { format!("object.{happened}") } else { format!("{}.{happened}", kind.word()) };
        let mut element = json!({
            "eventId": event, "subscriptionId": 12345, "portalId": self.id, "appId": 54321, "occurredAt": now,
            "subscriptionType": subscription, "attemptNumber": 0, "objectId": id, "changeSource": "CRM",
        });
        if kind == Kind::Calls {
            element["objectTypeId"] = json!("0-48");
        }
        element.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
        self.told.push(element);
    }

    pub(super) fn take_webhooks(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.told)
    }
}

impl Object {
    fn touch(&mut self, now: u64) {
        self.before = Some((self.properties.clone(), self.modified));
        self.modified = now;
    }

    /// As the search knows it: nothing of what was made too lately.
    pub(super) fn indexed(&self, now: u64, lag_ms: u64) -> Option<(&Properties, u64)> {
        if self.modified + lag_ms <= now {
            return Some((&self.properties, self.modified));
        }
        let (properties, modified) = self.before.as_ref()?;
        Some((properties, *modified)).filter(|_| self.created + lag_ms <= now)
    }

    /// As HubSpot answers it, with these properties.
    pub(super) fn json(&self, kind: Kind, id: u64, wanted: &[String]) -> Value {
        self.json_of(kind, id, wanted, &self.properties, self.modified)
    }

    pub(super) fn json_of(
        &self,
        kind: Kind,
        id: u64,
        wanted: &[String],
        properties: &Properties,
        modified: u64,
    ) -> Value {
        let mut told = serde_json::Map::new();
        for name in wanted {
            told.insert(name.clone(), properties.get(name).map_or(Value::Null, |value| json!(value)));
        }
        told.insert("hs_object_id".to_owned(), json!(id.to_string()));
        told.insert("createdate".to_owned(), json!(iso(self.created)));
        told.insert(kind.modified().to_owned(), json!(iso(modified)));
        let mut object = json!({
            "id": id.to_string(), "properties": told, "createdAt": iso(self.created), "updatedAt": iso(modified),
            "archived": self.archived.is_some(),
        });
        if let Some(at) = self.archived {
            object["archivedAt"] = json!(iso(at));
        }
        object
    }
}

/// As HubSpot writes a time.
pub(super) fn iso(at: u64) -> String {
    let time = DateTime::from_timestamp_millis(i64::try_from(at).unwrap()).unwrap();
    time.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}
