//! Numbers that can be ordered.

use patchbay_sdk::{Call, Error, http};
use patchbay_telephony::money::Money;
use serde::Deserialize;

use crate::api;
use crate::config::Config;
use crate::types::numbers::{Available, Feature, Found, Region, Search};

/// A number in Telnyx' list of those that can be ordered.
#[derive(Debug, Deserialize)]
pub(super) struct Listed {
    pub(super) phone_number: String,
    #[serde(default)]
    pub(super) cost_information: Cost,
    #[serde(default)]
    features: Vec<Named>,
    #[serde(default)]
    region_information: Vec<Region>,
    #[serde(default)]
    pub(super) best_effort: bool,
    #[serde(default)]
    quickship: bool,
}

/// What a number costs, in decimals as text.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Cost {
    pub(super) currency: Option<String>,
    pub(super) monthly_cost: Option<String>,
    pub(super) upfront_cost: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Named {
    name: String,
}

impl Cost {
    fn monthly(&self) -> Option<Money> {
        Money::parse(self.monthly_cost.as_deref()?, self.currency.as_deref()?)
    }
}

pub(super) fn search(asked: Call<Search>) -> Result<Found, Error> {
    let input = asked.input;
    let config = Config::load()?;
    let country = input.country.or(config.default_country).unwrap_or_else(|| "US".to_owned());
    let features: Vec<&str> = input.features.iter().map(|feature| Feature::as_str(*feature)).collect();
    let features = (!features.is_empty()).then(|| features.join(","));
    let mut request = request(&country, input.best_effort, input.limit.unwrap_or(20));
    for (name, value) in [
        ("filter[national_destination_code]", input.area_code.as_deref()),
        ("filter[locality]", input.locality.as_deref()),
        ("filter[administrative_area]", input.administrative_area.as_deref()),
        ("filter[phone_number][contains]", input.contains.as_deref()),
        ("filter[phone_number_type]", input.number_type.map(|kind| kind.as_str())),
        ("filter[features]", features.as_deref()),
    ] {
        if let Some(value) = value {
            request = request.query(name, value);
        }
    }
    let listed: api::List<Listed> = api::list(request)?;
    let most = input.max_monthly_cost.as_deref().and_then(|text| Money::parse(text, "USD"));
    let wanted = |one: &Listed| {
        let is_cheap = most
            .as_ref()
            .is_none_or(|most| one.cost_information.monthly().is_some_and(|monthly| monthly.amount <= most.amount));
        is_cheap && (input.best_effort || !one.best_effort)
    };
    let numbers = listed.data.into_iter().filter(wanted).map(Available::from).collect();
    Ok(Found { numbers })
}

/// A question for numbers. Telnyx gives some that are only like what is wanted, if it is not told otherwise.
pub(super) fn request(country: &str, best_effort: bool, limit: u32) -> http::Request {
    http::Request::get(api::url("/available_phone_numbers"))
        .query("filter[country_code]", country)
        .query("filter[best_effort]", if best_effort { "true" } else { "false" })
        .query("filter[limit]", &limit.to_string())
}

impl From<Listed> for Available {
    fn from(listed: Listed) -> Self {
        let Listed { phone_number, cost_information, features, region_information, best_effort, quickship } = listed;
        let Cost { currency, monthly_cost, upfront_cost } = cost_information;
        Self {
            phone_number,
            features: features.into_iter().map(|feature| feature.name).collect(),
            monthly_cost,
            upfront_cost,
            currency,
            region: region_information,
            best_effort,
            quickship,
        }
    }
}
