//! The standard object `phone-number` out of what carriers say of a number.

use serde_json::Value;

use crate::{money::Money, phone::Kind, phone::Number, time::Millis};

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
    /// What kind the carrier sells it as; by the tables where it does not say.
    pub kind: Option<Kind>,
    /// ISO 3166-1, two letters; by the tables where the carrier does not say.
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
        let mut id = format!("{}:{}", self.source, self.id);
        id.truncate(id.floor_char_boundary(256));
        id
    }

    /// The standard object `phone-number`, valid by its schema. Reads the tables of numbers where kind or country are missing.
    #[must_use]
    pub fn to_object(&self) -> Value {
        todo!()
    }

    /// The id of the usage record of a month of it (meter `number`): number and month of a time, UTC, as
    /// `+15550100/2026-11`.
    #[must_use]
    pub fn usage_id(number: &Number, at: Millis) -> String {
        format!("{}/{}", number.as_str(), crate::time::utc(at).format("%Y-%m"))
    }
}
