//! Telephone numbers: E.164 within, whatever people and carriers write without.
//!
//! The numbering plans are libphonenumber's, as the crate `phonenumber` carries them, written as constants when this crate is
//! built. What carriers send is E.164 already and is checked by its form and its calling code alone. The plans are asked for a
//! number as people write it, for [`Number::kind`] and for [`Number::country`]. Rejected: that crate at run time, which reads
//! all plans before the first number, in each guest anew; and refusing numbers that the plans do not know. Carriers open
//! ranges before any table has them, and test numbers are in none.

mod kind;
mod mask;
mod party;
mod read;
mod tables;

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

pub use kind::Kind;
pub use mask::mask;
pub use party::Party;
pub use read::Invalid;

/// A telephone number in E.164: a plus, the calling code of a country or of a service of all countries, and the rest; 7 to 15
/// digits. Whether somebody has it is not known.
///
/// In JSON it is a text. It is read as [`Self::parse`] does without a region. There is no `Display`, and `Debug` is masked, so
/// that none gets into a log by accident: [`Self::as_str`] says what is wanted.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Number(String);

impl Number {
    /// Reads a number as carriers and people write it: `+14155550100`, `tel:+1-415-555-0100`, `(415) 555-0100` with the
    /// default region `US` (ISO 3166-1, two letters), `00 49 30 1234567` with `DE`, `1-800-FLOWERS` with `US`.
    ///
    /// # Errors
    /// [`Invalid`], which holds nothing of the text: put the field's name before it.
    pub fn parse(text: &str, default_region: Option<&str>) -> Result<Self, Invalid> {
        read::number(text, default_region).map(Self)
    }

    /// As it is dialled and stored: `+14155550100`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As logs and errors show it: `+1415***0100`. At least three digits are hidden, at most the last four shown.
    #[must_use]
    pub fn masked(&self) -> String {
        mask::number(&self.0)
    }

    /// What kind of number it is, by the numbering plans; [`Kind::Unknown`] for one that they do not know.
    #[must_use]
    pub fn kind(&self) -> Kind {
        tables::kind(self.calling_code(), self.national())
    }

    /// The country that it belongs to (ISO 3166-1, two letters). One that no country's plan knows belongs to the main country
    /// of its calling code; `None` for services of all countries, as `+800`.
    #[must_use]
    pub fn country(&self) -> Option<&'static str> {
        tables::country(self.calling_code(), self.national())
    }

    /// The calling code without the plus: 1, 44, 881.
    #[must_use]
    pub fn calling_code(&self) -> u16 {
        tables::split(self.digits()).map_or(0, |(code, _)| code)
    }

    /// What follows the calling code.
    fn national(&self) -> &str {
        tables::split(self.digits()).map_or("", |(_, national)| national)
    }

    fn digits(&self) -> &str {
        self.0.get(1..).unwrap_or_default()
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl AsRef<str> for Number {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl std::str::FromStr for Number {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::parse(text, None)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text, None).map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Number {
    fn schema_name() -> Cow<'static, str> {
        "PhoneNumber".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "minLength": 7,
            "maxLength": read::LONGEST_TEXT,
            "description": "A telephone number with + and its country's code, as +14155550100"
        })
    }
}
