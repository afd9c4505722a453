//! The standard object `phone-number` out of what carriers say of a number.

use serde_json::{Map, Value, json};

use crate::{
    money::Money,
    phone::{Kind, Number},
    text,
    time::{self, Millis},
};

/// How far a number is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// Ordered.
    Pending,
    /// The organization has it.
    Active,
    /// On its way from another carrier.
    Porting,
    /// The organization has it and it does not work.
    Suspended,
    /// Given back.
    Released,
}

impl Status {
    /// As the object has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Porting => "porting",
            Self::Suspended => "suspended",
            Self::Released => "released",
        }
    }
}

/// What a number can do. In the order in which the object lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Capability {
    /// Calls.
    Voice,
    /// Text messages.
    Sms,
    /// Messages with media.
    Mms,
    /// Faxes.
    Fax,
}

impl Capability {
    /// Reads a carrier's word for it in whatever case; `None` for what the object does not know, as `emergency`.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "voice" => Some(Self::Voice),
            "sms" => Some(Self::Sms),
            "mms" => Some(Self::Mms),
            "fax" => Some(Self::Fax),
            _ => None,
        }
    }

    /// As the object has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Voice => "voice",
            Self::Sms => "sms",
            Self::Mms => "mms",
            Self::Fax => "fax",
        }
    }
}

/// What a carrier says of a number that the organization has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owned {
    /// The plugin's id: `telnyx`.
    pub source: String,
    /// The carrier's id of the number.
    pub id: String,
    /// The number.
    pub number: Number,
    /// How far it is.
    pub status: Status,
    /// What kind the carrier sells it as; by the numbering plans where it does not say.
    pub kind: Option<Kind>,
    /// ISO 3166-1, two letters; by the numbering plans where the carrier does not say.
    pub country: Option<String>,
    /// What the organization calls it.
    pub name: Option<String>,
    /// The state or province.
    pub region: Option<String>,
    /// The town.
    pub locality: Option<String>,
    /// What it can do.
    pub capabilities: Vec<Capability>,
    /// If emergency calls know where it is.
    pub emergency_enabled: Option<bool>,
    /// When it was bought.
    pub purchased_at: Option<Millis>,
    /// When it was given back.
    pub released_at: Option<Millis>,
    /// What a month costs.
    pub monthly_price: Option<Money>,
    /// What else the carrier says, for `extra` below the source's name: an object, or null.
    pub extra: Value,
}

impl Owned {
    /// A number of which nothing else is known.
    #[must_use]
    pub fn new(source: &str, id: &str, number: Number, status: Status) -> Self {
        Self {
            source: source.to_owned(),
            id: id.to_owned(),
            number,
            status,
            kind: None,
            country: None,
            name: None,
            region: None,
            locality: None,
            capabilities: Vec::new(),
            emergency_enabled: None,
            purchased_at: None,
            released_at: None,
            monthly_price: None,
            extra: Value::Null,
        }
    }

    /// The id of its standard object: `telnyx:1293384261075731499`.
    #[must_use]
    pub fn object_id(&self) -> String {
        text::object_id(&self.source, &self.id)
    }

    /// The standard object `phone-number`, valid by its schema. Kind and country are the numbering plans' where they are
    /// missing.
    #[must_use]
    pub fn to_object(&self) -> Value {
        let mut object = Map::new();
        object.insert("number".into(), self.number.as_str().into());
        object.insert("status".into(), self.status.as_str().into());
        let short = |text: &Option<String>, most: usize| {
            let text = text.as_deref().map(str::trim).filter(|text| !text.is_empty())?;
            Some(Value::from(text.chars().take(most).collect::<String>()))
        };
        let at = |at: Option<Millis>| at.map(|at| Value::from(time::rfc3339(at)));
        let country = self.country.as_deref().map(str::to_ascii_uppercase).filter(|country| is_country(country));
        let country = country.or_else(|| self.number.country().map(str::to_owned));
        let kind = self.kind.unwrap_or_else(|| self.number.kind()).as_object();
        let mut capabilities = self.capabilities.clone();
        capabilities.sort_unstable();
        capabilities.dedup();
        for (name, value) in [
            ("name", short(&self.name, 500)),
            ("kind", kind.map(Value::from)),
            ("country", country.map(Value::from)),
            ("region", short(&self.region, 200)),
            ("locality", short(&self.locality, 200)),
            ("capabilities", Some(capabilities.into_iter().map(Capability::as_str).collect())),
            ("emergency_enabled", self.emergency_enabled.map(Value::from)),
            ("purchased_at", at(self.purchased_at)),
            ("released_at", at(self.released_at)),
            ("monthly_price", self.monthly_price.as_ref().map(Money::to_object)),
            ("external_ids", text::external_ids(&self.source, &self.id)),
            ("extra", self.extra.is_object().then(|| json!({self.source.as_str(): self.extra}))),
        ] {
            if let Some(value) = value {
                object.insert(name.to_owned(), value);
            }
        }
        Value::Object(object)
    }

    /// The id of the usage record of a month of it (meter `number`): number and month of a time, UTC, as
    /// `+15550100/2026-11`.
    #[must_use]
    pub fn usage_id(number: &Number, at: Millis) -> String {
        format!("{}/{}", number.as_str(), time::utc(at).format("%Y-%m"))
    }
}

fn is_country(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase())
}
