//! What plans count, and what it costs.
//!
//! Money is whole minor units (cents) of one currency. Nothing here is a floating-point number, and there are two
//! roundings, both upwards and both in [`Price`]: of a bill to whole minor units, and of a running account to millionths.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize};

macro_rules! metrics {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// What plans have limits and prices for. A closed list: a limit with a typo in its name would be a limit
        /// that is not there.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Metric { $($(#[$doc])* $name,)* }

        impl Metric {
            /// Every metric, in the order in which they are shown.
            pub const ALL: [Self; [$($text),*].len()] = [$(Self::$name,)*];

            /// The metric as text, as in the configuration, the database and the API.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }

        impl FromStr for Metric {
            type Err = InvalidMetric;
            fn from_str(text: &str) -> Result<Self, InvalidMetric> {
                match text { $($text => Ok(Self::$name),)* _ => Err(InvalidMetric) }
            }
        }

        // as text and not as a variant: what is wrong below a metric is then found below it
        impl<'de> Deserialize<'de> for Metric {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

metrics! {
    /// Calls of actions and of the proxy, those that fail included. Counted by the hub.
    Calls = "calls";
    /// Minutes of telephony, audio or video.
    Minutes = "minutes";
    /// Transcriptions.
    Transcriptions = "transcriptions";
    /// Translations.
    Translations = "translations";
    /// Tokens that models read and wrote.
    AiTokens = "ai_tokens";
    /// Characters, as of synthesized speech.
    Characters = "characters";
    /// URLs that subscribe to events. Not a sum over the period but how many there are at once; counted by the hub.
    Endpoints = "endpoints";
    /// Rows of exports.
    ExportRows = "export_rows";
    /// Phone numbers that take calls; each counts once in a period.
    InboundNumbers = "inbound_numbers";
    /// What models cost at their vendors, by a price table of the org's own: hundredths of its currency.
    AiCost = "ai_cost";
    /// Short messages, by the part that networks bill.
    Messages = "messages";
}

/// A text that is no metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a metric is calls, minutes, transcriptions, translations, ai_tokens, characters, endpoints, export_rows, \
     inbound_numbers, ai_cost or messages"
)]
pub struct InvalidMetric;

impl Metric {
    /// Its place in [`Metric::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// True for what the hub counts itself: no meter of a plugin may.
    #[must_use]
    pub const fn is_the_hubs(self) -> bool {
        matches!(self, Self::Calls | Self::Endpoints)
    }

    /// True for what is not summed up over a period but is there at once.
    #[must_use]
    pub const fn is_standing(self) -> bool {
        matches!(self, Self::Endpoints)
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// As what a quantity counts: `per` of its own units are one of the metric, as 60 seconds are one of `minutes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Counts {
    /// The metric.
    pub metric: Metric,
    /// At least 1.
    pub per: u32,
}

impl Counts {
    /// One is one of the metric.
    #[must_use]
    pub const fn one(metric: Metric) -> Self {
        Self { metric, per: 1 }
    }

    /// Whole units of the metric; one that was begun counts. For sums of a period, not for one call's share of it.
    #[must_use]
    pub const fn units(self, quantity: u64) -> u64 {
        quantity.div_ceil(self.divisor())
    }

    /// The same in millionths of a unit, for running accounts.
    #[must_use]
    pub fn millionths(self, quantity: u64) -> u64 {
        account(u128::from(quantity) * u128::from(MILLION), self.divisor().into())
    }

    const fn divisor(self) -> u64 {
        if self.per == 0 { 1 } else { self.per as u64 }
    }
}

/// How many millionths are one.
pub const MILLION: u64 = 1_000_000;

/// The most that one entry of a running account can be, in millionths: far above every cap, and far enough below 64 bits
/// that entries can be added up.
const MOST: u128 = 1 << 60;

fn account(dividend: u128, divisor: u128) -> u64 {
    u64::try_from(dividend.div_ceil(divisor.max(1)).min(MOST)).unwrap_or(u64::MAX)
}

/// What units of a metric cost: `price` minor units for each `per` of them, in proportion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// In minor units of the currency.
    pub price: u64,
    /// For so many units; at least 1.
    pub per: u64,
}

impl Price {
    /// What so many units cost, in minor units. Rounded up once, and so meant for the sum of a period: a minor unit
    /// that was begun is due.
    #[must_use]
    pub fn of(self, units: u64) -> u64 {
        let exact = u128::from(units) * u128::from(self.price);
        u64::try_from(exact.div_ceil(u128::from(self.per.max(1)))).unwrap_or(u64::MAX)
    }

    /// What a metered quantity is worth in millionths of a minor unit, rounded up, for running accounts.
    #[must_use]
    pub fn millionths(self, counts: Counts, quantity: u64) -> u64 {
        let scaled = u128::from(self.price) * u128::from(MILLION);
        let exact = u128::from(quantity).saturating_mul(scaled);
        account(exact, u128::from(self.per.max(1)) * u128::from(counts.divisor()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_read_back_as_it_is_written() {
        for metric in Metric::ALL {
            assert_eq!(metric.as_str().parse(), Ok(metric));
            assert_eq!(Metric::ALL[metric.index()], metric);
            assert_eq!(serde_json::to_value(metric).unwrap(), metric.as_str());
        }
        assert_eq!("tokens".parse::<Metric>(), Err(InvalidMetric));
    }

    #[test]
    fn a_cost_is_in_proportion_and_a_minor_unit_that_was_begun_is_due() {
        let price = Price { price: 30, per: 100_000 };
        assert_eq!([0, 1, 3_333, 3_334, 100_000, 150_000].map(|units| price.of(units)), [0, 1, 1, 2, 30, 45]);
        assert_eq!(Price { price: 0, per: 1 }.of(u64::MAX), 0);
        assert_eq!(Price { price: u64::MAX, per: 1 }.of(u64::MAX), u64::MAX);
    }

    #[test]
    fn sixty_seconds_are_a_minute() {
        let seconds = Counts { metric: Metric::Minutes, per: 60 };
        assert_eq!([0, 1, 60, 61].map(|quantity| seconds.units(quantity)), [0, 1, 1, 2]);
        assert_eq!(seconds.millionths(90), 1_500_000);
        assert_eq!(Price { price: 2, per: 1 }.millionths(seconds, 90), 3_000_000);
    }

    #[test]
    fn no_quantity_passes_what_an_account_can_hold() {
        let tokens = Counts::one(Metric::AiTokens);
        assert_eq!(u128::from(tokens.millionths(u64::MAX)), MOST);
        assert_eq!(u128::from(Price { price: u64::MAX, per: 1 }.millionths(tokens, u64::MAX)), MOST);
    }
}
