//! The org's settings.

use std::collections::BTreeSet;

use patchbay_sdk::{Error, Violation, installation};
use patchbay_telephony::guard::{Destinations, Window};
use patchbay_telephony::message::{Reminder, SendLimits, check_template};
use patchbay_telephony::phone::Number;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::caller_id;

/// Settings.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The account's SID, at the top of Twilio's console. It is the user of every request to Twilio.
    #[schemars(regex(pattern = r"^AC[0-9a-fA-F]{32}$"))]
    pub account_sid: String,
    /// The SID of an API key, whose secret is then sent in the place of the auth token. Webhooks are signed by the auth token
    /// all the same.
    #[serde(default)]
    #[schemars(regex(pattern = r"^SK[0-9a-fA-F]{32}$"))]
    pub api_key_sid: Option<String>,
    /// Twilio's region that keeps the data. Default: `us1`, by Twilio's global address.
    #[serde(default)]
    pub region: Option<Region>,
    /// The country by whose rules numbers are read that are not written in E.164: two letters (ISO 3166-1).
    #[serde(default)]
    #[schemars(regex(pattern = r"^[A-Z]{2}$"))]
    pub default_country: Option<String>,
    /// What a caller gets whose number has no published menu. Default: the call is rejected as busy.
    #[serde(default)]
    pub unanswered: Option<Unanswered>,
    /// What numbers cost a month. A number without a price cannot be bought: the hub never buys what nobody has priced.
    #[serde(default)]
    #[schemars(length(max = 500))]
    pub prices: Vec<Price>,
    /// Where calls and messages may go.
    #[serde(default)]
    pub destinations: Destinations,
    /// How often one and the same number may be called. Default: 20 times an hour.
    #[serde(default)]
    pub calls_per_number: Option<Window>,
    /// How many messages one number may get. Default: ten in an hour and fifty in a day.
    #[serde(default = "send_limits")]
    pub send_limits: SendLimits,
    /// The text of a message after a call, with `{{ record.… }}` where a member of the call goes. Default: the connector's own
    /// words.
    #[serde(default)]
    #[schemars(length(min = 1, max = 2000))]
    pub follow_up: Option<String>,
    /// How appointments are reminded of. Default: they are not.
    #[serde(default)]
    pub reminder: Option<Reminder>,
    /// Numbers that follow subscriptions. Default: none do.
    #[serde(default)]
    pub provisioning: Option<Provisioning>,
    /// How often a number may be rung to verify it as a caller id.
    #[serde(default)]
    pub caller_ids: caller_id::Settings,
}

/// Where Twilio keeps the data of an account. <https://www.twilio.com/docs/global-infrastructure>
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Region {
    /// The United States.
    Us1,
    /// Ireland.
    Ie1,
    /// Australia.
    Au1,
}

/// What becomes of a call that no menu answers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Unanswered {
    /// The number that gets it, in E.164. Default: it is rejected as busy.
    #[serde(default)]
    pub forward_to: Option<Number>,
}

/// The price of a kind of number.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Two letters (ISO 3166-1).
    #[schemars(regex(pattern = r"^[A-Z]{2}$"))]
    pub country: String,
    /// The kind.
    pub kind: NumberKind,
    /// A month of it, in minor units of `currency`.
    pub monthly: u32,
    /// Three letters (ISO 4217).
    #[schemars(regex(pattern = r"^[A-Z]{3}$"))]
    pub currency: String,
}

/// Twilio's kinds of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NumberKind {
    /// Of a place.
    Local,
    /// Of the whole country.
    National,
    /// Of a mobile network.
    Mobile,
    /// Free for who calls it.
    TollFree,
}

const fn send_limits() -> SendLimits {
    SendLimits { per_hour: Some(10), per_day: Some(50) }
}

/// Numbers that follow subscriptions.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Provisioning {
    /// Whose subscriptions.
    pub follow: Follow,
    /// The plans of the hub, or the prices at Stripe, that come with numbers. Empty: all do.
    #[serde(default)]
    #[schemars(length(max = 100), inner(length(min = 1, max = 255)))]
    pub only: Vec<String>,
    /// Two letters (ISO 3166-1).
    #[schemars(regex(pattern = r"^[A-Z]{2}$"))]
    pub country: String,
    /// The kind.
    pub kind: NumberKind,
    /// The area code, in the United States and Canada.
    #[serde(default)]
    #[schemars(range(min = 200, max = 999))]
    pub area_code: Option<u16>,
    /// What they must be able to do.
    #[serde(default)]
    #[schemars(length(max = 3))]
    pub features: Vec<Feature>,
    /// So many numbers for each subscription.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 20))]
    pub count: u16,
    /// For how many hours a number stays after its subscription has ended.
    #[serde(default = "three_days")]
    #[schemars(range(max = 2160))]
    pub grace_hours: u32,
    /// The most that all numbers together may cost a month, in minor units. Default: no bound.
    #[serde(default)]
    pub monthly_cap: Option<u64>,
    /// An address of Twilio's that the country demands: its SID.
    #[serde(default)]
    #[schemars(regex(pattern = r"^AD[0-9a-fA-F]{32}$"))]
    pub address_sid: Option<String>,
    /// A regulatory bundle that the country demands: its SID.
    #[serde(default)]
    #[schemars(regex(pattern = r"^BU[0-9a-fA-F]{32}$"))]
    pub bundle_sid: Option<String>,
}

const fn one() -> u16 {
    1
}

const fn three_days() -> u32 {
    72
}

/// Whose subscriptions bring numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Follow {
    /// The organization's own plan of the hub.
    Plan,
    /// Each subscription of the organization's customers at Stripe, by the plugin `stripe`.
    Stripe,
}

/// What a number can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Feature {
    /// Calls.
    Voice,
    /// Text messages.
    Sms,
    /// Messages with media.
    Mms,
}

impl Config {
    /// The installation's.
    ///
    /// # Errors
    /// [`Error::Internal`] if they are not what the hub checked.
    pub(crate) fn load() -> Result<Self, Error> {
        installation::config()
    }

    /// Where Twilio's API is.
    pub(crate) fn origin(&self) -> String {
        match self.region {
            None | Some(Region::Us1) => "https://api.twilio.com".to_owned(),
            // each region has one edge in its own data centre
            Some(Region::Ie1) => "https://api.dublin.ie1.twilio.com".to_owned(),
            Some(Region::Au1) => "https://api.sydney.au1.twilio.com".to_owned(),
        }
    }

    /// The credential that requests name.
    pub(crate) const fn credential(&self) -> &'static str {
        if self.api_key_sid.is_some() { "api_key_secret" } else { crate::signature::AUTH_TOKEN }
    }

    /// How often a number may be called.
    pub(crate) fn calls_per_number(&self) -> Window {
        self.calls_per_number.unwrap_or(Window::per_hour(20))
    }

    /// What a month of such a number costs: minor units and their currency; none if nobody has said.
    pub(crate) fn price(&self, country: &str, kind: NumberKind) -> Option<(u32, &str)> {
        let found = self.prices.iter().find(|price| price.country == country && price.kind == kind);
        found.map(|price| (price.monthly, price.currency.as_str()))
    }

    /// What a schema cannot say.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub(crate) fn validate(&self) -> Result<(), Vec<Violation>> {
        let mut wrong = Vec::new();
        let mut seen: BTreeSet<(&str, NumberKind)> = BTreeSet::new();
        for (index, price) in self.prices.iter().enumerate() {
            if !seen.insert((price.country.as_str(), price.kind)) {
                wrong.push(Violation::new(format!("/prices/{index}"), "one price for a country and a kind"));
            }
        }
        if let Some(wanted) = &self.provisioning {
            if self.price(&wanted.country, wanted.kind).is_none() {
                wrong.push(Violation::new("/provisioning", "a price of its country and kind among `prices`"));
            }
            if wanted.area_code.is_some() && !matches!(wanted.country.as_str(), "US" | "CA") {
                wrong.push(Violation::new("/provisioning/area_code", "only with the country US or CA"));
            }
        }
        if let Some(forward) = self.unanswered.as_ref().and_then(|unanswered| unanswered.forward_to.as_ref())
            // asked here, because a caller who is forwarded does not wait for it
            && let Err(refusal) = self.destinations.check(forward)
        {
            wrong.push(Violation::new("/unanswered/forward_to", format!("a number that may be called: {refusal}")));
        }
        let reminder = self.reminder.as_ref().and_then(|reminder| reminder.template.as_deref());
        let texts = [("/follow_up", self.follow_up.as_deref()), ("/reminder/template", reminder)];
        for (place, text) in texts {
            if let Some(Err(bad)) = text.map(check_template) {
                wrong.push(Violation::new(place, format!("a template ({bad})")));
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }
}

impl NumberKind {
    /// As Twilio's paths name it.
    pub(crate) const fn resource(self) -> &'static str {
        match self {
            Self::Local => "Local",
            Self::National => "National",
            Self::Mobile => "Mobile",
            Self::TollFree => "TollFree",
        }
    }

    /// As the standard object names it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::National => "national",
            Self::Mobile => "mobile",
            Self::TollFree => "toll-free",
        }
    }
}
