//! A hub with the connection in place, and transcripts as AssemblyAI gives them.
#![allow(dead_code, reason = "each test binary uses its own part")]

use patchbay_sdk::testing::MockHost;
use serde_json::{Value, json};

pub const ID: &str = "9ea68fd3-f953-42c1-9742-976c447fb463";
pub const ONE: &str = "https://api.assemblyai.com/v2/transcript/9ea68fd3-f953-42c1-9742-976c447fb463";
pub const ALL: &str = "https://api.assemblyai.com/v2/transcript";
pub const SECRET: &str = "9f2b5c1e7a4d4e0f8b6a3c2d1e0f9a8b";
pub const HOOK: &str = "https://hub.example.com/hooks/test";

/// With a key, and without a webhook's secret.
pub fn host() -> MockHost {
    let host = MockHost::with_manifest(include_str!("../../plugin.toml"));
    host.set_secret("api_key", "canary-api-key");
    host
}

/// With both.
pub fn hooked() -> MockHost {
    let host = host();
    host.set_secret("webhook_secret", SECRET);
    host
}

/// As it is while it waits.
pub fn queued() -> Value {
    json!({"id": ID, "status": "queued", "audio_url": "https://example.com/a.mp3", "text": null, "audio_duration": null})
}

/// As it is in the end.
pub fn completed() -> Value {
    json!({
        "id": ID, "status": "completed", "audio_url": "https://example.com/a.mp3", "audio_duration": 90.4,
        "text": "Very good. Not so.", "confidence": 0.93, "language_code": "en_us", "speech_model_used": "assemblyai-stt-3-7",
        "words": [{"text": "Very", "start": 0, "end": 200, "confidence": 0.9, "speaker": "A"}],
        "sentiment_analysis_results": [
            {"text": "Very good.", "start": 0, "end": 900, "sentiment": "POSITIVE", "confidence": 0.9, "speaker": "A"},
            {"text": "Not so.", "start": 950, "end": 1700, "sentiment": "NEGATIVE", "confidence": 0.8, "speaker": "B"},
        ],
    })
}
