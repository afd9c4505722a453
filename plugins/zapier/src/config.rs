//! The org's settings.

use schemars::JsonSchema;
use serde::Deserialize;

/// Settings.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What Zapier calls the connection, as in the name of the company.
    #[serde(default)]
    #[schemars(length(min = 1, max = 200))]
    pub label: Option<String>,
}
