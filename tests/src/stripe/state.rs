//! What the vendor knows. Objects are kept as they are shown; members that begin with an underscore are the simulator's own
//! and are taken out on the way.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::Bound,
};

use serde_json::{Map, Value, json};

use super::{VERSION, meter::Usage, refusal::Refusal};

/// A kind of object: the beginning of its ids, and what an error calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) prefix: &'static str,
    pub(super) name: &'static str,
}

pub(super) const CUSTOMER: Kind = Kind { prefix: "cus_", name: "customer" };
pub(super) const PRODUCT: Kind = Kind { prefix: "prod_", name: "product" };
pub(super) const PRICE: Kind = Kind { prefix: "price_", name: "price" };
pub(super) const SUBSCRIPTION: Kind = Kind { prefix: "sub_", name: "subscription" };
pub(super) const INVOICE: Kind = Kind { prefix: "in_", name: "invoice" };
pub(super) const INVOICE_ITEM: Kind = Kind { prefix: "ii_", name: "invoiceitem" };
pub(super) const CHECKOUT: Kind = Kind { prefix: "cs_test_", name: "checkout.session" };
pub(super) const PORTAL: Kind = Kind { prefix: "bps_", name: "billing_portal.session" };
pub(super) const PAYMENT_LINK: Kind = Kind { prefix: "plink_", name: "payment_link" };
pub(super) const PAYMENT_INTENT: Kind = Kind { prefix: "pi_", name: "payment_intent" };
pub(super) const CHARGE: Kind = Kind { prefix: "ch_", name: "charge" };
pub(super) const REFUND: Kind = Kind { prefix: "re_", name: "refund" };
pub(super) const METER: Kind = Kind { prefix: "mtr_test_", name: "billing.meter" };

/// Which request caused an event; nobody's, where time did.
#[derive(Debug, Clone, Default)]
pub(super) struct Cause {
    pub(super) request: Option<String>,
    pub(super) key: Option<String>,
}

/// All of it.
#[derive(Default)]
pub(super) struct State {
    /// Unix seconds.
    pub(super) now: i64,
    pub(super) objects: BTreeMap<String, Value>,
    /// In the order in which they happened.
    pub(super) events: Vec<Value>,
    /// How many of them the test has taken.
    pub(super) taken: usize,
    pub(super) usage: Usage,
    /// Customers whose card is declined, with the bank's word for it.
    pub(super) declined: BTreeMap<String, String>,
    pub(super) cause: Cause,
    /// First answers, by credential and idempotency key.
    pub(super) answers: HashMap<(String, String), super::server::Answered>,
    /// Tokens of meter event sessions, until when each is good.
    pub(super) sessions: BTreeMap<String, i64>,
    /// Objects that are deleted.
    pub(super) deleted: BTreeSet<String>,
    pub(super) sequence: u64,
}

impl State {
    /// An id that was not there before. Later ones of a kind sort after it.
    pub(super) fn next_id(&mut self, prefix: &str) -> String {
        self.sequence += 1;
        format!("{prefix}SIM{:011}", self.sequence)
    }

    /// Keeps an object under its id.
    pub(super) fn put(&mut self, object: Value) {
        let id = object["id"].as_str().expect("a stored object has an id").to_owned();
        self.objects.insert(id, object);
    }

    /// The object that a path names.
    pub(super) fn find(&self, kind: Kind, id: &str) -> Result<&Value, Refusal> {
        self.look(kind, id).ok_or_else(|| Refusal::no_such(404, kind.name, id, "id"))
    }

    /// The object that a parameter names.
    pub(super) fn named(&self, kind: Kind, id: &str, param: &str) -> Result<&Value, Refusal> {
        self.look(kind, id).ok_or_else(|| Refusal::no_such(400, kind.name, id, param))
    }

    fn look(&self, kind: Kind, id: &str) -> Option<&Value> {
        self.objects.get(id).filter(|_| id.starts_with(kind.prefix) && !self.deleted.contains(id))
    }

    /// An object that is there, because another one refers to it.
    pub(super) fn object(&self, id: &str) -> &Value {
        self.objects.get(id).expect("an object that another refers to")
    }

    pub(super) fn object_mut(&mut self, id: &str) -> &mut Value {
        self.objects.get_mut(id).expect("an object that another refers to")
    }

    /// Those of a kind, the oldest first.
    pub(super) fn all(&self, kind: Kind) -> impl DoubleEndedIterator<Item = &Value> {
        let from = (Bound::Included(kind.prefix.to_owned()), Bound::Unbounded);
        let those = self.objects.range::<String, _>(from).take_while(|(id, _)| id.starts_with(kind.prefix));
        let those: Vec<&Value> =
            those.filter(|(id, _)| !self.deleted.contains(*id)).map(|(_, object)| object).collect();
        those.into_iter()
    }

    /// Tells that something happened to an object.
    pub(super) fn emit(&mut self, kind: &str, object: &Value, previous: Option<Value>) {
        let id = self.next_id("evt_");
        let mut data = json!({"object": shown(object)});
        if let Some(previous) = previous {
            data["previous_attributes"] = previous;
        }
        self.events.push(json!({
            "id": id, "object": "event", "api_version": VERSION, "created": self.now, "data": data, "livemode": false,
            "pending_webhooks": 1, "request": {"id": self.cause.request, "idempotency_key": self.cause.key}, "type": kind,
        }));
    }

    /// Tells what became of a stored object.
    pub(super) fn emit_of(&mut self, kind: &str, id: &str) {
        let object = self.object(id).clone();
        self.emit(kind, &object, None);
    }

    /// Changes a stored object and tells it with what it was before; tells nothing if nothing that is shown is another.
    pub(super) fn change(&mut self, kind: &str, id: &str, change: impl FnOnce(&mut Value)) {
        let before = self.object(id).clone();
        change(self.object_mut(id));
        let after = self.object(id).clone();
        let previous = differences(&before, &after);
        if !previous.is_empty() {
            self.emit(kind, &after, Some(Value::Object(previous)));
        }
    }
}

/// The members that are another now, as they were.
fn differences(before: &Value, after: &Value) -> Map<String, Value> {
    let (Some(before), Some(after)) = (before.as_object(), after.as_object()) else { return Map::new() };
    let names = after.keys().filter(|name| !name.starts_with('_'));
    let changed = names.filter(|name| before.get(*name) != after.get(*name));
    changed.map(|name| (name.clone(), before.get(name).map(shown).unwrap_or_default())).collect()
}

/// The object as the vendor shows it.
pub(super) fn shown(value: &Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(
            members
                .iter()
                .filter(|(name, _)| !name.starts_with('_'))
                .map(|(name, member)| (name.clone(), shown(member)))
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.iter().map(shown).collect()),
        other => other.clone(),
    }
}

/// The text at a member that is always one.
pub(super) fn text<'a>(object: &'a Value, member: &str) -> &'a str {
    object[member].as_str().unwrap_or_else(|| panic!("{member} is a text in {object}"))
}

/// The number at a member that is always one.
pub(super) fn number(object: &Value, member: &str) -> i64 {
    object[member].as_i64().unwrap_or_else(|| panic!("{member} is a number in {object}"))
}
