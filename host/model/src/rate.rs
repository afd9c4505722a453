//! Rates: so many requests in so long, as the configuration, manifests, the API and the command line write them.

use std::{collections::BTreeMap, fmt, num::NonZeroU32, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{ApiKeyId, PluginId, text::as_text};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
/// The longest window.
const MOST_SECONDS: u64 = 31 * DAY;

/// So many requests in so long. As text: `100/s`, `6000/min`, `5/h`, `1000/day`, `5/10s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    requests: NonZeroU32,
    window_s: u32,
}

/// A text that is no rate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a rate is a number of requests and a time, as in `100/s`, `6000/min`, `5/h`, `1000/day` or `5/10s`, of at most 31 \
     days"
)]
pub struct InvalidRate;

impl Rate {
    /// None for a window of no or of more than 31 days' seconds.
    #[must_use]
    pub fn new(requests: NonZeroU32, window_s: u32) -> Option<Self> {
        (1..=MOST_SECONDS).contains(&u64::from(window_s)).then_some(Self { requests, window_s })
    }

    /// How many requests; all of them may come at once.
    #[must_use]
    pub const fn requests(self) -> NonZeroU32 {
        self.requests
    }

    /// In how many seconds.
    #[must_use]
    pub const fn window_s(self) -> u32 {
        self.window_s
    }

    /// In how long.
    #[must_use]
    pub fn window(self) -> Duration {
        Duration::from_secs(self.window_s.into())
    }

    /// After how long there is room for one more.
    #[must_use]
    pub fn interval(self) -> Duration {
        self.window() / self.requests.get()
    }
}

impl FromStr for Rate {
    type Err = InvalidRate;

    fn from_str(text: &str) -> Result<Self, InvalidRate> {
        let (requests, window) = text.split_once('/').ok_or(InvalidRate)?;
        let requests = requests.trim().parse().map_err(|_| InvalidRate)?;
        let window = window.trim();
        let digits = window.len() - window.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (count, unit) = window.split_at(digits);
        let count: u64 = if count.is_empty() { 1 } else { count.parse().map_err(|_| InvalidRate)? };
        let unit = match unit.trim() {
            "s" | "sec" | "second" => 1,
            "m" | "min" | "minute" => MINUTE,
            "h" | "hour" => HOUR,
            "d" | "day" => DAY,
            _ => return Err(InvalidRate),
        };
        let window_s = count.checked_mul(unit).and_then(|seconds| u32::try_from(seconds).ok()).ok_or(InvalidRate)?;
        Self::new(requests, window_s).ok_or(InvalidRate)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let window = u64::from(self.window_s);
        let units = [(DAY, "day"), (HOUR, "h"), (MINUTE, "min"), (1, "s")];
        let (unit, name) = units.into_iter().find(|(unit, _)| window.is_multiple_of(*unit)).unwrap_or((1, "s"));
        match window / unit {
            1 => write!(f, "{}/{name}", self.requests),
            count => write!(f, "{}/{count}{name}", self.requests),
        }
    }
}

/// A rate, or none at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateLimit {
    /// As many as come.
    Unlimited,
    /// So many in so long.
    At(Rate),
}

impl RateLimit {
    /// The rate, if there is one.
    #[must_use]
    pub const fn rate(self) -> Option<Rate> {
        match self {
            Self::Unlimited => None,
            Self::At(rate) => Some(rate),
        }
    }
}

impl FromStr for RateLimit {
    type Err = InvalidRate;

    fn from_str(text: &str) -> Result<Self, InvalidRate> {
        if text == "unlimited" { Ok(Self::Unlimited) } else { text.parse().map(Self::At) }
    }
}

impl fmt::Display for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unlimited => f.write_str("unlimited"),
            Self::At(rate) => rate.fmt(f),
        }
    }
}

as_text! { Rate RateLimit }

/// A class of routes that a caller with a key uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// Calls of actions.
    Actions,
    /// Proxied requests.
    Proxy,
    /// Whatever only reads.
    Read,
    /// Whatever changes settings.
    Write,
    /// Uploads of plugins.
    Upload,
}

impl Endpoint {
    /// Every class.
    pub const ALL: [Self; 5] = [Self::Actions, Self::Proxy, Self::Read, Self::Write, Self::Upload];

    /// Its name, as in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Actions => "actions",
            Self::Proxy => "proxy",
            Self::Read => "read",
            Self::Write => "write",
            Self::Upload => "upload",
        }
    }
}

/// An org's rate limits in place of the configuration's; what is missing stays as configured.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OrgRates {
    /// Everything that the org asks for, together. The operator's to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub org: Option<RateLimit>,
    /// Each key for itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<RateLimit>,
    /// One key, by its id.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub keys: BTreeMap<ApiKeyId, RateLimit>,
    /// Calls of one plugin, actions and proxy together.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub plugins: BTreeMap<PluginId, RateLimit>,
    /// Calls of one action, by `plugin/action`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub actions: BTreeMap<String, RateLimit>,
    /// A class of routes.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub endpoints: BTreeMap<Endpoint, RateLimit>,
}

impl OrgRates {
    /// The limit on calls of an action.
    #[must_use]
    pub fn action(&self, plugin: &PluginId, action: &str) -> Option<RateLimit> {
        if self.actions.is_empty() {
            return None;
        }
        self.actions.get(&format!("{plugin}/{action}")).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_read_and_written_as_people_do() {
        for (text, requests, window_s, written) in [
            ("100/s", 100, 1, "100/s"),
            ("6000/min", 6000, 60, "6000/min"),
            (" 5 / h", 5, 3600, "5/h"),
            ("1000/day", 1000, 86_400, "1000/day"),
            ("5/10s", 5, 10, "5/10s"),
            ("5/60s", 5, 60, "5/min"),
            ("1/90s", 1, 90, "1/90s"),
        ] {
            let rate: Rate = text.parse().unwrap();
            assert_eq!(
                (rate.requests().get(), rate.window_s(), rate.to_string().as_str()),
                (requests, window_s, written)
            );
        }
    }

    #[test]
    fn what_is_no_rate_is_refused() {
        for text in [
            "",
            "100",
            "0/s",
            "-1/s",
            "1.5/s",
            "100/",
            "100/0s",
            "100/year",
            "100/32day",
            "5000000000/s",
            "1/99999999999h",
        ] {
            assert_eq!(text.parse::<Rate>(), Err(InvalidRate), "{text}");
        }
        assert_eq!("unlimited".parse(), Ok(RateLimit::Unlimited));
    }

    #[test]
    fn an_orgs_limits_are_a_document_without_what_was_not_said() {
        let text = r#"{"key":"10/s","plugins":{"openai":"unlimited"},"endpoints":{"read":"5/s"}}"#;
        let rates: OrgRates = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&rates).unwrap(), text);
        assert!(serde_json::from_str::<OrgRates>(r#"{"plugin":{}}"#).is_err());
        assert!(serde_json::from_str::<OrgRates>(r#"{"endpoints":{"other":"5/s"}}"#).is_err());
    }
}
