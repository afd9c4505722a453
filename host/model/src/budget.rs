//! Spend budgets: hard caps for an org, for one of its plugins, or for one of its keys, per billing period.

use std::{fmt, str::FromStr};

use serde::Serialize;

use crate::{ApiKeyId, BudgetId, OrgId, PluginId, Timestamp, plan::Metric, text::as_text};

/// The highest cap: what is above could not be kept exactly in millionths.
pub const MOST_CAP: u64 = 1_000_000_000_000;

/// Whose spending is capped.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum BudgetSubject {
    /// All of the org.
    Org,
    /// Calls of this plugin, whoever makes them.
    Plugin(PluginId),
    /// Calls with this key and with those made in its place, of whatever plugin.
    ApiKey(ApiKeyId),
}

/// What is capped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BudgetUnit {
    /// The worth of what is used, at the plan's prices, in minor units.
    Money,
    /// Units of a metric.
    Metric(Metric),
}

/// A text that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBudget {
    /// Not a subject.
    #[error("a budget is for `org`, for a plugin as in `plugin:openai`, or for an API key as in `key_018f…`")]
    Subject,
    /// Not a unit.
    #[error("a budget is in `money` or in a metric as `ai_tokens`")]
    Unit,
}

impl fmt::Display for BudgetSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Org => f.write_str("org"),
            Self::Plugin(plugin) => write!(f, "plugin:{plugin}"),
            Self::ApiKey(key) => key.fmt(f),
        }
    }
}

impl FromStr for BudgetSubject {
    type Err = InvalidBudget;

    fn from_str(text: &str) -> Result<Self, InvalidBudget> {
        if text == "org" {
            return Ok(Self::Org);
        }
        match text.strip_prefix("plugin:") {
            Some(plugin) => plugin.parse().map(Self::Plugin).map_err(|_| InvalidBudget::Subject),
            None => text.parse().map(Self::ApiKey).map_err(|_| InvalidBudget::Subject),
        }
    }
}

impl BudgetUnit {
    /// The unit as text, as in the database and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Money => "money",
            Self::Metric(metric) => metric.as_str(),
        }
    }
}

impl fmt::Display for BudgetUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for BudgetUnit {
    type Err = InvalidBudget;

    fn from_str(text: &str) -> Result<Self, InvalidBudget> {
        if text == "money" {
            return Ok(Self::Money);
        }
        text.parse().map(Self::Metric).map_err(|_| InvalidBudget::Unit)
    }
}

as_text! { BudgetSubject BudgetUnit }

/// A hard cap. One per org, subject and unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Budget {
    /// Its id, which stays when the cap changes.
    pub id: BudgetId,
    /// Whose it is.
    pub org: OrgId,
    /// Whose spending is capped.
    pub subject: BudgetSubject,
    /// What is capped.
    pub unit: BudgetUnit,
    /// The most of it per period, in whole units; at most [`MOST_CAP`].
    pub cap: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its cap was last set.
    pub updated_at: Timestamp,
}

impl Budget {
    /// What it is, in words for a person: `the budget bud_… (org, ai_tokens)`.
    #[must_use]
    pub fn in_words(&self) -> String {
        format!("the budget {} ({}, {})", self.id, self.subject, self.unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_and_units_are_read_back_as_they_are_written() {
        for text in ["org", "plugin:openai", "key_018f3c5e7d2a7c3b9f1e2d3c4b5a6978"] {
            assert_eq!(text.parse::<BudgetSubject>().unwrap().to_string(), text);
        }
        for text in ["money", "ai_tokens", "calls"] {
            assert_eq!(text.parse::<BudgetUnit>().unwrap().to_string(), text);
        }
        for text in ["", "plugin:", "plugin:Open AI", "key_1", "organization"] {
            assert_eq!(text.parse::<BudgetSubject>(), Err(InvalidBudget::Subject), "{text}");
        }
        assert_eq!("euros".parse::<BudgetUnit>(), Err(InvalidBudget::Unit));
    }
}
