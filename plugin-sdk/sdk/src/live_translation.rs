//! How an organization has calls translated while they run: the settings of whichever plugin does it.
//!
//! A plugin takes them as the member `live_translation` of its settings. The hub lets only organizations put it whose plan has
//! live translation, and takes it out of the settings of those whose plan has it no more.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// From which language into which, and who speaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LiveTranslation {
    /// What is spoken: a language tag (BCP 47) as in `en` or `pt-BR`. Without one it is found out.
    #[serde(default)]
    #[schemars(regex(pattern = r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$"))]
    pub source_language: Option<String>,
    /// What it becomes: a language tag (BCP 47).
    #[schemars(regex(pattern = r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$"))]
    pub target_language: String,
    /// The vendor's id of the voice that speaks. Without one the vendor chooses.
    #[serde(default)]
    #[schemars(length(min = 1, max = 255))]
    pub voice: Option<String>,
    /// The vendor's id of the agent that translates. Without one the plugin's own way is used.
    #[serde(default)]
    #[schemars(length(min = 1, max = 255))]
    pub agent_id: Option<String>,
}
