//! Numbers: found, ordered, configured, given back.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What kind of number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NumberType {
    /// Of a place.
    Local,
    /// Free for who calls.
    TollFree,
    /// As mobile phones have.
    Mobile,
    /// Of a country and no place.
    National,
    /// Shared between who calls and who is called.
    SharedCost,
}

impl NumberType {
    /// Telnyx' word for it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::TollFree => "toll_free",
            Self::Mobile => "mobile",
            Self::National => "national",
            Self::SharedCost => "shared_cost",
        }
    }
}

/// What a number can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Feature {
    /// Calls.
    Voice,
    /// Text messages.
    Sms,
    /// Messages with media.
    Mms,
    /// Faxes.
    Fax,
    /// Emergency calls.
    Emergency,
}

impl Feature {
    /// Telnyx' word for it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Voice => "voice",
            Self::Sms => "sms",
            Self::Mms => "mms",
            Self::Fax => "fax",
            Self::Emergency => "emergency",
        }
    }
}

/// Which numbers are looked for.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "TelnyxSearchNumbers")]
pub struct Search {
    /// ISO 3166-1, two letters. Default: the settings' default country, else `US`.
    #[schemars(regex(pattern = r"^[A-Z]{2}$"))]
    pub country: Option<String>,
    /// The area code, as `312`.
    #[schemars(regex(pattern = r"^[0-9]{1,8}$"))]
    pub area_code: Option<String>,
    /// The town.
    #[schemars(length(min = 1, max = 100))]
    pub locality: Option<String>,
    /// The state or province, as `IL`.
    #[schemars(length(min = 1, max = 100))]
    pub administrative_area: Option<String>,
    /// Digits that the number has.
    #[schemars(regex(pattern = r"^[0-9]{1,15}$"))]
    pub contains: Option<String>,
    /// What kind of number.
    pub number_type: Option<NumberType>,
    /// All that it shall be able to do.
    #[schemars(length(max = 5))]
    #[serde(default)]
    pub features: Vec<Feature>,
    /// What a month costs at most, in the number's currency: `1.50`.
    #[schemars(regex(pattern = r"^[0-9]{1,6}(\.[0-9]{1,5})?$"))]
    pub max_monthly_cost: Option<String>,
    /// Default: 20.
    #[schemars(range(min = 1, max = 100))]
    pub limit: Option<u32>,
    /// Also numbers that are only like those that are looked for. Default: no.
    #[serde(default)]
    pub best_effort: bool,
}

/// What can be ordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(title = "TelnyxAvailableNumbers")]
pub struct Found {
    /// In Telnyx' order.
    pub numbers: Vec<Available>,
}

/// A number that can be ordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Available {
    /// In E.164.
    pub phone_number: String,
    /// What it can do, in Telnyx' words.
    pub features: Vec<String>,
    /// What a month costs.
    pub monthly_cost: Option<String>,
    /// What is paid once.
    pub upfront_cost: Option<String>,
    /// ISO 4217.
    pub currency: Option<String>,
    /// Where it is: kind (`locality`, `state`, `country_code`) and name.
    pub region: Vec<Region>,
    /// It is only like what was looked for.
    pub best_effort: bool,
    /// It works at once.
    pub quickship: bool,
}

/// Where a number is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Region {
    /// As `locality`.
    pub region_type: String,
    /// As `CHICAGO`.
    pub region_name: String,
}

/// An order of a number, in two steps: first without `quote_id` and `confirm_monthly_cost`, then with both.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "TelnyxOrderNumber")]
pub struct OrderNumber {
    /// Which one.
    #[schemars(length(min = 1, max = 64))]
    pub phone_number: String,
    /// What the first step gave.
    #[schemars(regex(pattern = r"^quote_[0-9a-f-]{36}$"))]
    pub quote_id: Option<String>,
    /// The monthly cost of the quote, once more: so that nobody buys what they have not seen the price of.
    #[schemars(regex(pattern = r"^[0-9]{1,6}(\.[0-9]{1,5})?$"))]
    pub confirm_monthly_cost: Option<String>,
    /// The application that answers it. Default: that of the settings; without one the number rings nowhere.
    #[schemars(length(min = 1, max = 64))]
    pub connection_id: Option<String>,
    /// For a country that asks for papers: where Telnyx has them.
    #[schemars(length(min = 1, max = 64))]
    pub requirement_group_id: Option<String>,
}

/// How far an order is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrderStatus {
    /// Only the price was said; nothing is ordered.
    Quoted,
    /// Ordered, and not yet done. The event telnyx.number.ordered or telnyx.number.failed tells.
    Pending,
    /// The number works.
    Success,
    /// There will be no number.
    Failure,
}

/// A price, or an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(title = "TelnyxOrder")]
pub struct OrderState {
    /// How far it is.
    pub status: OrderStatus,
    /// In E.164.
    pub phone_number: String,
    /// What a month costs, to be confirmed.
    pub monthly_cost: Option<String>,
    /// What is paid once.
    pub upfront_cost: Option<String>,
    /// ISO 4217.
    pub currency: Option<String>,
    /// Of the price: to be given with the confirmation.
    pub quote_id: Option<String>,
    /// Until when the price holds.
    pub quote_expires_at: Option<String>,
    /// Telnyx' id of the order.
    pub order_id: Option<String>,
    /// By which a repeat finds the order.
    pub customer_reference: Option<String>,
}

/// Which order.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "TelnyxGetOrder")]
pub struct GetOrder {
    /// Telnyx' id of it.
    #[schemars(length(min = 1, max = 64))]
    pub order_id: String,
}

/// What a number is attached to.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "TelnyxConfigureNumber")]
pub struct Configure {
    /// Which one.
    #[schemars(length(min = 1, max = 64))]
    pub phone_number: String,
    /// The application that answers it. Default: as it is.
    #[schemars(length(min = 1, max = 64))]
    pub connection_id: Option<String>,
    /// In place of those that it has. Default: as they are.
    #[schemars(length(max = 50), inner(length(min = 1, max = 100)))]
    pub tags: Option<Vec<String>>,
}

/// Which number is given back.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "TelnyxReleaseNumber")]
pub struct Release {
    /// Which one.
    #[schemars(length(min = 1, max = 64))]
    pub phone_number: String,
}

/// A number of the account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(title = "TelnyxNumber")]
pub struct OwnedNumber {
    /// Telnyx' id of it.
    pub id: String,
    /// In E.164.
    pub phone_number: String,
    /// In Telnyx' words.
    pub status: String,
    /// The application that answers it.
    pub connection_id: Option<String>,
    /// In Telnyx' words.
    pub number_type: Option<String>,
    /// Tags at Telnyx.
    pub tags: Vec<String>,
}

/// Which page.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "TelnyxListNumbers")]
pub struct ListNumbers {
    /// From 1 on. Default: 1.
    #[schemars(range(min = 1, max = 100_000))]
    pub page: Option<u32>,
    /// Default: 50.
    #[schemars(range(min = 1, max = 250))]
    pub page_size: Option<u32>,
    /// Only those of this application.
    #[schemars(length(min = 1, max = 64))]
    pub connection_id: Option<String>,
    /// Only those with this tag.
    #[schemars(length(min = 1, max = 100))]
    pub tag: Option<String>,
}

/// A page of numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(title = "TelnyxNumbers")]
pub struct NumberPage {
    /// In Telnyx' order.
    pub numbers: Vec<OwnedNumber>,
    /// How many there are in all.
    pub total: u64,
    /// For the next page; none on the last.
    pub next_page: Option<u32>,
}
