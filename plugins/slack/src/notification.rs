//! What happens in the hub, told in a channel: an event becomes a job for each message that the settings want of it.
//!
//! The message is made when the event comes, so that it says what was so then, and posted by the job, so that a channel
//! that Slack holds back waits by itself. Slack has no idempotency keys: a message that was posted is noted at once under
//! the event's id, outside of the run, and a step that is done again finds the note.

use std::time::Duration;

use patchbay_sdk::{Error, events, installation, jobs, kv, log, task};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::config::{Config, Notification};
use crate::{actions, incoming, template};

/// The kind of job in the manifest.
pub(crate) const JOB: &str = "post-notification";

/// For how long it is known what was posted: longer than any job is tried.
const REMEMBERED: Duration = Duration::from_secs(7 * 86_400);

/// A message that is to be posted.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Planned {
    /// Stable over repeats of the event.
    key: String,
    /// Without one: by the incoming webhook.
    channel: Option<String>,
    message: Map<String, Value>,
}

/// True for the news that a job of this plugin has failed: a message about it could fail as well, and so on for ever.
fn is_own_failure(kind: &str, data: &Value) -> bool {
    kind == "job.failed" && data.get("plugin").and_then(Value::as_str) == Some("slack")
}

/// Makes a job of each message that an event asks for.
pub(crate) fn plan(event: &events::Event) -> Result<(), Error> {
    let config: Config = installation::config()?;
    let wanted = config.notifications_of(&event.kind);
    if wanted.is_empty() {
        return Ok(());
    }
    let data: Value = event.data()?;
    if is_own_failure(&event.kind, &data) {
        return Ok(());
    }
    // An event of a standard object has the object inside; what a vendor tells is the data itself.
    let record = data.get("record").unwrap_or(&data);
    let context = json!({
        "event": {
            "id": event.id, "type": event.kind, "subject": event.subject, "source": event.source, "time": event.time,
        },
        "record": record,
        "data": data,
    });
    for (index, notification) in wanted.into_iter().enumerate() {
        match message(&notification, &event.kind, &context) {
            Ok(None) => {}
            Ok(Some(message)) => {
                let key = format!("{}:{index}", event.id);
                let planned = Planned { key, channel: notification.channel, message };
                match jobs::Plan::new().key(&planned.key).enqueue(JOB, &planned) {
                    // larger than a job may be
                    Err(error @ Error::Invalid(_)) => not_made(&event.kind, &error.to_string()),
                    enqueued => drop(enqueued?),
                }
            }
            Err(error) => not_made(&event.kind, &error),
        }
    }
    Ok(())
}

/// One template that does not fit one event holds nothing else up.
fn not_made(kind: &str, error: &str) {
    log::error("a notification was not made", &[("type", kind), ("error", error)]);
}

/// The message; none if the filter does not want it.
fn message(notification: &Notification, kind: &str, context: &Value) -> Result<Option<Map<String, Value>>, String> {
    if let Some(filter) = &notification.filter
        && !template::holds(filter, context)?
    {
        return Ok(None);
    }
    let source = notification.template.as_deref().unwrap_or_else(|| template::standard(kind));
    let text = template::render(source, context)?;
    if text.trim().is_empty() {
        return Ok(None);
    }
    let mut message = Map::new();
    message.insert("text".to_owned(), Value::String(text));
    if let Some(blocks) = &notification.blocks {
        let blocks = blocks.iter().map(|block| template::render_texts(&block.0, context));
        message.insert("blocks".to_owned(), Value::Array(blocks.collect::<Result<_, _>>()?));
    }
    Ok(Some(message))
}

/// Does the job of one message.
pub(crate) fn step(step: task::Step<Planned, ()>) -> Result<task::Next<(), Value>, Error> {
    match post(step.payload) {
        Ok(told) => Ok(task::Next::Done(told)),
        // Slack has said when: that is no failed try.
        Err(Error::RateLimited(wait)) => Ok(task::Next::LaterMs(wait)),
        Err(Error::Upstream(failure)) if failure.status == 429 => {
            Ok(task::Next::LaterMs(failure.retry_after_ms.unwrap_or(1_000)))
        }
        Err(error) => Err(error),
    }
}

/// Posts one message, unless it is known to be posted.
fn post(planned: Planned) -> Result<Value, Error> {
    let Planned { key, channel, mut message } = planned;
    let note = format!("posted:{key}");
    if kv::get(&note)?.is_some() {
        return Ok(json!({"posted": true, "repeat": true}));
    }
    let told = match channel {
        Some(channel) => {
            message.insert("channel".to_owned(), Value::String(channel));
            // Two messages with one id are one that Slack took twice.
            let metadata = json!({"event_type": "patchbay_notification", "event_payload": {"id": key}});
            message.insert("metadata".to_owned(), metadata);
            let posted = actions::post(&message)?;
            json!({"posted": true, "channel": posted.channel, "ts": posted.ts})
        }
        None => {
            incoming::post(&message)?;
            json!({"posted": true})
        }
    };
    kv::set(&note, b"1", Some(REMEMBERED), None)?;
    Ok(told)
}
