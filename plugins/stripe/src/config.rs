//! Settings. Most organizations have none: only the one that the hub's operator is paid through says how.

use std::collections::{BTreeMap, BTreeSet};

use patchbay_sdk::Violation;
use schemars::JsonSchema;
use serde::Deserialize;

/// Settings.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// How the plans of the hub are sold. Only in the organization that the hub's operator is paid through.
    #[serde(default)]
    pub platform: Option<Platform>,
}

/// How the plans of the hub are sold.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Platform {
    /// What each plan of the hub is at Stripe, by the plan's name.
    pub plans: BTreeMap<String, Prices>,
    /// The meters that usage above the plans is told to, by the hub's metric as in `minutes`.
    #[serde(default)]
    pub meters: BTreeMap<String, Meter>,
    /// Where a browser goes once a plan is bought. `{CHECKOUT_SESSION_ID}` in it becomes the session's id.
    #[schemars(length(min = 1, max = 2000))]
    pub success_url: String,
    /// Where a browser goes if a plan is not bought.
    #[schemars(length(min = 1, max = 2000))]
    pub cancel_url: String,
    /// Where a browser goes from the billing portal.
    #[schemars(length(min = 1, max = 2000))]
    pub return_url: String,
    /// For how many days a plan stays after a payment failed.
    #[serde(default = "a_week")]
    #[schemars(range(max = 60))]
    pub grace_days: u32,
    /// For how many days a plan is tried before it is paid. 0: it is paid at once.
    #[serde(default)]
    #[schemars(range(max = 730))]
    pub trial_days: u32,
    /// How often usage is told, in seconds.
    #[serde(default = "five_minutes")]
    #[schemars(range(min = 1, max = 86_400))]
    pub report_seconds: u32,
}

/// What a plan is at Stripe.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    /// The recurring price of the plan itself, monthly.
    #[schemars(length(min = 1, max = 255))]
    pub price: String,
    /// Metered prices of what is used above it.
    #[serde(default)]
    #[schemars(length(max = 19))]
    pub metered: Vec<String>,
}

/// A meter of Stripe. It sums, and knows customers and values under Stripe's own names for them.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Meter {
    /// The name of its events.
    #[schemars(length(min = 1, max = 100))]
    pub event_name: String,
    /// Its id, as in `mtr_…`: asked at night what it has.
    #[schemars(length(min = 1, max = 255))]
    pub meter: String,
}

fn a_week() -> u32 {
    7
}

fn five_minutes() -> u32 {
    300
}

impl Platform {
    /// The plan that a price of Stripe is.
    pub(crate) fn plan_of<'a>(&'a self, price: &str) -> Option<(&'a str, &'a Prices)> {
        let found = self.plans.iter().find(|(_, prices)| prices.price == price);
        found.map(|(name, prices)| (name.as_str(), prices))
    }

    /// What a schema cannot say.
    pub(crate) fn check(&self) -> Vec<Violation> {
        let mut wrong = Vec::new();
        if self.plans.is_empty() {
            wrong.push(Violation::new("/platform/plans", "at least one plan"));
        }
        let urls =
            [("success_url", &self.success_url), ("cancel_url", &self.cancel_url), ("return_url", &self.return_url)];
        for (name, url) in urls {
            if !url.starts_with("https://") {
                wrong.push(Violation::new(format!("/platform/{name}"), "a URL that begins with https://"));
            }
        }
        let mut seen = BTreeSet::new();
        for (plan, prices) in &self.plans {
            if !seen.insert(&prices.price) {
                let expected = "a price that is no other plan's: by it the plan is known";
                wrong.push(Violation::new(format!("/platform/plans/{plan}/price"), expected));
            }
            if prices.metered.contains(&prices.price) {
                wrong.push(Violation::new(
                    format!("/platform/plans/{plan}/metered"),
                    "metered prices, not the plan's own",
                ));
            }
        }
        wrong
    }
}
