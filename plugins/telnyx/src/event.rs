//! Telnyx' JSON events (version 2): which calls they are about, and which facts they tell.

use patchbay_sdk::clock::Timestamp;
use patchbay_sdk::{Error, events};
use patchbay_telephony::fold::{About, AnsweredBy, Cause, Direction, Fact, What};
use patchbay_telephony::money::Money;
use patchbay_telephony::phone::Party;
use patchbay_telephony::time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::calls::Work;
use crate::recording::Saved;

/// Events that are published as they are, below `telnyx.`. What is not here is nothing to this connector.
const PUBLISHED: [&str; 23] = [
    "call.initiated",
    "call.answered",
    "call.bridged",
    "call.hangup",
    "call.dtmf.received",
    "call.gather.ended",
    "call.speak.started",
    "call.speak.ended",
    "call.playback.started",
    "call.playback.ended",
    "call.machine.detection.ended",
    "call.machine.greeting.ended",
    "call.machine.premium.detection.ended",
    "call.machine.premium.greeting.ended",
    "call.recording.saved",
    "call.recording.error",
    "call.cost",
    "call.hold",
    "call.unhold",
    "call.enqueued",
    "call.dequeued",
    "call.refer.completed",
    "call.refer.failed",
];

#[derive(Deserialize)]
struct Envelope {
    data: Event,
}

/// One event.
#[derive(Debug, Deserialize)]
pub(crate) struct Event {
    pub(crate) id: String,
    #[serde(rename = "event_type")]
    pub(crate) kind: String,
    #[serde(default)]
    occurred_at: Option<String>,
    #[serde(default)]
    payload: Value,
}

/// The data of the events `telnyx.call.*`.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "TelnyxEvent")]
pub(crate) struct Published<'a> {
    /// Telnyx' id of it.
    id: &'a str,
    /// Telnyx' name for its kind, as `call.gather.ended`.
    event_type: &'a str,
    /// When it happened.
    occurred_at: Option<&'a str>,
    /// For commands on the call.
    call_control_id: Option<&'a str>,
    /// Of the leg.
    call_leg_id: Option<&'a str>,
    /// Of all legs together.
    call_session_id: Option<&'a str>,
    /// All that Telnyx says of it, but for links to recordings.
    payload: &'a Value,
}

impl Event {
    /// Reads a body; the error says what it is not.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, String> {
        let Envelope { mut data } =
            serde_json::from_slice(body).map_err(|error| format!("nothing of Telnyx: {error}"))?;
        if data.id.is_empty() || data.id.len() > 256 {
            return Err("nothing of Telnyx: an event's id has 1 to 256 bytes".to_owned());
        }
        if data.payload.is_null() {
            data.payload = Value::Object(serde_json::Map::new());
        }
        Ok(data)
    }

    /// When it happened.
    pub(crate) fn occurred_at(&self) -> Option<Timestamp> {
        self.occurred_at.as_deref().and_then(time::parse)
    }

    /// What Telnyx says of it.
    pub(crate) fn payload(&self) -> &Value {
        &self.payload
    }

    /// Publishes it under its own name, once for its id. Nothing for a kind that is not known here.
    pub(crate) fn publish(&self) -> Result<(), Error> {
        if !PUBLISHED.contains(&self.kind.as_str()) {
            return Ok(());
        }
        let mut payload = self.payload.clone();
        if let Some(members) = payload.as_object_mut() {
            // each opens the recording for whoever has it
            members.retain(|name, _| name != "recording_urls" && name != "public_recording_urls");
        }
        let published = Published {
            id: &self.id,
            event_type: &self.kind,
            occurred_at: self.occurred_at.as_deref(),
            call_control_id: self.text("call_control_id"),
            call_leg_id: self.text("call_leg_id"),
            call_session_id: self.text("call_session_id"),
            payload: &payload,
        };
        let subject = published.call_session_id.or(published.call_leg_id).unwrap_or_default();
        events::publish(&format!("telnyx.{}", self.kind), subject, &published, Some(&self.id))?;
        Ok(())
    }

    /// What it tells of a call; nothing if it is about none, or tells nothing.
    pub(crate) fn work(&self) -> Option<Work> {
        let session = self.text("call_session_id")?;
        let leg = self.text("call_leg_id").or_else(|| self.text("call_control_id"))?;
        let told: Vec<(String, What)> = match self.kind.as_str() {
            "call.initiated" => vec![("initiated".to_owned(), What::Initiated)],
            "call.answered" => vec![("answered".to_owned(), What::Answered)],
            "call.bridged" => vec![("bridged".to_owned(), What::Bridged { with: None })],
            "call.hangup" => vec![("ended".to_owned(), self.ended())],
            "call.machine.detection.ended" | "call.machine.premium.detection.ended" => {
                vec![("detected".to_owned(), What::Detected { by: self.answered_by() })]
            }
            "call.cost" => self.costs(),
            "call.recording.saved" => {
                let saved = self.saved()?;
                vec![(format!("recording/{}", saved.id()), What::Recorded(saved.fact()))]
            }
            _ => Vec::new(),
        };
        let facts = told.into_iter().map(|(name, what)| Fact {
            id: format!("{leg}/{name}"),
            leg: leg.to_owned(),
            session: Some(session.to_owned()),
            at: self.occurred_at(),
            sequence: None,
            about: self.about(),
            what,
        });
        let facts: Vec<_> = facts.collect();
        (!facts.is_empty()).then(|| Work { call: session.to_owned(), facts })
    }

    /// The recording that can be fetched.
    pub(crate) fn saved(&self) -> Option<Saved> {
        if self.kind != "call.recording.saved" {
            return None;
        }
        let url = |format: &str| self.payload.pointer(&format!("/recording_urls/{format}"))?.as_str();
        let (url, content_type) =
            url("mp3").map(|url| (url, "audio/mpeg")).or_else(|| url("wav").map(|url| (url, "audio/wav"))).unzip();
        let time = |name: &str| self.text(name).and_then(time::parse);
        Some(Saved {
            call: self.text("call_session_id")?.to_owned(),
            leg: self.text("call_leg_id").map(str::to_owned),
            control: self.text("call_control_id").map(str::to_owned),
            recording: self.text("recording_id").map(str::to_owned),
            found: None,
            started_at: time("recording_started_at"),
            ended_at: time("recording_ended_at"),
            duration_s: None,
            channels: self.text("channels").map(|channels| if channels == "dual" { 2 } else { 1 }),
            url: url.map(str::to_owned),
            content_type: content_type.map(str::to_owned),
            told_at: self.occurred_at(),
        })
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.payload.get(name)?.as_str().filter(|text| !text.is_empty())
    }

    fn about(&self) -> Option<About> {
        let direction = match self.text("direction") {
            Some("incoming" | "inbound") => Some(Direction::Inbound),
            Some("outgoing" | "outbound") => Some(Direction::Outbound),
            _ => None,
        };
        let party = |name: &str| self.text(name).map(Party::read);
        let about = About {
            direction,
            from: party("from"),
            to: party("to"),
            from_name: self.text("caller_id_name").map(str::to_owned),
            parent: None,
        };
        (about != About::default()).then_some(about)
    }

    fn ended(&self) -> What {
        let word = self.text("hangup_cause");
        What::Ended { cause: cause(word.unwrap_or_default()), reason: word.map(str::to_owned), duration_s: None }
    }

    fn answered_by(&self) -> AnsweredBy {
        match self.text("result") {
            Some(word) if word.starts_with("human") => AnsweredBy::Human,
            Some("machine") => AnsweredBy::Machine,
            Some("fax_detected") => AnsweredBy::Fax,
            _ => AnsweredBy::Unknown,
        }
    }

    /// One for each part: each has its currency, the sum has none.
    fn costs(&self) -> Vec<(String, What)> {
        let parts = self.payload.get("cost_parts").and_then(Value::as_array).into_iter().flatten();
        let cost = |(index, part): (usize, &Value)| {
            let text = |name: &str| part.get(name).and_then(Value::as_str);
            let money = Money::cost(text("cost")?, text("currency")?)?;
            Some((format!("cost/{index}/{}", text("call_part").unwrap_or_default()), What::Cost { money }))
        };
        parts.enumerate().filter_map(cost).collect()
    }
}

/// What Telnyx' word for the end of a call means.
pub(crate) fn cause(word: &str) -> Cause {
    match word {
        "user_busy" => Cause::Busy,
        "no_answer" | "timeout" => Cause::NoAnswer,
        "originator_cancel" => Cause::Canceled,
        "call_rejected" => Cause::Rejected,
        "not_found" => Cause::Failed,
        // `normal_clearing`, `time_limit`, `unspecified`: whether it was answered is told apart
        _ => Cause::Cleared,
    }
}
