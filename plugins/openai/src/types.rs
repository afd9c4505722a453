//! What the actions take and give, as far as it is worth spelling out.
//!
//! The types make the schemas; the connector itself reads only what it must and passes the text on
//! ([`patchbay_sdk::Verbatim`]), so members that are not named here reach OpenAI and come back all the same.
//! Models are free text: there is a new one every month.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// A conversation to be answered, with any further member of OpenAI's API.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct CreateChatCompletion {
    /// The model's id. Default: the one of the organization's settings.
    #[schemars(length(min = 1))]
    pub model: Option<String>,
    /// The conversation so far.
    #[schemars(length(min = 1))]
    pub messages: Vec<ChatMessage>,
    /// The most tokens to write, reasoning among them.
    pub max_completion_tokens: Option<u64>,
    /// From 0 to 2; higher is more random.
    pub temperature: Option<f64>,
    /// Nucleus sampling, from 0 to 1.
    pub top_p: Option<f64>,
    /// How many answers to write.
    pub n: Option<u32>,
    /// One text, or up to four, at which to stop.
    pub stop: Option<OneOrMany>,
    /// The form of the answer, as in `{"type": "json_schema", "json_schema": {"name": "city", "strict": true, "schema": {}}}`.
    pub response_format: Option<BTreeMap<String, Value>>,
    /// Functions that the model may call.
    pub tools: Option<Vec<BTreeMap<String, Value>>>,
    /// `none`, `auto`, `required` or one tool.
    pub tool_choice: Option<Value>,
    /// How much to think, as in `low`, where the model can.
    pub reasoning_effort: Option<String>,
    /// Keep the completion at OpenAI.
    pub store: Option<bool>,
    /// Up to 16 pairs to find it by.
    pub metadata: Option<BTreeMap<String, String>>,
    /// Not here: streamed answers come through the proxy.
    pub stream: Option<bool>,
}

/// One message of a conversation.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct ChatMessage {
    /// `developer`, `system`, `user`, `assistant` or `tool`.
    #[schemars(length(min = 1))]
    pub role: String,
    /// Text, or a list of parts; an assistant's may be missing.
    pub content: Option<Content>,
}

/// Text, or parts of text, images, audio and files.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Content {
    /// Text.
    Text(String),
    /// Parts, each with its `type`.
    Parts(Vec<BTreeMap<String, Value>>),
}

/// A text or several.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OneOrMany {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

/// An answered conversation.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct ChatCompletion {
    /// OpenAI's id of it.
    pub id: String,
    /// When it was made, in seconds since the Unix epoch.
    pub created: u64,
    /// The model that answered.
    pub model: String,
    /// The model that was asked for, if another of the organization's answered in its place.
    pub fallback_from: Option<String>,
    /// The answers.
    pub choices: Vec<ChatChoice>,
    /// Tokens used.
    pub usage: Option<ChatUsage>,
}

/// One answer.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct ChatChoice {
    /// Its place among the answers, from 0.
    pub index: u32,
    /// What the assistant says.
    pub message: ChatAnswer,
    /// Why it ends: `stop`, `length`, `tool_calls`, `content_filter` or another.
    pub finish_reason: Option<String>,
}

/// What the assistant says.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct ChatAnswer {
    /// `assistant`.
    pub role: String,
    /// The text; none beside tool calls.
    pub content: Option<String>,
    /// Why the model would not answer.
    pub refusal: Option<String>,
    /// Functions to call.
    pub tool_calls: Option<Vec<BTreeMap<String, Value>>>,
}

/// Tokens of a chat completion.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct ChatUsage {
    /// Read.
    pub prompt_tokens: u64,
    /// Written.
    pub completion_tokens: u64,
    /// Both.
    pub total_tokens: u64,
}

/// An input to be answered, with any further member of OpenAI's API.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct CreateResponse {
    /// The model's id; a stored prompt may name it instead. Default: the one of the organization's settings.
    #[schemars(length(min = 1))]
    pub model: Option<String>,
    /// Text, or a list of items.
    pub input: Option<Content>,
    /// What a system message would say.
    pub instructions: Option<String>,
    /// The most tokens to write, reasoning among them.
    pub max_output_tokens: Option<u64>,
    /// From 0 to 2; higher is more random.
    pub temperature: Option<f64>,
    /// Nucleus sampling, from 0 to 1.
    pub top_p: Option<f64>,
    /// The response that this one goes on from.
    pub previous_response_id: Option<String>,
    /// Keep the response at OpenAI; it does unless this is false.
    pub store: Option<bool>,
    /// Functions and built-in tools that the model may use.
    pub tools: Option<Vec<BTreeMap<String, Value>>>,
    /// `none`, `auto`, `required` or one tool.
    pub tool_choice: Option<Value>,
    /// The form of the text, as in `{"format": {"type": "json_object"}}`.
    pub text: Option<BTreeMap<String, Value>>,
    /// How much to think, as in `{"effort": "low"}`, where the model can.
    pub reasoning: Option<BTreeMap<String, Value>>,
    /// Up to 16 pairs to find it by.
    pub metadata: Option<BTreeMap<String, String>>,
    /// Not here: streamed answers come through the proxy.
    pub stream: Option<bool>,
    /// Not here: what ends after the call cannot be metered.
    pub background: Option<bool>,
}

/// A response.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Response {
    /// OpenAI's id of it.
    pub id: String,
    /// When it was made, in seconds since the Unix epoch.
    pub created_at: f64,
    /// `completed`, `failed`, `incomplete` or another.
    pub status: Option<String>,
    /// The model that answered.
    pub model: String,
    /// The model that was asked for, if another of the organization's answered in its place.
    pub fallback_from: Option<String>,
    /// Messages, function calls, reasoning; skip types that you do not know.
    pub output: Vec<BTreeMap<String, Value>>,
    /// Why it failed.
    pub error: Option<BTreeMap<String, Value>>,
    /// Why it is not complete.
    pub incomplete_details: Option<BTreeMap<String, Value>>,
    /// Tokens used.
    pub usage: Option<ResponseUsage>,
}

/// Tokens of a response.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct ResponseUsage {
    /// Read.
    pub input_tokens: u64,
    /// Written.
    pub output_tokens: u64,
    /// Both.
    pub total_tokens: u64,
}

/// Texts to be turned into vectors, with any further member of OpenAI's API.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct CreateEmbedding {
    /// The model's id.
    #[schemars(length(min = 1))]
    pub model: String,
    /// A text, a list of texts, a list of tokens, or a list of lists of tokens; none of them empty.
    pub input: EmbeddingInput,
    /// `float` or `base64`.
    pub encoding_format: Option<String>,
    /// How long the vectors shall be, where the model lets one choose.
    #[schemars(range(min = 1))]
    pub dimensions: Option<u32>,
}

/// What is turned into vectors.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum EmbeddingInput {
    /// One text.
    Text(String),
    /// Several texts.
    Texts(Vec<String>),
    /// One text as tokens.
    Tokens(Vec<u32>),
    /// Several texts as tokens.
    TokenLists(Vec<Vec<u32>>),
}

/// Vectors.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Embeddings {
    /// The model that made them.
    pub model: String,
    /// One for each input.
    pub data: Vec<Embedding>,
    /// Tokens used.
    pub usage: EmbeddingUsage,
}

/// One vector.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Embedding {
    /// The place of its input, from 0.
    pub index: u32,
    /// The vector.
    pub embedding: Vector,
}

/// A vector in the encoding that was asked for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Vector {
    /// Numbers.
    Floats(Vec<f64>),
    /// Base64 of little-endian 32-bit floats.
    Base64(String),
}

/// Tokens of embeddings.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct EmbeddingUsage {
    /// Read.
    pub prompt_tokens: u64,
    /// The same.
    pub total_tokens: u64,
}

/// A text to be judged, with any further member of OpenAI's API.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct CreateModeration {
    /// The model's id; OpenAI has a default.
    #[schemars(length(min = 1))]
    pub model: Option<String>,
    /// A text, a list of texts, or a list of parts with texts and images.
    pub input: Judged,
}

/// What is judged.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Judged {
    /// One text.
    Text(String),
    /// Several texts.
    Texts(Vec<String>),
    /// Parts, each with its `type`.
    Parts(Vec<BTreeMap<String, Value>>),
}

/// A judgement.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Moderation {
    /// OpenAI's id of it.
    pub id: String,
    /// The model that judged.
    pub model: String,
    /// One for each text, or one for all parts.
    pub results: Vec<ModerationResult>,
}

/// What was found.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct ModerationResult {
    /// True if any category applies.
    pub flagged: bool,
    /// Which categories apply.
    pub categories: BTreeMap<String, Option<bool>>,
    /// How much each applies, from 0 to 1.
    pub category_scores: BTreeMap<String, f64>,
}

/// A text to be spoken, with any further member of OpenAI's API.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct CreateSpeech {
    /// The model's id.
    #[schemars(length(min = 1))]
    pub model: String,
    /// The text.
    #[schemars(length(min = 1, max = 4096))]
    pub input: String,
    /// Whose voice, as in `alloy`, or `{"id": "voice_1"}` for one of the organization's own.
    pub voice: Voice,
    /// How to speak, where the model lets one say.
    #[schemars(length(max = 4096))]
    pub instructions: Option<String>,
    /// `mp3`, `opus`, `aac`, `flac`, `wav` or `pcm`.
    pub response_format: Option<String>,
    /// From 0.25 to 4.
    #[schemars(range(min = 0.25, max = 4.0))]
    pub speed: Option<f64>,
}

/// A voice.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Voice {
    /// One of OpenAI's.
    Name(String),
    /// One of the organization's own.
    Own {
        /// Its id.
        id: String,
    },
}
