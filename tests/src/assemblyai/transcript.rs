//! A transcript as AssemblyAI keeps it and gives it.

use serde_json::{Map, Value, json};

use super::SECONDS;

/// Its text, where it begins and ends in milliseconds, who says it, and what it sounds like.
type Sentence = (&'static str, i32, i32, &'static str, &'static str);

/// What everybody says.
const SENTENCES: [Sentence; 2] = [("Very good.", 0, 900, "A", "POSITIVE"), ("Not so.", 950, 1700, "B", "NEGATIVE")];

/// How one ended.
#[derive(Debug, Clone)]
pub(super) enum Ended {
    Completed,
    Failed(String),
}

/// One transcript.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// The request for it.
    pub(super) order: Map<String, Value>,
    /// How often it was asked for.
    pub(super) looks: u32,
    pub(super) ended: Option<Ended>,
    pub(super) deleted: bool,
}

impl Entry {
    pub(super) fn status(&self) -> &'static str {
        match (&self.ended, self.looks) {
            (Some(Ended::Completed), _) => "completed",
            (Some(Ended::Failed(_)), _) => "error",
            (None, 0) => "queued",
            (None, _) => "processing",
        }
    }

    /// As AssemblyAI answers with it.
    pub(super) fn shown(&self, id: &str) -> Value {
        let asked = |name: &str| self.order.get(name) == Some(&Value::Bool(true));
        let mut shown = json!({
            "id": id, "audio_url": self.order["audio_url"], "status": self.status(),
            "language_model": "assemblyai_default", "acoustic_model": "assemblyai_default", "speech_model": null,
            "webhook_auth": self.order.contains_key("webhook_auth_header_name"), "webhook_status_code": null,
            "auto_highlights": false, "summarization": false, "redact_pii": asked("redact_pii"),
            "sentiment_analysis": asked("sentiment_analysis"), "speaker_labels": asked("speaker_labels"),
            "language_confidence_threshold": null, "language_confidence": null,
            "text": null, "words": null, "utterances": null, "confidence": null, "audio_duration": null,
            "sentiment_analysis_results": null,
        });
        for name in ["webhook_url", "webhook_auth_header_name"] {
            if let Some(value) = self.order.get(name) {
                shown[name] = value.clone();
            }
        }
        match &self.ended {
            Some(Ended::Completed) => self.fill(&mut shown, asked("speaker_labels"), asked("sentiment_analysis")),
            Some(Ended::Failed(why)) => shown["error"] = json!(why),
            None => {}
        }
        shown
    }

    fn fill(&self, shown: &mut Value, speakers: bool, sentiment: bool) {
        shown["audio_duration"] = json!(SECONDS);
        shown["confidence"] = json!(0.93);
        shown["language_code"] = json!("en_us");
        shown["speech_model_used"] = json!("assemblyai-stt-3-7");
        if self.deleted {
            shown["text"] = json!("Deleted by user.");
            shown["audio_url"] = json!("http://deleted_by_user");
            return;
        }
        let speaker = |name: &str| if speakers { json!(name) } else { Value::Null };
        shown["text"] = json!(SENTENCES.map(|(text, ..)| text).join(" "));
        let words = SENTENCES.into_iter().flat_map(|(text, start, end, who, _)| {
            let count = text.split(' ').count();
            text.split(' ').enumerate().map(move |(index, word)| {
                let at = |part: usize| start + (end - start) * i32::try_from(part * 100 / count).unwrap() / 100;
                json!({"text": word, "start": at(index), "end": at(index + 1), "confidence": 0.9, "speaker": speaker(who)})
            })
        });
        shown["words"] = words.collect();
        if speakers {
            let turn = |(text, start, end, who, _): Sentence| {
                let word = json!({"text": text, "start": start, "end": end, "confidence": 0.9, "speaker": who});
                json!({"speaker": who, "text": text, "start": start, "end": end, "confidence": 0.9, "words": [word]})
            };
            shown["utterances"] = SENTENCES.map(turn).into_iter().collect();
        }
        if sentiment {
            let result = |(text, start, end, who, kind): Sentence| {
                let speaker = speaker(who);
                json!({"text": text, "start": start, "end": end, "sentiment": kind, "confidence": 0.9, "speaker": speaker})
            };
            shown["sentiment_analysis_results"] = SENTENCES.map(result).into_iter().collect();
        }
    }

    /// As it stands in a list.
    pub(super) fn listed(&self, id: &str) -> Value {
        let error = match &self.ended {
            Some(Ended::Failed(why)) => json!(why),
            _ => Value::Null,
        };
        json!({
            "id": id, "resource_url": format!("https://api.assemblyai.com/v2/transcript/{id}"), "status": self.status(),
            "created": "2026-11-22T12:00:00.000000", "completed": null, "audio_url": self.order["audio_url"], "error": error,
        })
    }
}
