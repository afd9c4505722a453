//! Mappings as the description shows them. What comes and goes is the model's own type, which reads and writes the same JSON.
#![expect(dead_code, reason = "describes patchbay_model::sync::Mapping")]

use std::collections::BTreeMap;

use serde_json::Value;
use utoipa::ToSchema;

/// Which field of a record is which of the vendor's.
#[derive(ToSchema)]
pub(crate) struct SyncMapping {
    /// Field by field, at most 300; what is not here is left alone on both sides.
    fields: Vec<SyncFieldMap>,
    /// Hub fields that tell that two records are the same one, the best first, at most 5: before a record is made on one side,
    /// the other's with the same value is looked for.
    #[schema(required = false, example = json!(["/email", "/phone"]))]
    join: Vec<String>,
}

/// A field of both sides.
#[derive(ToSchema)]
pub(crate) struct SyncFieldMap {
    /// Where it is in the record: a JSON Pointer (RFC 6901).
    #[schema(example = "/title")]
    hub: String,
    /// Its name at the vendor.
    #[schema(example = "jobtitle")]
    vendor: String,
    /// Which way it goes. Default: `both`.
    #[schema(required = false)]
    direction: SyncDirection,
    /// From the vendor's value to the hub's, in this order, at most 10; on the way out each is undone, the last one first.
    #[schema(required = false)]
    transforms: Vec<SyncTransform>,
    /// Whose value stays if both sides changed it. Default: as the sync says.
    wins: Option<SyncWins>,
}

/// Which way values go.
#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SyncDirection {
    /// From the vendor to the hub.
    In,
    /// From the hub to the vendor.
    Out,
    /// Both ways.
    Both,
}

/// Whose value stays where both sides changed it.
#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SyncWins {
    /// That of the later change.
    Latest,
    /// The hub's.
    Hub,
    /// The vendor's.
    Vendor,
}

/// What becomes of a record that the vendor deleted.
#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SyncDeletes {
    /// It stays, and is no longer kept the same; an edit of it does not make its counterpart anew.
    Unlink,
    /// It is deleted too if the plugin made it and no other source is linked to it; else it stays.
    Delete,
    /// Nothing.
    Ignore,
}

/// What becomes of a value on its way from the vendor to the hub; `template` goes one way only.
#[derive(ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum SyncTransform {
    /// Seconds at the hub, minutes at the vendor.
    SecondsToMinutes {
        /// `up`, `nearest` or `down`. Default: `nearest`.
        #[schema(required = false)]
        round: String,
    },
    /// Milliseconds at the vendor, seconds at the hub.
    MsToSeconds,
    /// Capitals.
    Upper,
    /// Small letters.
    Lower,
    /// Without white space around it.
    Trim,
    /// A telephone number in E.164.
    E164 {
        /// ISO 3166-1: where numbers are that do not say so.
        region: Option<String>,
    },
    /// A day.
    Date,
    /// A time.
    Time {
        /// How it is told to the vendor: `iso` or `ms`. Default: `iso`.
        #[schema(required = false)]
        written: String,
    },
    /// Money in the currency's smallest unit at the hub, a decimal number at the vendor.
    Money {
        /// ISO 4217.
        currency: String,
    },
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// One word for another.
    Lookup {
        /// The vendor's value and the hub's.
        table: BTreeMap<String, Value>,
        /// The hub's value for what the table does not have.
        otherwise: Option<Value>,
    },
    /// What is taken for nothing.
    Default {
        /// Taken instead.
        value: Value,
    },
    /// A text with values in it.
    Template {
        /// `{name}` stands for a field.
        text: String,
    },
    /// Another record: its id here, the id of its counterpart there.
    Reference {
        /// Of which standard object.
        object: String,
    },
    /// A text at the vendor, a list at the hub.
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
