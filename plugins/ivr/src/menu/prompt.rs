//! What a caller hears.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Something that is heard: spoken text, or a recording.
///
/// Either `say` alone, or one of `play` and `blob`. With `blob` there is a `say`, too: what is spoken where the recording
/// cannot be had. `known` stands beside any of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Prompt {
    /// Spoken by the carrier's voice; at most 3,000 characters.
    #[serde(default)]
    #[schemars(length(min = 1, max = 3000))]
    pub say: Option<String>,
    /// The https URL of a recording, in WAV or MP3.
    #[serde(default)]
    #[schemars(length(min = 1, max = 2000))]
    pub play: Option<String>,
    /// The id of a recording that `upload-audio` gave.
    #[serde(default)]
    #[schemars(length(min = 1, max = 100))]
    pub blob: Option<String>,
    /// Spoken instead to callers whom the organization's contacts name, with `{caller.name}`, `{caller.first_name}`,
    /// `{caller.last_name}` or `{caller.company}` in it; at most 3,000 characters. All others hear what stands beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 3000))]
    pub known: Option<String>,
}

impl Prompt {
    /// Spoken text.
    pub fn say(text: impl Into<String>) -> Self {
        Self { say: Some(text.into()), ..Self::default() }
    }
}

/// Voices by carrier, as each names them; without one the carrier chooses by the language.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Voices {
    /// Telnyx's, as in `AWS.Polly.Joanna-Neural`.
    #[serde(default)]
    #[schemars(regex(pattern = r"^[A-Za-z0-9._-]{1,128}$"))]
    pub texml: Option<String>,
    /// Twilio's, as in `Polly.Joanna-Neural`.
    #[serde(default)]
    #[schemars(regex(pattern = r"^[A-Za-z0-9._-]{1,128}$"))]
    pub twiml: Option<String>,
}
