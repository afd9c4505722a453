//! What Stripe sends, and what becomes of it.

use std::borrow::Cow;
use std::marker::PhantomData;

use patchbay_sdk::clock::{self, Timestamp};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// The longest name of a type; Stripe's longest has about 70 characters.
const MAX_KIND: usize = 120;

/// The longest id of an event; Stripe documents at most 255 characters for any id.
const MAX_ID: usize = 255;

/// A snapshot event or a thin notification: what they share, and what only one has.
#[derive(Debug, Deserialize)]
pub(crate) struct Notification<'a> {
    #[serde(borrow)]
    pub(crate) id: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    pub(crate) kind: Cow<'a, str>,
    object: Cow<'a, str>,
    /// Seconds since the Unix epoch, or RFC 3339 text in a thin notification.
    #[serde(borrow)]
    created: Option<&'a RawValue>,
    livemode: Option<bool>,
    #[serde(borrow)]
    api_version: Option<Cow<'a, str>>,
    #[serde(borrow)]
    account: Option<Cow<'a, str>>,
    #[serde(borrow)]
    context: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<Data<'a>>,
    #[serde(borrow)]
    related_object: Option<&'a RawValue>,
    #[serde(borrow)]
    reason: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
struct Data<'a> {
    #[serde(borrow)]
    object: Option<&'a RawValue>,
    #[serde(borrow)]
    previous_attributes: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Identified<'a> {
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
}

/// The data of the event that is published: Stripe's object as Stripe wrote it, with what a consumer needs
/// to know of the event around it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "StripeEvent")]
pub(crate) struct Published<'a> {
    /// Stripe's name of the type, as in `invoice.paid`.
    #[serde(rename = "type")]
    kind: &'a str,
    /// When it happened, in milliseconds since the Unix epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    occurred_at: Option<Timestamp>,
    /// False in a sandbox.
    #[serde(skip_serializing_if = "Option::is_none")]
    livemode: Option<bool>,
    /// The version of Stripe's API in which the object is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    api_version: Option<&'a str>,
    /// The connected account, for Stripe Connect.
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<&'a str>,
    /// The context of a thin notification.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Value>")]
    context: Option<&'a RawValue>,
    /// The object as it was; thin notifications have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Value>")]
    object: Option<&'a RawValue>,
    /// What an update changed, as it was before.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Value>")]
    previous_attributes: Option<&'a RawValue>,
    /// What a thin notification is about: its id, type and URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Value>")]
    related_object: Option<&'a RawValue>,
    /// What caused a thin notification.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Value>")]
    reason: Option<&'a RawValue>,
}

/// The schema of the data of an event about a `T`. It describes what Stripe's object has and demands nothing of it: the object is
/// published as Stripe wrote it, and an endpoint may have another version of the API than the one that is described. A webhook
/// whose event were refused here would come again until Stripe gives it up.
pub(crate) struct About<T>(PhantomData<T>);

impl<T: JsonSchema> JsonSchema for About<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("Stripe{}Event", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = Published::<'static>::json_schema(generator);
        let mut reader = generator.settings().clone().for_deserialize().into_generator();
        let object = described(T::json_schema(&mut reader).as_value());
        if let Some(own) = schema.pointer_mut("/properties/object") {
            *own = object;
        }
        schema.insert("title".to_owned(), Self::schema_name().into());
        schema
    }
}

/// What a schema says of members, without what it demands of them.
fn described(schema: &Value) -> Value {
    let mut kept = Map::new();
    if let Some(members) = schema.get("properties").and_then(Value::as_object) {
        let members = members.iter().map(|(name, member)| (name.clone(), described(member))).collect();
        kept.insert("properties".to_owned(), Value::Object(members));
    }
    if let Some(items) = schema.get("items") {
        kept.insert("items".to_owned(), described(items));
    }
    if let Some(text) = schema.get("description") {
        kept.insert("description".to_owned(), text.clone());
    }
    Value::Object(kept)
}

impl<'a> Notification<'a> {
    /// Reads a body; the error says what it is not.
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, String> {
        let notification: Self =
            serde_json::from_slice(body).map_err(|error| format!("no event of Stripe: {error}"))?;
        if !matches!(&*notification.object, "event" | "v2.core.event") {
            return Err("no event of Stripe: its object is neither event nor v2.core.event".to_owned());
        }
        if !(1..=MAX_ID).contains(&notification.id.len()) {
            return Err(format!("the id has not between 1 and {MAX_ID} characters"));
        }
        let named =
            notification.kind.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-'));
        if !named || !(1..=MAX_KIND).contains(&notification.kind.len()) {
            return Err("the type is no name".to_owned());
        }
        Ok(notification)
    }

    /// When it happened.
    pub(crate) fn occurred_at(&self) -> Option<Timestamp> {
        let text = self.created?.get();
        if let Ok(seconds) = serde_json::from_str::<u64>(text) {
            return seconds.checked_mul(1000);
        }
        clock::parse_rfc3339(&serde_json::from_str::<Cow<'_, str>>(text).ok()?)
    }

    /// The id of what it is about. The object of `invoice.upcoming` has none, and what is no id of Stripe's is none.
    pub(crate) fn subject(&self) -> Option<Cow<'a, str>> {
        let about = self.data.as_ref().and_then(|data| data.object).or(self.related_object)?;
        let id = serde_json::from_str::<Identified<'a>>(about.get()).ok()?.id;
        id.filter(|id| id.len() <= MAX_ID)
    }

    /// What is published.
    pub(crate) fn published(&self) -> Published<'_> {
        Published {
            kind: &self.kind,
            occurred_at: self.occurred_at(),
            livemode: self.livemode,
            api_version: self.api_version.as_deref(),
            account: self.account.as_deref(),
            context: self.context,
            object: self.data.as_ref().and_then(|data| data.object),
            previous_attributes: self.data.as_ref().and_then(|data| data.previous_attributes),
            related_object: self.related_object,
            reason: self.reason,
        }
    }
}
