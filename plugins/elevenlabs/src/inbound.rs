//! What ElevenLabs' webhooks tell: checked, named, and published.
//!
//! The envelope has no id. What makes two of them the same is their type, what they are about and when they happened.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use patchbay_sdk::clock::{self, Timestamp};
use patchbay_sdk::{Error, blobs, events, log, webhook};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::signature;

/// The longest name of a type.
const MAX_KIND: usize = 80;
/// The longest id of what a webhook is about.
const MAX_SUBJECT: usize = 128;
/// A body of more bytes is published without its transcript: an event has at most 1 MiB.
const LONG: usize = 768 << 10;

/// Where the id of what it is about may be.
const SUBJECTS: [&str; 4] = ["conversation_id", "request_id", "voice_id", "call_sid"];

#[derive(Debug, Deserialize)]
struct Envelope {
    #[serde(rename = "type")]
    kind: String,
    /// Unix seconds, as a number or as text.
    #[serde(default)]
    event_timestamp: Value,
    #[serde(default)]
    data: Value,
}

/// The data of the event that is published: what ElevenLabs says, as it says it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "ElevenLabsEvent")]
pub(crate) struct Published<'a> {
    /// ElevenLabs' name of the type, as in `post_call_transcription`.
    #[serde(rename = "type")]
    kind: &'a str,
    /// When it happened, in milliseconds since the Unix epoch.
    occurred_at: Option<Timestamp>,
    /// What happened. A recording is stored as a file: instead of `full_audio` there is `audio` with its `blob` and `size`.
    data: &'a Value,
    /// The transcript was too long for an event and is left out.
    shortened: bool,
}

impl Envelope {
    /// Reads a body; the error says what it is not.
    fn parse(body: &[u8]) -> Result<Self, String> {
        let envelope: Self =
            serde_json::from_slice(body).map_err(|error| format!("no webhook of ElevenLabs: {error}"))?;
        let is_name = envelope.kind.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
        if !is_name || !(1..=MAX_KIND).contains(&envelope.kind.len()) {
            return Err("the type is no name".to_owned());
        }
        if envelope.subject().is_some_and(|subject| subject.len() > MAX_SUBJECT) {
            return Err(format!("what it is about has an id of more than {MAX_SUBJECT} bytes"));
        }
        Ok(envelope)
    }

    /// The id of what it is about.
    fn subject(&self) -> Option<&str> {
        let mut ids = SUBJECTS.iter().filter_map(|name| self.data.get(name).and_then(Value::as_str));
        ids.find(|id| !id.is_empty())
    }

    fn occurred_at(&self) -> Option<Timestamp> {
        let seconds: u64 = match &self.event_timestamp {
            Value::Number(number) => number.as_u64()?,
            Value::String(text) => text.parse().ok()?,
            _ => return None,
        };
        seconds.checked_mul(1000)
    }
}

/// Tells if it is from ElevenLabs, and what it is called.
pub(crate) fn verify(request: &webhook::Request) -> Result<webhook::Verdict, Error> {
    let signature = match signature::check(request, clock::now())? {
        Ok(signature) => signature,
        Err(refusal) => return Ok(webhook::Verdict::Refused(refusal)),
    };
    let envelope = match Envelope::parse(&request.body) {
        Ok(envelope) => envelope,
        Err(reason) => return Ok(webhook::Verdict::Refused(format!("signed, but {reason}"))),
    };
    let occurred_at = envelope.occurred_at();
    let id = match (envelope.subject(), occurred_at) {
        (Some(subject), Some(at)) => format!("{}:{subject}:{at}", envelope.kind),
        // who sends the very same again sends a copy
        _ => signature,
    };
    Ok(webhook::Verdict::Genuine(webhook::Receipt { id, kind: envelope.kind, occurred_at, in_line: false }))
}

/// Publishes it.
pub(crate) fn process(receipt: &webhook::Receipt, request: &webhook::Request) -> Result<(), Error> {
    let mut envelope = Envelope::parse(&request.body).map_err(|reason| Error::invalid("", reason))?;
    let subject = envelope.subject().unwrap_or_default().to_owned();
    store_audio(&mut envelope.data)?;
    let is_long = request.body.len() > LONG;
    let transcript = envelope.data.as_object_mut().filter(|_| is_long).and_then(|data| data.remove("transcript"));
    let occurred_at = envelope.occurred_at();
    let (kind, data) = (envelope.kind.as_str(), &envelope.data);
    let published = Published { kind, occurred_at, data, shortened: transcript.is_some() };
    events::publish(&format!("elevenlabs.{kind}"), &subject, &published, Some(&receipt.id))?;
    Ok(())
}

/// A recording becomes a file: nobody wants it in an event. What is no base64 stays as it is, as all that is another than expected.
fn store_audio(data: &mut Value) -> Result<(), Error> {
    let Some(members) = data.as_object_mut() else { return Ok(()) };
    let Some(audio) = members.get("full_audio").and_then(Value::as_str) else { return Ok(()) };
    let bytes = match STANDARD.decode(audio) {
        Ok(bytes) => bytes,
        Err(error) => {
            log::warn("ElevenLabs sent a recording that is no base64", &[("error", &error.to_string())]);
            return Ok(());
        }
    };
    // mp3, says ElevenLabs
    let blob = blobs::put_bytes("audio/mpeg", &bytes)?;
    members.remove("full_audio");
    members.insert("audio".to_owned(), json!({"blob": blob.id, "size": blob.size}));
    Ok(())
}
