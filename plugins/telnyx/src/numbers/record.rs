//! What is kept of orders and told of them, and the standard object `phone-number`.

use patchbay_sdk::usage::{self, Basis};
use patchbay_sdk::{Error, clock, http, objects, records};
use patchbay_telephony::money::Money;
use patchbay_telephony::numbers::{Capability, Owned, Status};
use patchbay_telephony::phone::{Kind, Number};
use patchbay_telephony::time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::api;
use crate::calls::merge;
use crate::types::numbers::{OrderState, OrderStatus};

/// The collection in the manifest.
const ORDERS: &str = "orders";

/// When a number works.
pub(super) const ORDERED: &str = "telnyx.number.ordered";
/// When there will be none.
pub(super) const FAILED: &str = "telnyx.number.failed";

/// An order as it is kept, under Telnyx' id of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "TelnyxOrderRecord")]
pub(crate) struct Order {
    /// How far it is.
    pub(crate) status: OrderStatus,
    /// In E.164.
    pub(crate) phone_number: String,
    /// By which a repeat finds it at Telnyx.
    pub(crate) customer_reference: Option<String>,
    /// What a month costs, as it was confirmed.
    pub(crate) monthly_cost: Option<String>,
    /// What was paid once.
    pub(crate) upfront_cost: Option<String>,
    /// ISO 4217.
    pub(crate) currency: Option<String>,
    /// The application that answers the number.
    pub(crate) connection_id: Option<String>,
    /// When it was ordered.
    pub(crate) ordered_at: String,
}

/// The data of the event `telnyx.number.ordered`.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "TelnyxNumberOrdered")]
pub(crate) struct Ordered<'a> {
    /// In E.164.
    pub(super) phone_number: &'a str,
    /// The id of its record of the standard object `phone-number`.
    pub(super) phone_number_id: &'a str,
    /// Telnyx' id of the order.
    pub(super) order_id: &'a str,
    /// What a month costs.
    pub(super) monthly_cost: Option<&'a str>,
    /// ISO 4217.
    pub(super) currency: Option<&'a str>,
    /// The application that answers it.
    pub(super) connection_id: Option<&'a str>,
}

/// The data of the event `telnyx.number.failed`.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "TelnyxNumberFailed")]
pub(crate) struct Failed<'a> {
    /// In E.164.
    pub(super) phone_number: &'a str,
    /// Telnyx' id of the order.
    pub(super) order_id: &'a str,
}

/// A number in Telnyx' list.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Listed {
    pub(super) id: String,
    pub(super) phone_number: String,
    #[serde(default)]
    pub(super) status: String,
    pub(super) connection_id: Option<String>,
    pub(super) phone_number_type: Option<String>,
    pub(super) country_iso_alpha2: Option<String>,
    pub(super) purchased_at: Option<String>,
    pub(super) emergency_enabled: Option<bool>,
    #[serde(default)]
    pub(super) tags: Option<Vec<String>>,
}

impl Order {
    /// As it is kept; nothing if it was not ordered here.
    pub(super) fn load(id: &str) -> Result<Option<Self>, Error> {
        Ok(records::get::<Self>(ORDERS, id)?.map(|found| found.data))
    }

    /// Keeps it.
    pub(super) fn save(&self, id: &str) -> Result<(), Error> {
        records::put(ORDERS, id, self, None).map(drop)
    }

    /// As actions give it.
    pub(super) fn state(self, id: String) -> OrderState {
        OrderState {
            status: self.status,
            phone_number: self.phone_number,
            monthly_cost: self.monthly_cost,
            upfront_cost: self.upfront_cost,
            currency: self.currency,
            quote_id: None,
            quote_expires_at: None,
            order_id: Some(id),
            customer_reference: self.customer_reference,
        }
    }

    /// What a month costs, exactly.
    pub(super) fn monthly(&self) -> Option<Money> {
        Money::parse(self.monthly_cost.as_deref()?, self.currency.as_deref()?)
    }
}

/// Reads a number that Telnyx wrote.
pub(super) fn number(text: &str) -> Result<Number, Error> {
    Number::parse(text, None).map_err(|error| Error::upstream(200, format!("a number of Telnyx {error}")))
}

/// How far a number is, of Telnyx' words for it.
pub(super) fn status(word: &str) -> Status {
    match word {
        "active" | "emergency-only" => Status::Active,
        "port-pending" | "port-out-pending" => Status::Porting,
        "deleted" | "ported-out" | "purchase-failed" | "port-failed" => Status::Released,
        _ => Status::Pending,
    }
}

/// True for a number that the account has no more, or never had.
pub(super) fn is_gone(word: &str) -> bool {
    status(word) == Status::Released
}

/// True if the account has the number with this id of Telnyx.
pub(super) fn exists(id: &str) -> Result<bool, Error> {
    let path = format!("/phone_numbers/{}", api::segment("/id", id)?);
    match api::data::<Listed>(http::Request::get(api::url(&path))) {
        Ok(listed) => Ok(!is_gone(&listed.status)),
        Err(Error::Upstream(failure)) if failure.status == 404 => Ok(false),
        Err(error) => Err(error),
    }
}

fn kind(word: &str) -> Option<Kind> {
    match word {
        "local" | "landline" => Some(Kind::Local),
        "toll_free" => Some(Kind::TollFree),
        "mobile" => Some(Kind::Mobile),
        "national" => Some(Kind::National),
        "shared_cost" => Some(Kind::SharedCost),
        _ => None,
    }
}

impl Listed {
    /// Writes the standard object and gives its id. `price`: what a month costs, if that is known.
    pub(super) fn show(&self, price: Option<Money>) -> Result<String, Error> {
        let mut owned = Owned::new("telnyx", &self.id, number(&self.phone_number)?, status(&self.status));
        owned.kind = self.phone_number_type.as_deref().and_then(kind);
        owned.country.clone_from(&self.country_iso_alpha2);
        owned.purchased_at = self.purchased_at.as_deref().and_then(time::parse);
        owned.emergency_enabled = self.emergency_enabled;
        owned.monthly_price = price;
        // what every number of Telnyx can do; for text messages it needs a profile there
        owned.capabilities = vec![Capability::Voice];
        owned.extra = json!({"status": self.status, "connection_id": self.connection_id});
        let id = owned.object_id();
        let Value::Object(mut members) = owned.to_object() else {
            return Err(Error::Internal("a number's object is an object".to_owned()));
        };
        if let Some(tags) = self.tags.as_ref().filter(|tags| !tags.is_empty()) {
            members.insert("tags".to_owned(), json!(tags));
        }
        if let Some(connection) = self.connection_id.as_deref().filter(|id| !id.is_empty()) {
            members.insert("assigned_to".to_owned(), json!({"kind": "telnyx application", "id": connection}));
        }
        objects::change(objects::PHONE_NUMBER, &id, |fields| merge(fields, members))?;
        Ok(id)
    }
}

/// Marks a number as given back.
pub(super) fn released(object: &str) -> Result<(), Error> {
    let now = time::rfc3339(clock::now());
    objects::change(objects::PHONE_NUMBER, object, |fields: &mut Map<String, Value>| {
        fields.insert("status".to_owned(), json!("released"));
        fields.entry("released_at").or_insert(json!(now));
    })
    .map(drop)
}

/// A number counts once a month.
pub(super) fn meter(number: &Number) -> Result<(), Error> {
    usage::add("number", 1, Basis::Reported, Some(&Owned::usage_id(number, clock::now())))
}
