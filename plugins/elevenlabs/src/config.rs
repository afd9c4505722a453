//! The org's settings.

use std::time::Duration;

use patchbay_sdk::cache::Terms;
use patchbay_sdk::{Error, LiveTranslation, installation};
use schemars::JsonSchema;
use serde::Deserialize;

/// Hours that speech is kept for if nothing is said: 30 days.
const MAX_AGE_HOURS: u32 = 720;
/// How much of it, in MiB.
const MAX_MIB: u32 = 256;

/// Where the account is, what is kept of its speech, and how calls are translated.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The region of the account and its key: `global`, `us`, `eu`, `in` or `sg`. Default: `global`.
    #[serde(default)]
    #[schemars(regex(pattern = r"^(global|us|eu|in|sg)$"))]
    pub region: Option<String>,
    /// Speech is kept and given again to the same request. Default: true.
    #[serde(default)]
    pub cache: Option<bool>,
    /// For how long, in hours. Default: 720, which are 30 days.
    #[serde(default)]
    #[schemars(range(min = 1, max = 8760))]
    pub cache_max_age_hours: Option<u32>,
    /// How much of it, in MiB. The least recently used goes when there is more. Default: 256.
    #[serde(default)]
    #[schemars(range(min = 1, max = 102_400))]
    pub cache_max_mib: Option<u32>,
    /// How calls are translated while they run. Of plans that have live translation.
    #[serde(default)]
    pub live_translation: Option<LiveTranslation>,
}

impl Config {
    /// The org's.
    pub(crate) fn load() -> Result<Self, Error> {
        installation::config()
    }

    /// Where requests go.
    pub(crate) fn origin(&self) -> &'static str {
        match self.region.as_deref() {
            Some("us") => "https://api.us.elevenlabs.io",
            Some("eu") => "https://api.eu.residency.elevenlabs.io",
            Some("in") => "https://api.in.residency.elevenlabs.io",
            Some("sg") => "https://api.sg.residency.elevenlabs.io",
            _ => "https://api.elevenlabs.io",
        }
    }

    /// On which terms speech is kept; none if it is not.
    pub(crate) fn terms(&self) -> Option<Terms> {
        if self.cache == Some(false) {
            return None;
        }
        let hours = self.cache_max_age_hours.unwrap_or(MAX_AGE_HOURS);
        let mib = self.cache_max_mib.unwrap_or(MAX_MIB);
        Some(Terms { max_age: Duration::from_secs(u64::from(hours) * 3600), max_bytes: u64::from(mib) << 20 })
    }
}
