//! Which numbers may be called or sent to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::phone::{Kind, Number, Party};

/// The setting `destinations` of a carrier's connector. What is not said is allowed, save what is dear.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Destinations {
    /// Numbers at which the caller pays for a service, as 1 900 or +979.
    pub premium_rate: bool,
    /// Numbers whose price the caller shares, as 084 in the United Kingdom.
    pub shared_cost: bool,
    /// Satellites and networks of no country: +870, +881, +882, +883.
    pub satellite: bool,
    /// Personal numbers and pagers, which can be dear.
    pub personal: bool,
    /// Numbers that no numbering plan knows.
    pub unknown: bool,
    /// If it has any, the only countries (ISO 3166-1, two letters). Services of all countries, as +800, are in none.
    #[schemars(length(max = 250), inner(regex(pattern = r"^[A-Z]{2}$")))]
    pub countries: Vec<String>,
    /// Countries that are not.
    #[schemars(length(max = 250), inner(regex(pattern = r"^[A-Z]{2}$")))]
    pub blocked_countries: Vec<String>,
    /// Numbers that are allowed whatever the rest says.
    #[schemars(length(max = 1000))]
    pub numbers: Vec<Number>,
}

impl Default for Destinations {
    fn default() -> Self {
        Self {
            premium_rate: false,
            shared_cost: false,
            satellite: false,
            personal: true,
            unknown: true,
            countries: Vec::new(),
            blocked_countries: Vec::new(),
            numbers: Vec::new(),
        }
    }
}

/// Why a number is not called. Says which setting to change; the number in it is masked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Of a kind that the settings do not allow.
    #[error(
        "{number} is {what}: set destinations.{setting} to true, or add the number to destinations.numbers, to allow it"
    )]
    Kind {
        /// Masked.
        number: String,
        /// In words.
        what: &'static str,
        /// The member of the setting `destinations`.
        setting: &'static str,
    },
    /// In none of the countries that the settings list.
    #[error(
        "{number} is in {country}, which destinations.countries does not list: add it there, or the number to destinations.numbers, to allow it"
    )]
    CountryNotListed {
        /// Masked.
        number: String,
        /// Its country, or `no country`.
        country: String,
    },
    /// In a country that the settings block.
    #[error(
        "{number} is in {country}: take that out of destinations.blocked_countries, or add the number to destinations.numbers, to allow it"
    )]
    CountryBlocked {
        /// Masked.
        number: String,
        /// Its country.
        country: String,
    },
    /// No telephone number at all.
    #[error("{party} is no telephone number: destinations are numbers with + and the country's code, as +14155550100")]
    NoNumber {
        /// Masked.
        party: String,
    },
}

impl Refusal {
    /// The setting to change: `destinations.premium_rate`; `None` where none helps.
    #[must_use]
    pub fn setting(&self) -> Option<String> {
        match self {
            Self::Kind { setting, .. } => Some(format!("destinations.{setting}")),
            Self::CountryNotListed { .. } => Some("destinations.countries".to_owned()),
            Self::CountryBlocked { .. } => Some("destinations.blocked_countries".to_owned()),
            Self::NoNumber { .. } => None,
        }
    }
}

impl Destinations {
    /// Tells if a number may be called or sent to.
    ///
    /// # Errors
    /// [`Refusal`], with the setting to change.
    pub fn check(&self, number: &Number) -> Result<(), Refusal> {
        if self.numbers.contains(number) {
            return Ok(());
        }
        if let Some((setting, what)) = self.refused(number.kind()) {
            return Err(Refusal::Kind { number: number.masked(), what, setting });
        }
        if self.countries.is_empty() && self.blocked_countries.is_empty() {
            return Ok(());
        }
        let country = number.country();
        let listed = |list: &[String]| {
            list.iter().any(|listed| country.is_some_and(|country| listed.eq_ignore_ascii_case(country)))
        };
        if listed(&self.blocked_countries) {
            return Err(Refusal::CountryBlocked { number: number.masked(), country: named(country) });
        }
        if !self.countries.is_empty() && !listed(&self.countries) {
            return Err(Refusal::CountryNotListed { number: number.masked(), country: named(country) });
        }
        Ok(())
    }

    /// As [`Self::check`], of whatever a call may go to. What is no number is refused.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn check_party(&self, party: &Party) -> Result<(), Refusal> {
        match party.number() {
            Some(number) => self.check(number),
            None => Err(Refusal::NoNumber { party: party.masked() }),
        }
    }

    /// The setting that refuses a kind, and the kind in words.
    fn refused(&self, kind: Kind) -> Option<(&'static str, &'static str)> {
        let (allowed, setting, what) = match kind {
            Kind::PremiumRate => (self.premium_rate, "premium_rate", "a premium-rate number"),
            Kind::SharedCost => (self.shared_cost, "shared_cost", "a number of shared cost"),
            Kind::Satellite => (self.satellite, "satellite", "a number by satellite or of a network of no country"),
            Kind::Personal => (self.personal, "personal", "a personal number"),
            Kind::Pager => (self.personal, "personal", "a pager"),
            Kind::Unknown => (self.unknown, "unknown", "a number that no numbering plan knows"),
            Kind::Local
            | Kind::Mobile
            | Kind::LocalOrMobile
            | Kind::National
            | Kind::Voip
            | Kind::TollFree
            | Kind::ShortCode => return None,
        };
        (!allowed).then_some((setting, what))
    }
}

fn named(country: Option<&str>) -> String {
    country.unwrap_or("no country").to_owned()
}
