//! Which field of a record is which field of the vendor's, and how the one becomes the other.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Direction, Wins, template};
use crate::object::StandardObject;

/// The most fields of a mapping.
pub const MOST_FIELDS: usize = 300;
/// The most transforms of a field.
pub const MOST_TRANSFORMS: usize = 10;
/// The most entries of a look-up table.
pub const MOST_LOOKUP_ENTRIES: usize = 1_000;
/// The longest text of a template, and the longest value of a table or a default as JSON, in bytes.
pub const MOST_TEXT_BYTES: usize = 2_048;
/// The longest name of a field, on either side, in bytes.
pub const MOST_NAME_BYTES: usize = 256;
/// The most fields that records are joined by.
pub const MOST_JOIN_FIELDS: usize = 5;

/// How records of a standard object and a vendor's become each other.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// Field by field; what is not here is left alone on both sides.
    pub fields: Vec<FieldMap>,
    /// Hub fields (JSON Pointers) that tell that two records are the same one, the best first: `/email`, `/phone`. Before a
    /// record is made on one side, the other's with the same value is looked for: at the hub by the fields of them that
    /// records are found by ([`StandardObject::indexes`]), at the vendor by those that go out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub join: Vec<String>,
}

/// A field of both sides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldMap {
    /// Where it is in the record: a JSON Pointer (RFC 6901), as `/address/city`.
    pub hub: String,
    /// Its name at the vendor.
    pub vendor: String,
    /// Which way it goes; both if that is not said.
    #[serde(default)]
    pub direction: Direction,
    /// From the vendor's value to the hub's, in this order; outward each is undone, from the last to the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transforms: Vec<Transform>,
    /// Whose value stays if both changed it; as the sync says if this does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wins: Option<Wins>,
}

words! {
    /// How a part of a whole is rounded.
    #[derive(Default)]
    Round {
        /// A part counts as a whole.
        Up = "up",
        /// To the nearer one; a half away from zero.
        #[default]
        Nearest = "nearest",
        /// A part does not count.
        Down = "down",
    }
}

words! {
    /// How a vendor is told a time.
    #[derive(Default)]
    WrittenTime {
        /// ISO 8601 with milliseconds, UTC: `2026-11-01T00:00:00.000Z`.
        #[default]
        Iso = "iso",
        /// Milliseconds since the Unix epoch, as a number.
        Ms = "ms",
    }
}

/// What becomes of a value on its way. Of a list, each item is changed, unless the list itself is spoken of. What is empty
/// (null, an empty text or list) stays so, but for [`Self::Default`] and [`Self::Template`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Transform {
    /// Seconds at the hub, minutes at the vendor. 61 seconds that are 2 minutes there stay 61 here.
    SecondsToMinutes {
        /// Of minutes that are not full; nearest if that is not said.
        #[serde(default)]
        round: Round,
    },
    /// Milliseconds at the vendor, whole seconds at the hub (a half is rounded up).
    MsToSeconds,
    /// Capitals on both sides.
    Upper,
    /// Small letters on both sides.
    Lower,
    /// Without white space around it, on both sides.
    Trim,
    /// A telephone number in E.164 on both sides.
    E164 {
        /// ISO 3166-1, two letters: where numbers are that do not say so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        region: Option<String>,
    },
    /// A day, `2026-11-01`, on both sides; of a time, its day in UTC.
    Date,
    /// A time: RFC 3339 at the hub; from the vendor RFC 3339, ISO 8601 with an offset of four digits, milliseconds since the
    /// Unix epoch as a number or text, or a day, which begins in UTC.
    Time {
        /// How it is told to the vendor.
        #[serde(default)]
        written: WrittenTime,
    },
    /// Money in a currency's smallest unit at the hub, a decimal number at the vendor. An amount of another currency does not
    /// go out.
    Money {
        /// ISO 4217, three capitals: what the vendor's number is in.
        currency: String,
    },
    /// A number on both sides, also from text.
    Number,
    /// True or false on both sides, also from `true`, `yes`, `1` and their contraries.
    Boolean,
    /// One word for another.
    Lookup {
        /// The vendor's value, as text, and the hub's. Outward the first with the hub's value is taken.
        table: Map<String, Value>,
        /// The hub's value for what the table does not have. Without it, such a value is a problem of the field.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        otherwise: Option<Value>,
    },
    /// What is taken for nothing, on the side that a value comes to. Where both sides are compared it counts as nothing, so
    /// that it never takes the place of a value.
    Default {
        /// Taken instead.
        value: Value,
    },
    /// A text with values in it; one way only.
    Template {
        /// `{name}` stands for a field of the side that it comes from (`{address.city}` within a record), `{}` for this
        /// field's own value, `{{` and `}}` for braces. Without any value in it, it is empty.
        text: String,
    },
    /// Another record: its id at the hub, the id of its counterpart at the vendor.
    Reference {
        /// Of which object.
        object: StandardObject,
    },
    /// A text at the vendor, a list at the hub. The order of the items says nothing.
    Split {
        /// Between the items.
        separator: String,
    },
    /// A list at the vendor, a text at the hub.
    Join {
        /// Between the items.
        separator: String,
    },
}

impl Transform {
    /// True if it can be undone, so that a field can go both ways through it.
    #[must_use]
    pub const fn is_two_way(&self) -> bool {
        !matches!(self, Self::Template { .. })
    }

    /// Its word in a mapping.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::SecondsToMinutes { .. } => "seconds_to_minutes",
            Self::MsToSeconds => "ms_to_seconds",
            Self::Upper => "upper",
            Self::Lower => "lower",
            Self::Trim => "trim",
            Self::E164 { .. } => "e164",
            Self::Date => "date",
            Self::Time { .. } => "time",
            Self::Money { .. } => "money",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Lookup { .. } => "lookup",
            Self::Default { .. } => "default",
            Self::Template { .. } => "template",
            Self::Reference { .. } => "reference",
            Self::Split { .. } => "split",
            Self::Join { .. } => "join",
        }
    }
}

impl FieldMap {
    /// What it reads of the side that values come from: for a field with a template what that names, else the field alone.
    pub(super) fn reads<'a>(&'a self, own: &'a str) -> BTreeSet<&'a str> {
        let mut names = BTreeSet::new();
        let mut is_own_read = true;
        for transform in &self.transforms {
            if let Transform::Template { text } = transform {
                // a text that is no template is refused when the mapping is saved
                let named = template::names(text).unwrap_or_default();
                is_own_read = named.contains("");
                names.extend(named.into_iter().filter(|name| !name.is_empty()));
            }
        }
        if is_own_read {
            names.insert(own);
        }
        names
    }

    /// True if it can go both ways.
    pub(super) fn is_two_way(&self) -> bool {
        self.transforms.iter().all(Transform::is_two_way)
    }
}

impl Mapping {
    /// Every field of the vendor's that has to be read for it, in order.
    #[must_use]
    pub fn vendor_fields(&self) -> BTreeSet<&str> {
        self.inward().flat_map(|map| map.reads(&map.vendor)).collect()
    }

    /// The same without what goes another way than `allowed`. What went both ways then goes one.
    #[must_use]
    pub fn within(&self, allowed: Direction) -> Self {
        let limited =
            |map: &FieldMap| map.direction.within(allowed).map(|direction| FieldMap { direction, ..map.clone() });
        Self { fields: self.fields.iter().filter_map(limited).collect(), join: self.join.clone() }
    }

    /// Fields whose values come from the vendor.
    pub(super) fn inward(&self) -> impl Iterator<Item = &FieldMap> {
        self.fields.iter().filter(|map| map.direction.is_inward())
    }

    /// Fields whose values go to the vendor.
    pub(super) fn outward(&self) -> impl Iterator<Item = &FieldMap> {
        self.fields.iter().filter(|map| map.direction.is_outward())
    }
}
