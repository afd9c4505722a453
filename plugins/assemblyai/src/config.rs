//! The org's settings.

use patchbay_sdk::{Error, installation};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where audio and transcripts are: data of one region never reaches the other.
    #[serde(default)]
    pub region: Option<Region>,
    /// Models for transcripts made by the action that name none, the best first. Default: `assemblyai-stt-3-7`, and
    /// `universal-2` for languages that it does not know.
    #[serde(default)]
    #[schemars(length(min = 1, max = 10))]
    pub speech_models: Option<Vec<String>>,
    /// Events carry the transcript's text. Default: figures only.
    #[serde(default)]
    pub text_in_events: bool,
}

/// A region of AssemblyAI.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Region {
    /// The United States.
    #[default]
    Us,
    /// The European Union.
    Eu,
}

impl Config {
    /// The installation's.
    pub(crate) fn load() -> Result<Self, Error> {
        installation::config()
    }

    /// The region that is asked.
    pub(crate) fn region(&self) -> Region {
        self.region.unwrap_or_default()
    }
}

impl Region {
    /// Where uploads and transcripts are.
    pub(crate) const fn api(self) -> &'static str {
        match self {
            Self::Us => "https://api.assemblyai.com",
            Self::Eu => "https://api.eu.assemblyai.com",
        }
    }

    /// Where tokens for streaming are.
    pub(crate) const fn streaming(self) -> &'static str {
        match self {
            Self::Us => "https://streaming.assemblyai.com",
            Self::Eu => "https://streaming.eu.assemblyai.com",
        }
    }

    /// As in the settings.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Us => "us",
            Self::Eu => "eu",
        }
    }

    /// What [`Region::as_str`] gives.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        [Self::Us, Self::Eu].into_iter().find(|region| region.as_str().as_bytes() == text)
    }
}
