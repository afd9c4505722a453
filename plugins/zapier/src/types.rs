//! What the actions take and give.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Nothing.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// Which installation answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Me {
    /// Stays the same for the installation.
    pub id: String,
    /// For Zapier's label of the connection: `{{name}}`.
    pub name: String,
}

/// A subscription that a Zap wants. Members that are not listed are Zapier's own and pass.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Subscribe {
    /// Where Zapier wants the events: `https://hooks.zapier.com/hooks/standard/…`, or a catch hook's URL.
    #[schemars(length(min = 1, max = 500))]
    pub target_url: String,
    /// A type of event as in `stripe.invoice.paid`, all below a name as in `stripe.*`, or `*`.
    #[schemars(length(min = 1, max = 200))]
    pub event: String,
    /// Only events whose members have these values; a list stands for any of its values. Names are those of the payload,
    /// as in `data__object__currency`, or of the event's data, as in `object.currency`.
    #[schemars(extend("maxProperties" = 20))]
    pub filters: Option<Map<String, Value>>,
}

/// A subscription.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Hook {
    /// For `unsubscribe`.
    pub id: String,
    /// As it was asked for.
    pub event: String,
    /// As it was asked for.
    pub target_url: String,
    /// As they were asked for.
    pub filters: Map<String, Value>,
    /// When it was made.
    pub created_at: String,
}

/// Which subscription ends.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Unsubscribe {
    /// As `subscribe` gave it.
    #[schemars(length(min = 1, max = 256))]
    pub id: String,
}

/// The subscription has ended.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Unsubscribed {
    /// Which.
    pub id: String,
    /// False if there was none: that is fine, too.
    pub existed: bool,
}

/// Which events to show.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// As in `subscribe`.
    #[schemars(length(min = 1, max = 200))]
    pub event: String,
    /// At most so many.
    #[schemars(range(min = 1, max = 100))]
    pub limit: Option<u32>,
}

/// What to push.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Push {
    /// A flat object; Zapier makes `a__b` of what is nested. Without an `id` it gets one.
    pub payload: Map<String, Value>,
}

/// Zapier took it. The Zap may run minutes later, and Zapier takes it also while the Zap is off.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Pushed {
    /// The `id` that the payload had, or got.
    pub id: Value,
}
