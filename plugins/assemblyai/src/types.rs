//! What the actions take and give, as far as it is worth spelling out.
//!
//! Members that are not named here reach AssemblyAI and come back all the same. Models, languages and what may be redacted
//! are free text: there is more of each every month.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Audio: exactly one of the members, or a file beside the input.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Upload {
    /// The id of a file that the plugin keeps. It flows from the hub's disk.
    #[serde(default)]
    #[schemars(length(min = 1, max = 100))]
    pub blob: Option<String>,
    /// The audio itself in base64, for small ones.
    #[serde(default)]
    #[schemars(length(min = 4, max = 8_000_000))]
    pub content: Option<String>,
}

/// Where the audio is now.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Uploaded {
    /// For `audio_url`; good for AssemblyAI only, and for the same project.
    pub upload_url: String,
}

/// Audio to be transcribed, with any further member of AssemblyAI's API.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct CreateTranscript {
    /// A public URL, or one that an upload gave.
    #[schemars(length(min = 1, max = 8000))]
    pub audio_url: String,
    /// Models, the best first. Default: the settings'.
    #[schemars(length(min = 1))]
    pub speech_models: Option<Vec<String>>,
    /// The language, as in `en_us`.
    pub language_code: Option<String>,
    /// Find the language out.
    pub language_detection: Option<bool>,
    /// Tell speakers apart.
    pub speaker_labels: Option<bool>,
    /// How many speakers there are, if that is known.
    #[schemars(range(min = 1))]
    pub speakers_expected: Option<u32>,
    /// Each channel is a speaker.
    pub multichannel: Option<bool>,
    /// Say of each sentence whether it is positive, neutral or negative.
    pub sentiment_analysis: Option<bool>,
    /// Find names, places, dates and the like.
    pub entity_detection: Option<bool>,
    /// Take personal data out of the text.
    pub redact_pii: Option<bool>,
    /// Which, as in `person_name` and `phone_number`.
    #[schemars(length(min = 1))]
    pub redact_pii_policies: Option<Vec<String>>,
    /// What stands in its place.
    pub redact_pii_sub: Option<Substitution>,
    /// Take it out of the audio as well; see the action `get-redacted-audio`.
    pub redact_pii_audio: Option<bool>,
    /// `mp3` or `wav`.
    pub redact_pii_audio_quality: Option<String>,
    /// Words that are likely to be said.
    pub keyterms_prompt: Option<Vec<String>>,
    /// Set punctuation; AssemblyAI does unless this is false.
    pub punctuate: Option<bool>,
    /// Write numbers and the like as they are written; AssemblyAI does unless this is false.
    pub format_text: Option<bool>,
    /// Keep filler words.
    pub disfluencies: Option<bool>,
    /// Put asterisks for profanity.
    pub filter_profanity: Option<bool>,
    /// Where to begin, in milliseconds.
    pub audio_start_from: Option<u64>,
    /// Where to end, in milliseconds.
    pub audio_end_at: Option<u64>,
    /// Another address that AssemblyAI shall tell. The hub then asks now and then instead of being told.
    pub webhook_url: Option<String>,
}

/// What stands in the place of what was redacted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Substitution {
    /// What it was, as in `[PERSON_NAME]`.
    EntityName,
    /// `#` for each character.
    Hash,
}

/// A transcript.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Transcript {
    /// AssemblyAI's id of it.
    pub id: String,
    /// `queued`, `processing`, `completed` or `error`.
    pub status: String,
    /// Why there is none.
    pub error: Option<String>,
    /// The audio.
    pub audio_url: Option<String>,
    /// How long it is, in seconds.
    pub audio_duration: Option<f64>,
    /// What was said.
    pub text: Option<String>,
    /// From 0 to 1.
    pub confidence: Option<f64>,
    /// The language, as in `en_us`.
    pub language_code: Option<String>,
    /// The model that was used.
    pub speech_model_used: Option<String>,
    /// Each word with its place.
    pub words: Option<Vec<BTreeMap<String, Value>>>,
    /// What each speaker said in turn.
    pub utterances: Option<Vec<BTreeMap<String, Value>>>,
    /// The sentiment of each sentence.
    pub sentiment_analysis_results: Option<Vec<SentenceSentiment>>,
}

/// The sentiment of one sentence.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct SentenceSentiment {
    /// The sentence.
    pub text: String,
    /// Where it begins, in milliseconds.
    pub start: u64,
    /// Where it ends.
    pub end: u64,
    /// `POSITIVE`, `NEUTRAL` or `NEGATIVE`.
    pub sentiment: String,
    /// From 0 to 1.
    pub confidence: f64,
    /// Who said it.
    pub speaker: Option<String>,
}

/// Which transcript.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TranscriptId {
    /// AssemblyAI's id of it.
    #[schemars(regex(pattern = r"^[A-Za-z0-9-]{1,64}$"))]
    pub id: String,
}

/// Which transcripts.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListTranscripts {
    /// At most so many. Default: 10.
    #[serde(default)]
    #[schemars(range(min = 1, max = 200))]
    pub limit: Option<u32>,
    /// Only those in this state.
    #[serde(default)]
    pub status: Option<Status>,
    /// Only those made on this day, as in `2026-11-21`.
    #[serde(default)]
    #[schemars(regex(pattern = r"^\d{4}-\d{2}-\d{2}$"))]
    pub created_on: Option<String>,
    /// Only those older than this one.
    #[serde(default)]
    #[schemars(length(min = 1, max = 64))]
    pub before_id: Option<String>,
    /// Only those newer than this one.
    #[serde(default)]
    #[schemars(length(min = 1, max = 64))]
    pub after_id: Option<String>,
}

/// How far a transcript is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It waits.
    Queued,
    /// It is worked on.
    Processing,
    /// It is done.
    Completed,
    /// There will be none.
    Error,
}

impl Status {
    /// As AssemblyAI writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Processing => "processing",
            Self::Completed => "completed",
            Self::Error => "error",
        }
    }
}

/// A part of the list, newest first.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct TranscriptPage {
    /// Where it lies.
    pub page_details: PageDetails,
    /// Its transcripts.
    pub transcripts: Vec<TranscriptSummary>,
}

/// Where a page lies.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct PageDetails {
    /// The most that were asked for.
    pub limit: u32,
    /// How many there are.
    pub result_count: u32,
    /// Leads to older ones; none on the last page. Its `before_id` is what this action takes.
    pub prev_url: Option<String>,
    /// Leads to newer ones.
    pub next_url: Option<String>,
}

/// A transcript in a list.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct TranscriptSummary {
    /// AssemblyAI's id of it.
    pub id: String,
    /// `queued`, `processing`, `completed` or `error`.
    pub status: String,
    /// When it was made.
    pub created: String,
    /// When it ended.
    pub completed: Option<String>,
    /// The audio.
    pub audio_url: Option<String>,
    /// Why there is none.
    pub error: Option<String>,
}

/// Audio without what was redacted.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct RedactedAudio {
    /// `redacted_audio_ready`.
    pub status: String,
    /// Where it is, for a while.
    pub redacted_audio_url: Option<String>,
}

/// A token for one streaming session.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateStreamingToken {
    /// How long a session may begin with it.
    #[schemars(range(min = 1, max = 600))]
    pub expires_in_seconds: u32,
    /// How long that session may last. Default: three hours.
    #[serde(default)]
    #[schemars(range(min = 60, max = 10800))]
    pub max_session_duration_seconds: Option<u32>,
}

/// A token.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct StreamingToken {
    /// For `wss://streaming.assemblyai.com/v3/ws?token=…`, or the region's address; good once.
    pub token: String,
    /// How long it is.
    pub expires_in_seconds: u32,
}
