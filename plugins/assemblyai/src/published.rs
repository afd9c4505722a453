//! What is told of transcripts that have ended.

use schemars::JsonSchema;
use serde::Serialize;

use crate::sentiment::Figures;

/// When a transcript is done.
pub(crate) const COMPLETED: &str = "assemblyai.transcript.completed";
/// When there will be none.
pub(crate) const FAILED: &str = "assemblyai.transcript.failed";

/// The data of the event `assemblyai.transcript.completed`.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "AssemblyAiTranscriptCompleted")]
pub(crate) struct Completed<'a> {
    /// AssemblyAI's id of it.
    pub(crate) transcript_id: &'a str,
    /// The audio's length as it was metered.
    pub(crate) audio_seconds: Option<u64>,
    /// The language, as in `en_us`.
    pub(crate) language_code: Option<&'a str>,
    /// From 0 to 1.
    pub(crate) confidence: Option<f64>,
    /// The model that was used.
    pub(crate) speech_model: Option<&'a str>,
    /// How many sentences are of which kind, if sentiment was asked for.
    pub(crate) sentiment: Option<&'a Figures>,
    /// What was said, if the settings ask for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) text: Option<&'a str>,
    /// The text goes on: an event has no room for more.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) text_is_cut: bool,
}

/// The data of the event `assemblyai.transcript.failed`.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "AssemblyAiTranscriptFailed")]
pub(crate) struct Failed<'a> {
    /// AssemblyAI's id of it.
    pub(crate) transcript_id: &'a str,
    /// Why, in AssemblyAI's words.
    pub(crate) error: &'a str,
}
