//! Numbers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::{Feature, NumberKind};
pub use crate::incoming::Incoming;

/// Which numbers are looked for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchNumbers {
    /// Two letters (ISO 3166-1).
    #[schemars(regex(pattern = r"^[A-Z]{2}$"))]
    pub country: String,
    /// The kind.
    pub kind: NumberKind,
    /// The area code, in the United States and Canada.
    #[serde(default)]
    #[schemars(range(min = 200, max = 999))]
    pub area_code: Option<u16>,
    /// Digits and letters that it has in it; `*` for any digit.
    #[serde(default)]
    #[schemars(regex(pattern = r"^[0-9A-Za-z*]{2,16}$"))]
    pub contains: Option<String>,
    /// The state or province.
    #[serde(default)]
    #[schemars(length(min = 1, max = 100))]
    pub region: Option<String>,
    /// The town.
    #[serde(default)]
    #[schemars(length(min = 1, max = 100))]
    pub locality: Option<String>,
    /// What it must be able to do.
    #[serde(default)]
    #[schemars(length(max = 3))]
    pub features: Vec<Feature>,
    /// Only numbers that need no address of yours.
    #[serde(default)]
    pub without_address: bool,
    /// How many at most. Default: 20.
    #[serde(default)]
    #[schemars(range(min = 1, max = 100))]
    pub limit: Option<u16>,
}

/// Numbers that Twilio has to sell.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct FoundNumbers {
    /// In Twilio's order.
    pub numbers: Vec<AvailableNumber>,
}

/// A number that Twilio has to sell.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct AvailableNumber {
    /// In E.164.
    pub phone_number: String,
    /// The state or province.
    #[serde(default)]
    pub region: Option<String>,
    /// The town.
    #[serde(default)]
    pub locality: Option<String>,
    /// Whether an address of yours is needed: `none`, `any`, `local` or `foreign`.
    #[serde(default)]
    pub address_requirements: Option<String>,
    /// What it can do.
    #[serde(default)]
    pub capabilities: Option<Value>,
    /// A month of it, by the settings; null if they have no price for it.
    #[serde(default)]
    pub monthly: Option<Money>,
}

/// Money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Money {
    /// In minor units.
    pub amount: u32,
    /// Three letters (ISO 4217).
    #[schemars(regex(pattern = r"^[A-Z]{3}$"))]
    pub currency: String,
}

/// A number to buy.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BuyNumber {
    /// In E.164, as `search-numbers` gives it.
    #[schemars(length(min = 7, max = 40))]
    pub phone_number: String,
    /// Two letters (ISO 3166-1): of which the settings have a price.
    #[schemars(regex(pattern = r"^[A-Z]{2}$"))]
    pub country: String,
    /// The kind. Twilio refuses a number of another one.
    pub kind: NumberKind,
    /// What a month costs, as it was quoted: without it nothing is bought, and the quote is the answer.
    #[serde(default)]
    pub confirm: Option<Money>,
    /// What it is called at Twilio.
    #[serde(default)]
    #[schemars(length(min = 1, max = 64))]
    pub friendly_name: Option<String>,
    /// An address of Twilio's, if the country demands one: its SID.
    #[serde(default)]
    #[schemars(regex(pattern = r"^AD[0-9a-fA-F]{32}$"))]
    pub address_sid: Option<String>,
    /// A regulatory bundle, if the country demands one: its SID.
    #[serde(default)]
    #[schemars(regex(pattern = r"^BU[0-9a-fA-F]{32}$"))]
    pub bundle_sid: Option<String>,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Bought {
    /// Nothing was bought: this is what it costs.
    Quoted,
    /// It was bought now.
    Bought,
    /// The account had it already, by a call before or otherwise.
    Owned,
}

/// A quote, or a number that was bought.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Purchase {
    /// What became of it.
    pub status: Bought,
    /// In E.164.
    pub phone_number: String,
    /// A month of it. Give it back as `confirm`.
    pub monthly: Money,
    /// The number, as Twilio describes it; null for a quote.
    pub number: Option<Incoming>,
}

/// Which of its settings are changed. An empty text takes an address away.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfigureNumber {
    /// The number's SID: `PN…`.
    pub sid: String,
    /// Calls and messages come to the hub: sets all three addresses. The others of this call hold against it.
    #[serde(default)]
    pub to_hub: bool,
    /// What answers its calls.
    #[serde(default)]
    #[schemars(length(max = 2000))]
    pub voice_url: Option<String>,
    /// What gets its messages.
    #[serde(default)]
    #[schemars(length(max = 2000))]
    pub sms_url: Option<String>,
    /// What is told how its calls go.
    #[serde(default)]
    #[schemars(length(max = 2000))]
    pub status_callback: Option<String>,
    /// What it is called at Twilio. Not for a number of a subscription: by that name the hub knows it.
    #[serde(default)]
    #[schemars(length(min = 1, max = 64))]
    pub friendly_name: Option<String>,
}

/// A number to give back, for good.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReleaseNumber {
    /// Its SID: `PN…`.
    pub sid: String,
    /// The number itself: what is given back cannot be had again, so it is said twice.
    #[schemars(length(min = 7, max = 40))]
    pub confirm: String,
}

/// A number that was given back.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ReleasedNumber {
    /// Its SID.
    pub sid: String,
    /// In E.164.
    pub phone_number: String,
}

/// Which numbers of the account are listed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListNumbers {
    /// A number, or a part of one with `*` for any digits.
    #[serde(default)]
    #[schemars(regex(pattern = r"^\+?[0-9*]{1,20}$"))]
    pub phone_number: Option<String>,
    /// Exactly this name.
    #[serde(default)]
    #[schemars(length(min = 1, max = 64))]
    pub friendly_name: Option<String>,
}

/// Numbers of the account.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct OwnedNumbers {
    /// All that were asked for.
    pub numbers: Vec<Incoming>,
}
