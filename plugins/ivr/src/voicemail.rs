//! Messages that callers leave, and what they say.
//!
//! The recording is the carrier's connector's to fetch and to keep. What it says is asked of another plugin, which gets the
//! carrier's URL of it: Telnyx signs that for ten minutes, so it is passed on at once and not kept waiting.

use patchbay_sdk::clock::{self, Timestamp};
use patchbay_sdk::task::{Next, Step as Task};
use patchbay_sdk::{Error, events, jobs, log, peers, records};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::config::{Config, Transcription};
use crate::digest::digest;
use crate::note::Note;
use crate::published::{VOICEMAIL_RECEIVED, VOICEMAIL_TRANSCRIBED, VoicemailReceived, VoicemailTranscribed};
use crate::store::{VOICEMAIL, call_key};
use crate::types::{Message, Recording, TranscriptionStatus};

/// The kind of job in the manifest.
pub(crate) const TRANSCRIBE: &str = "transcribe";

/// Tries of one step, as the manifest has it: with the last one it is known that there will be no text.
const ATTEMPTS: u32 = 8;

/// How long after the message it is asked for: carriers need a moment until a recording can be had.
const SOON_MS: u64 = 4_000;

/// How often it is asked whether the text is there.
const PAUSE_MS: u64 = 15_000;

/// How long a text may take.
const PATIENCE_MS: u64 = 6 * 3_600_000;

/// The most characters of a text in an event.
const MOST_TOLD: usize = 100_000;

/// The most characters of a text that are kept.
const MOST_KEPT: usize = 500_000;

/// A message that is to be written down.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Transcribe {
    message: String,
}

/// What another plugin gave.
enum Asked {
    Given(Value),
    /// Nothing went wrong that time does not mend.
    Later(u64),
    /// It will give none.
    Never,
}

/// Keeps a message that a call has left, once.
pub(crate) fn receive(note: &Note, node: &str, mailbox: Option<&str>, recording: &Recording) -> Result<(), Error> {
    let which = recording.id.as_deref().or(recording.url.as_deref()).unwrap_or(node);
    let id = format!("{}:{}", call_key(&note.call), digest(&[which]));
    if records::get::<Message>(VOICEMAIL, &id)?.is_some() {
        return Ok(());
    }
    let asked = Config::load()?.transcription.filter(|_| recording.url.is_some());
    let message = Message {
        call: note.call.clone(),
        from: note.from.clone(),
        to: note.to.clone(),
        menu: note.menu.clone(),
        node: node.to_owned(),
        mailbox: mailbox.map(str::to_owned),
        recording: recording.clone(),
        received_at: clock::rfc3339(note.at),
        transcription: asked.map(|_| TranscriptionStatus::Underway),
        text: None,
    };
    records::put(VOICEMAIL, &id, &message, Some(0))?;
    let data = VoicemailReceived {
        id: &id,
        call: &message.call,
        from: &message.from,
        to: &message.to,
        menu: &message.menu,
        mailbox,
        recording: recording.id.as_deref(),
        duration_s: recording.duration_s,
        received_at: &message.received_at,
    };
    events::publish(VOICEMAIL_RECEIVED, &message.call, &data, Some(&format!("voicemail:{}", digest(&[&id]))))?;
    if asked.is_some() {
        let key = digest(&[&id]);
        jobs::Plan::new().after_ms(SOON_MS).key(&key).enqueue(TRANSCRIBE, &Transcribe { message: id })?;
    }
    Ok(())
}

/// Has a message written down: asks once, then looks now and then until it is there.
pub(crate) fn transcribe(task: Task<Transcribe, String>) -> Result<Next<String>, Error> {
    let id = task.payload.message;
    let Some(there) = records::get::<Message>(VOICEMAIL, &id)? else { return Ok(Next::Done(())) };
    let message = there.data;
    // who is asked is the setting of now: it may have been switched off since
    let (Some(plugin), Some(url)) = (Config::load()?.transcription, message.recording.url.clone()) else {
        return fail(&id, message, there.version);
    };
    let last = task.attempt >= ATTEMPTS || is_over(&message, clock::now());
    let asked = match &task.cursor {
        None => ask(plugin, "create-transcript", &json!({"audio_url": url}), last)?,
        Some(transcript) => ask(plugin, "get-transcript", &json!({"id": transcript}), last)?,
    };
    let given = match asked {
        Asked::Given(given) => given,
        Asked::Later(wait) => return Ok(Next::LaterMs(wait)),
        Asked::Never => return fail(&id, message, there.version),
    };
    let transcript = given.get("id").and_then(Value::as_str);
    match (given.get("status").and_then(Value::as_str), transcript) {
        (Some("completed"), _) => {
            let text = given.get("text").and_then(Value::as_str).unwrap_or_default();
            keep(&id, message, there.version, text)
        }
        (Some("error"), _) => fail(&id, message, there.version),
        (_, Some(transcript)) if task.cursor.is_none() => Ok(Next::Again(transcript.to_owned())),
        (_, Some(_)) if !last => Ok(Next::LaterMs(PAUSE_MS)),
        _ => fail(&id, message, there.version),
    }
}

fn is_over(message: &Message, now: Timestamp) -> bool {
    let received = clock::parse_rfc3339(&message.received_at).unwrap_or_default();
    now.saturating_sub(received) > PATIENCE_MS
}

/// Asks the plugin that the settings name.
fn ask(plugin: Transcription, action: &str, input: &Value, last: bool) -> Result<Asked, Error> {
    let plugin = match plugin {
        Transcription::Assemblyai => "assemblyai",
    };
    match peers::call(plugin, action, input) {
        Ok(given) => Ok(Asked::Given(given)),
        Err(Error::RateLimited(wait)) if !last => Ok(Asked::Later(wait.max(1000))),
        Err(error @ (Error::Unavailable(_) | Error::Exhausted(_))) if !last => Err(error),
        // also what ended without an answer: a transcript that was begun would be paid twice
        Err(error) => {
            log::warn("a message is not written down", &[("plugin", plugin), ("error", &error.to_string())]);
            Ok(Asked::Never)
        }
    }
}

fn keep(id: &str, message: Message, version: u64, text: &str) -> Result<Next<String>, Error> {
    let text: String = text.chars().take(MOST_KEPT).collect();
    let told: String = text.chars().take(MOST_TOLD).collect();
    let message = Message { transcription: Some(TranscriptionStatus::Done), text: Some(text), ..message };
    records::put(VOICEMAIL, id, &message, Some(version))?;
    let data = VoicemailTranscribed {
        id,
        call: &message.call,
        from: &message.from,
        mailbox: message.mailbox.as_deref(),
        text: &told,
    };
    events::publish(VOICEMAIL_TRANSCRIBED, &message.call, &data, Some(&format!("transcribed:{}", digest(&[id]))))?;
    Ok(Next::Done(()))
}

fn fail(id: &str, message: Message, version: u64) -> Result<Next<String>, Error> {
    let message = Message { transcription: Some(TranscriptionStatus::Failed), ..message };
    records::put(VOICEMAIL, id, &message, Some(version))?;
    Ok(Next::Done(()))
}
