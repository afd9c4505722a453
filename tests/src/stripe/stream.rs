//! Meter events by the second version of the API: one at a time, or a hundred in a session of fifteen minutes. What is wrong
//! with an event of a stream is told later; what came before is left out without a word.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat};
use serde_json::{Value, json};

use super::{
    meter::{Taken, Told, take as take_event},
    refusal::Refusal,
    state::State,
};

/// How long a session is good, in seconds.
const SESSION: i64 = 15 * 60;

/// Events of one request.
const MOST: usize = 100;

fn rfc3339(time: i64) -> String {
    DateTime::from_timestamp(time, 0).expect("a time").to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Opens a session.
pub(super) fn open(state: &mut State) -> Value {
    let (id, token) = (state.next_id("mes_"), state.next_id("mestoken_"));
    let expires_at = state.now + SESSION;
    state.sessions.insert(token.clone(), expires_at);
    json!({
        "id": id, "object": "v2.billing.meter_event_session", "authentication_token": token, "created": rfc3339(state.now),
        "expires_at": rfc3339(expires_at), "livemode": false,
    })
}

/// Takes up to a hundred events of a session.
pub(super) fn take(state: &mut State, token: &str, body: &Value) -> Result<Value, Refusal> {
    if state.sessions.get(token).is_none_or(|until| *until <= state.now) {
        return Err(Refusal::new(401, "invalid_request_error", "The session has expired: make a new one.")
            .code("billing_meter_event_session_expired"));
    }
    let events = body["events"].as_array().filter(|events| (1..=MOST).contains(&events.len()));
    let events =
        events.ok_or_else(|| Refusal::request(format!("between 1 and {MOST} events")).code("invalid_fields"))?;
    let told = events.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    for one in told {
        let identifier = one.identifier.clone().unwrap_or_default();
        if let Err(refusal) = take_event(state, one) {
            let code = if refusal.word() == "timestamp_in_future" {
                "timestamp_in_future"
            } else {
                "timestamp_too_far_in_past"
            };
            super::meter::reject(state, &identifier, None, code);
        }
    }
    Ok(json!({}))
}

/// Takes one event.
pub(super) fn take_one(state: &mut State, body: &Value) -> Result<Value, Refusal> {
    let told = read(body)?;
    match take_event(state, told)? {
        Taken::Counted(identifier, timestamp) => Ok(json!({
            "object": "v2.billing.meter_event", "created": rfc3339(state.now), "event_name": body["event_name"],
            "identifier": identifier, "livemode": false, "payload": body["payload"], "timestamp": rfc3339(timestamp),
        })),
        Taken::Repeated(identifier) => {
            Err(Refusal::invalid("identifier", format!("An event already exists with identifier {identifier}.")))
        }
    }
}

fn read(event: &Value) -> Result<Told, Refusal> {
    let invalid = |what: &str| Refusal::request(what.to_owned()).code("invalid_fields");
    let name = event["event_name"].as_str().ok_or_else(|| invalid("event_name is a text"))?;
    let payload = event["payload"].as_object().ok_or_else(|| invalid("payload is an object"))?;
    let pairs = payload.iter().map(|(key, value)| {
        let text = value.as_str().ok_or_else(|| invalid("the values of payload are texts"))?;
        Ok::<_, Refusal>((key.clone(), text.to_owned()))
    });
    let time = |text: &str| DateTime::parse_from_rfc3339(text).map(|time| time.timestamp());
    Ok(Told {
        event_name: name.to_owned(),
        payload: pairs.collect::<Result<BTreeMap<_, _>, _>>()?,
        identifier: event["identifier"].as_str().map(str::to_owned),
        timestamp: event["timestamp"].as_str().map(time).transpose().map_err(|_| invalid("timestamp is RFC 3339"))?,
    })
}
