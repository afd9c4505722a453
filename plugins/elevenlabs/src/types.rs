//! What the actions take and give, as far as it is worth spelling out.
//!
//! The types make the schemas. What ElevenLabs answers passes as it was written, so members that are not named here
//! come through all the same. Models and voices are free text: there is a new one every month.

use std::collections::BTreeMap;

use patchbay_sdk::LiveTranslation;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What is said, by whom and how; members are those of ElevenLabs' API.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateSpeech {
    /// The voice, as in `JBFqnCBsd6RMkjVDRZzb`.
    #[schemars(regex(pattern = r"^[A-Za-z0-9_-]{1,100}$"))]
    pub voice_id: String,
    /// What is said. Models have limits of their own, from 10,000 to 40,000 characters.
    #[schemars(length(min = 1, max = 40000))]
    pub text: String,
    /// The model. Default: `eleven_multilingual_v2`.
    #[schemars(length(min = 1, max = 100))]
    pub model_id: Option<String>,
    /// Codec, sample rate and bit rate, as in `mp3_44100_128`, which is the default, or `ulaw_8000`.
    #[schemars(regex(pattern = r"^(mp3|opus|pcm|wav|ulaw|alaw)_[0-9]{4,5}(_[0-9]{2,3})?$"))]
    pub output_format: Option<String>,
    /// The language, by ISO 639-1, for models that take one.
    #[schemars(length(min = 2, max = 10))]
    pub language_code: Option<String>,
    /// How the voice speaks, instead of what is set for it.
    pub voice_settings: Option<VoiceSettings>,
    /// Dictionaries, in the order in which they count; at most three.
    #[schemars(length(max = 3))]
    pub pronunciation_dictionary_locators: Option<Vec<DictionaryLocator>>,
    /// The same seed tends to the same sound.
    pub seed: Option<u32>,
    /// What was said before, for the flow.
    #[schemars(length(max = 40000))]
    pub previous_text: Option<String>,
    /// What will be said next, for the flow.
    #[schemars(length(max = 40000))]
    pub next_text: Option<String>,
    /// Speech before, by the `request-id` of its answer; at most three.
    #[schemars(length(max = 3))]
    pub previous_request_ids: Option<Vec<String>>,
    /// Speech after, by the `request-id` of its answer; at most three.
    #[schemars(length(max = 3))]
    pub next_request_ids: Option<Vec<String>>,
    /// Whether numbers and the like are spelled out: `auto`, `on` or `off`.
    #[schemars(regex(pattern = r"^(auto|on|off)$"))]
    pub apply_text_normalization: Option<String>,
    /// The same by the rules of the language; slow, and for Japanese only.
    pub apply_language_text_normalization: Option<bool>,
    /// Effects on the audio, as ElevenLabs describes them.
    pub audio_effects: Option<BTreeMap<String, Value>>,
    /// False: ElevenLabs keeps nothing, which takes an enterprise account, and the hub keeps nothing either.
    pub enable_logging: Option<bool>,
    /// True: it is made anew, whatever was kept.
    pub fresh: Option<bool>,
    /// True: the answer is a stored file instead of the audio itself.
    pub store: Option<bool>,
}

/// How a voice speaks.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct VoiceSettings {
    /// From 0 to 1: lower is livelier.
    pub stability: Option<f64>,
    /// From 0 to 1: how close it is to the original.
    pub similarity_boost: Option<f64>,
    /// From 0 to 1: how much the style is exaggerated.
    pub style: Option<f64>,
    /// 1 is normal.
    pub speed: Option<f64>,
    /// Closer to the speaker, and slower.
    pub use_speaker_boost: Option<bool>,
    /// From 0 to 1, for professional clones with newer models.
    pub clone_strength: Option<f64>,
}

/// A version of a dictionary.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct DictionaryLocator {
    /// The dictionary.
    pub pronunciation_dictionary_id: String,
    /// The version. Default: the latest.
    pub version_id: Option<String>,
}

/// Nothing.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// How calls are translated while they run.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Translation {
    /// What the settings say; null where they say nothing, or where the plan has no live translation any more.
    pub live_translation: Option<LiveTranslation>,
}

/// Which voice.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VoiceId {
    /// Its id.
    #[schemars(regex(pattern = r"^[A-Za-z0-9_-]{1,100}$"))]
    pub voice_id: String,
}

/// Which voices.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListVoices {
    /// At most so many. Default: 10.
    #[schemars(range(min = 1, max = 100))]
    pub page_size: Option<u32>,
    /// `next_page_token` of the page before.
    #[schemars(length(min = 1, max = 2000))]
    pub next_page_token: Option<String>,
    /// Words in its name, description, labels or category.
    #[schemars(length(min = 1, max = 500))]
    pub search: Option<String>,
    /// `personal`, `community`, `default`, `workspace`, `non-default` or `saved`.
    #[schemars(regex(pattern = r"^(personal|community|default|workspace|non-default|saved)$"))]
    pub voice_type: Option<String>,
    /// `premade`, `cloned`, `generated` or `professional`.
    #[schemars(regex(pattern = r"^(premade|cloned|generated|professional)$"))]
    pub category: Option<String>,
    /// `created_at_unix` or `name`.
    #[schemars(regex(pattern = r"^(created_at_unix|name)$"))]
    pub sort: Option<String>,
    /// `asc` or `desc`.
    #[schemars(regex(pattern = r"^(asc|desc)$"))]
    pub sort_direction: Option<String>,
}

/// A page of voices.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Voices {
    /// With all that ElevenLabs says of them.
    pub voices: Vec<Voice>,
    /// There is a next page.
    pub has_more: bool,
    /// Where it begins.
    pub next_page_token: Option<String>,
}

/// A voice, with all that ElevenLabs says of it.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Voice {
    /// Its id.
    pub voice_id: String,
    /// Its name.
    pub name: Option<String>,
    /// Where it comes from: `premade`, `cloned`, `generated`, `professional` or another.
    pub category: Option<String>,
    /// What it sounds like.
    pub description: Option<String>,
    /// An example to listen to.
    pub preview_url: Option<String>,
    /// Accent, age, gender and the like.
    pub labels: Option<BTreeMap<String, Value>>,
}

/// The models.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Models {
    /// With all that ElevenLabs says of them.
    pub models: Vec<Model>,
}

/// A model, with all that ElevenLabs says of it.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Model {
    /// Its id.
    pub model_id: String,
    /// Its name.
    pub name: Option<String>,
    /// It speaks.
    pub can_do_text_to_speech: Option<bool>,
    /// The longest text, in characters.
    pub maximum_text_length_per_request: Option<u64>,
}

/// Which part of the history.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListHistory {
    /// At most so many. Default: 100.
    #[schemars(range(min = 1, max = 1000))]
    pub page_size: Option<u32>,
    /// `last_history_item_id` of the page before.
    #[schemars(regex(pattern = r"^[A-Za-z0-9_-]{1,100}$"))]
    pub start_after_history_item_id: Option<String>,
    /// By this voice.
    #[schemars(regex(pattern = r"^[A-Za-z0-9_-]{1,100}$"))]
    pub voice_id: Option<String>,
    /// Words in the text.
    #[schemars(length(min = 1, max = 500))]
    pub search: Option<String>,
}

/// A page of the history.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct History {
    /// The newest first, with all that ElevenLabs says of each.
    pub history: Vec<HistoryItem>,
    /// There is a next page.
    pub has_more: bool,
    /// After which it begins.
    pub last_history_item_id: Option<String>,
}

/// Speech that was made, with all that ElevenLabs says of it.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct HistoryItem {
    /// Its id.
    pub history_item_id: String,
    /// When, in seconds since the Unix epoch.
    pub date_unix: u64,
    /// Of the request that made it.
    pub request_id: Option<String>,
    /// By which voice.
    pub voice_id: Option<String>,
    /// By which model.
    pub model_id: Option<String>,
    /// What is said.
    pub text: Option<String>,
    /// The media type of its audio.
    pub content_type: Option<String>,
}

/// Which item.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HistoryItemId {
    /// Its id.
    #[schemars(regex(pattern = r"^[A-Za-z0-9_-]{1,100}$"))]
    pub history_item_id: String,
}

/// Which audio.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetHistoryAudio {
    /// The item's id.
    #[schemars(regex(pattern = r"^[A-Za-z0-9_-]{1,100}$"))]
    pub history_item_id: String,
    /// True: the answer is a stored file instead of the audio itself.
    pub store: Option<bool>,
}

/// It is deleted.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Deleted {
    /// Which.
    pub history_item_id: String,
}

/// The plan, with all that ElevenLabs says of it.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Subscription {
    /// Its name.
    pub tier: String,
    /// Used in this period, in credits.
    pub character_count: u64,
    /// There are so many.
    pub character_limit: u64,
    /// As in `active`.
    pub status: Option<String>,
    /// When the next period begins, in seconds since the Unix epoch.
    pub next_character_count_reset_unix: Option<i64>,
}
