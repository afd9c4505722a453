//! Calls as state machines, and their recordings.

use std::sync::Arc;

use chrono::{Duration, SecondsFormat};
use patchbay_model::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    Leg, Outgoing, Shared, Stage, State, Tape,
    server::{Asked, Refusal, missing, paged},
};

/// For how long a command's id is remembered, in seconds.
const REMEMBERED_S: i64 = 60;

pub(super) fn time(at: Timestamp) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

fn ok() -> (u16, Value) {
    (200, json!({"data": {"result": "ok"}}))
}

fn ended_already() -> Refusal {
    Refusal(422, "90018", "Call has already ended".to_owned(), None)
}

/// True for a command that was done within the last minute; notes it.
fn is_repeat(state: &mut State, scope: &str, body: &Value, now: Timestamp) -> bool {
    let Some(id) = body["command_id"].as_str() else { return false };
    state.commands.retain(|(.., at)| (now - *at).num_seconds() < REMEMBERED_S);
    if state.commands.iter().any(|(own, known, _)| own == scope && known == id) {
        return true;
    }
    state.commands.push((scope.to_owned(), id.to_owned(), now));
    false
}

pub(super) fn serve(shared: &Arc<Shared>, asked: &Asked) -> Result<(u16, Value), Refusal> {
    let names: Vec<&str> = asked.segments.iter().map(String::as_str).collect();
    match (asked.method.as_str(), names.as_slice()) {
        ("POST", ["calls"]) => dial(shared, &asked.body),
        ("GET", ["calls", control]) => look(shared, control),
        ("POST", ["calls", control, "actions", name]) => command(shared, control, name, &asked.body),
        _ => Err(missing()),
    }
}

fn is_number(text: &str) -> bool {
    text.strip_prefix('+')
        .is_some_and(|rest| (7..=15).contains(&rest.len()) && rest.bytes().all(|b| b.is_ascii_digit()))
}

fn demand_number(body: &Value, name: &str) -> Result<String, Refusal> {
    let one = if body[name].is_array() { &body[name][0] } else { &body[name] };
    match one.as_str() {
        Some(number) if is_number(number) => Ok(number.to_owned()),
        _ => {
            let title = "Phone number must be in +E164 format".to_owned();
            Err(Refusal(422, "10016", title, Some(format!("/{name}"))))
        }
    }
}

/// `client_state` is base64.
fn demand_state(body: &Value) -> Result<(), Refusal> {
    use base64::{Engine as _, prelude::BASE64_STANDARD};
    match body["client_state"].as_str() {
        Some(text) if BASE64_STANDARD.decode(text).is_err() => {
            Err(Refusal(422, "10015", "client_state must be base64".to_owned(), Some("/client_state".to_owned())))
        }
        _ => Ok(()),
    }
}

fn dial(shared: &Arc<Shared>, body: &Value) -> Result<(u16, Value), Refusal> {
    let (to, from) = (demand_number(body, "to")?, demand_number(body, "from")?);
    demand_state(body)?;
    let connection = body["connection_id"].as_str().unwrap_or_default().to_owned();
    let now = shared.clock.now();
    let (control, shown) = {
        let mut state = shared.state.lock().unwrap();
        if !state.applications.contains_key(&connection) {
            return Err(Refusal(422, "10015", "No such connection".to_owned(), Some("/connection_id".to_owned())));
        }
        if is_repeat(&mut state, "account", body, now) {
            return Ok(ok());
        }
        let session = state.uuid();
        let control = begin(&mut state, &connection, &session, &from, &to, false, body["client_state"].as_str());
        let shown = shown(&control, &state.legs[&control]);
        (control, shown)
    };
    tell(shared, &control, "call.initiated", &json!({"direction": "outgoing", "state": "bridging"}));
    Ok((200, json!({"data": shown})))
}

fn begin(
    state: &mut State,
    connection: &str,
    session: &str,
    from: &str,
    to: &str,
    incoming: bool,
    client_state: Option<&str>,
) -> String {
    let leg = state.uuid();
    let control = format!("v3:{}_-{}", leg.replace('-', ""), state.sequence);
    let stage = if incoming { Stage::Parked } else { Stage::Ringing };
    let made = Leg {
        leg,
        session: session.to_owned(),
        from: from.to_owned(),
        to: to.to_owned(),
        incoming,
        connection: connection.to_owned(),
        client_state: client_state.map(str::to_owned),
        stage,
        answered_at: None,
        recorded_since: None,
    };
    state.legs.insert(control.clone(), made);
    control
}

fn shown(control: &str, leg: &Leg) -> Value {
    json!({
        "record_type": "call", "call_control_id": control, "call_leg_id": leg.leg, "call_session_id": leg.session,
        // Telnyx dials behind its answer
        "is_alive": leg.stage == Stage::Answered,
    })
}

fn look(shared: &Arc<Shared>, control: &str) -> Result<(u16, Value), Refusal> {
    let state = shared.state.lock().unwrap();
    let leg = state.legs.get(control).ok_or_else(unknown)?;
    Ok((200, json!({"data": shown(control, leg)})))
}

fn unknown() -> Refusal {
    Refusal(422, "90015", "Invalid Call Control ID".to_owned(), None)
}

fn command(shared: &Arc<Shared>, control: &str, name: &str, body: &Value) -> Result<(u16, Value), Refusal> {
    demand_state(body)?;
    let now = shared.clock.now();
    let leg = {
        let mut state = shared.state.lock().unwrap();
        let leg = state.legs.get(control).cloned().ok_or_else(unknown)?;
        if is_repeat(&mut state, control, body, now) {
            return Ok(ok());
        }
        if leg.stage == Stage::Ended {
            return Err(ended_already());
        }
        if let (Some(text), Some(kept)) = (body["client_state"].as_str(), state.legs.get_mut(control)) {
            kept.client_state = Some(text.to_owned());
        }
        leg
    };
    let takes_unanswered = matches!(name, "answer" | "reject" | "hangup" | "transfer");
    if leg.stage == Stage::Parked && !takes_unanswered {
        return Err(Refusal(422, "90034", "Call has not been answered".to_owned(), None));
    }
    match name {
        "answer" if leg.stage == Stage::Parked => answered(shared, control),
        "answer" => return Err(Refusal(422, "90020", "Call is answered already".to_owned(), None)),
        "reject" => ended(shared, control, "call_rejected", "callee"),
        "hangup" => ended(shared, control, "normal_clearing", "caller"),
        "transfer" => {
            let to = demand_number(body, "to")?;
            let new = {
                let mut state = shared.state.lock().unwrap();
                let states = body["target_leg_client_state"].as_str();
                begin(&mut state, &leg.connection, &leg.session, &leg.to, &to, false, states)
            };
            tell(shared, &new, "call.initiated", &json!({"direction": "outgoing", "state": "bridging"}));
        }
        "bridge" => {
            let other = body["call_control_id"].as_str().unwrap_or_default().to_owned();
            if !shared.state.lock().unwrap().legs.contains_key(&other) {
                return Err(unknown());
            }
            for one in [control, &other] {
                tell(shared, one, "call.bridged", &json!({}));
            }
        }
        "speak" => {
            tell(shared, control, "call.speak.started", &json!({}));
            tell(shared, control, "call.speak.ended", &json!({"status": "completed"}));
        }
        "record_start" => {
            let mut state = shared.state.lock().unwrap();
            state.legs.get_mut(control).expect("a leg").recorded_since = Some(now);
        }
        "record_stop" => saved(shared, control),
        "gather" | "gather_using_speak" | "gather_using_audio" | "gather_stop" | "playback_start" | "playback_stop"
        | "send_dtmf" => {}
        other => {
            shared.violation(format!("no command {other}"));
            return Err(missing());
        }
    }
    Ok(ok())
}

/// Somebody calls a number of the account.
pub(super) fn ring(shared: &Arc<Shared>, from: &str, to: &str) -> String {
    let control = {
        let mut state = shared.state.lock().unwrap();
        let owned = state.owned.values().find(|owned| owned.number == to && !owned.deleted);
        let connection = owned.and_then(|owned| owned.connection.clone()).expect("an application for the number");
        let session = state.uuid();
        begin(&mut state, &connection, &session, from, to, true, None)
    };
    tell(shared, &control, "call.initiated", &json!({"direction": "incoming", "state": "parked"}));
    control
}

pub(super) fn answered(shared: &Arc<Shared>, control: &str) {
    let now = shared.clock.now();
    {
        let mut state = shared.state.lock().unwrap();
        let leg = state.legs.get_mut(control).expect("a leg");
        leg.stage = Stage::Answered;
        leg.answered_at = Some(now);
    }
    tell(shared, control, "call.answered", &json!({"state": "answered"}));
}

/// Ends a leg, tells so, and what it cost.
pub(super) fn ended(shared: &Arc<Shared>, control: &str, cause: &str, source: &str) {
    let now = shared.clock.now();
    let (recorded, seconds) = {
        let mut state = shared.state.lock().unwrap();
        let leg = state.legs.get_mut(control).expect("a leg");
        leg.stage = Stage::Ended;
        let seconds = leg.answered_at.map_or(0, |at| (now - at).num_seconds());
        (leg.recorded_since.is_some(), seconds)
    };
    if recorded {
        saved(shared, control);
    }
    let more = json!({"state": "hangup", "hangup_cause": cause, "hangup_source": source, "sip_hangup_cause": "200"});
    tell(shared, control, "call.hangup", &more);
    let billed = (seconds + 59) / 60 * 60;
    let part = |name: &str, rate: f64| {
        let cost = format!("{:.4}", rate * (billed / 60) as f64);
        json!({"call_part": name, "cost": cost, "currency": "USD", "rate": format!("{rate:.5}"), "billed_duration_secs": billed})
    };
    let parts = [part("sip-trunking", 0.005), part("call-control", 0.002)];
    let cost = json!({"billed_duration_secs": billed, "cost_parts": parts, "total_cost": format!("{:.4}", 0.007 * (billed / 60) as f64), "status": "success"});
    tell(shared, control, "call.cost", &cost);
}

/// A recording is done: its file is there, with a link for ten minutes.
fn saved(shared: &Arc<Shared>, control: &str) {
    let now = shared.clock.now();
    let more = {
        let mut state = shared.state.lock().unwrap();
        let leg = state.legs.get_mut(control).expect("a leg");
        let since = leg.recorded_since.take().unwrap_or(now);
        let (leg_id, session) = (leg.leg.clone(), leg.session.clone());
        let id = state.uuid();
        let tape = Tape {
            leg: leg_id,
            session,
            control: control.to_owned(),
            started_at: time(since),
            ended_at: time(now),
            millis: (now - since).max(Duration::zero()).num_milliseconds(),
            bytes: format!("ID3 {id}").into_bytes(),
        };
        let url = link(&mut state, &id, now);
        let more = json!({
            "recording_urls": {"mp3": url}, "public_recording_urls": {}, "channels": "dual",
            "recording_started_at": tape.started_at, "recording_ended_at": tape.ended_at,
        });
        state.tapes.insert(id, tape);
        more
    };
    tell(shared, control, "call.recording.saved", &more);
}

/// A new link to a recording.
fn link(state: &mut State, id: &str, now: Timestamp) -> String {
    let name = state.uuid();
    let path = format!("/telephony-recorder-prod/account/{name}.mp3");
    state.links.insert(path.clone(), (id.to_owned(), now));
    format!("https://s3.amazonaws.com{path}?X-Amz-Expires=600")
}

pub(super) fn recordings(shared: &Arc<Shared>, asked: &Asked) -> Result<(u16, Value), Refusal> {
    let now = shared.clock.now();
    let mut state = shared.state.lock().unwrap();
    let names: Vec<&str> = asked.segments.iter().map(String::as_str).collect();
    let wanted: Vec<(String, Tape)> = state.tapes.iter().map(|(id, tape)| (id.clone(), tape.clone())).collect();
    let mut show = |id: &str, tape: &Tape| {
        let url = link(&mut state, id, now);
        json!({
            "record_type": "recording", "id": id, "status": "completed", "call_leg_id": tape.leg,
            "call_session_id": tape.session, "call_control_id": tape.control, "channels": "dual",
            "download_urls": {"mp3": url}, "duration_millis": tape.millis,
            "recording_started_at": tape.started_at, "recording_ended_at": tape.ended_at,
        })
    };
    match (asked.method.as_str(), names.as_slice()) {
        ("GET", ["recordings"]) => {
            let fits = |tape: &Tape| {
                [("leg", &tape.leg), ("session", &tape.session), ("control", &tape.control)].iter().all(
                    |(name, own)| {
                        asked.parameter(&format!("filter[call_{name}_id]")).is_none_or(|wanted| wanted == own.as_str())
                    },
                )
            };
            let found = wanted.iter().filter(|(_, tape)| fits(tape)).map(|(id, tape)| show(id, tape)).collect();
            Ok((200, paged(asked, found)?))
        }
        ("GET", ["recordings", id]) => {
            let (id, tape) = wanted.iter().find(|(own, _)| own == id).ok_or_else(missing)?;
            Ok((200, json!({"data": show(id, tape)})))
        }
        _ => Err(missing()),
    }
}

/// Has an event of a leg ready for the application's address.
pub(super) fn tell(shared: &Arc<Shared>, control: &str, kind: &str, more: &Value) {
    let now = shared.clock.now();
    let mut state = shared.state.lock().unwrap();
    let id = state.uuid();
    let leg = state.legs[control].clone();
    let mut payload = Map::new();
    for (name, value) in [
        ("call_leg_id", json!(leg.leg)),
        ("call_session_id", json!(leg.session)),
        ("connection_id", json!(leg.connection)),
        ("client_state", json!(leg.client_state)),
        ("from", json!(leg.from)),
        ("to", json!(leg.to)),
    ] {
        payload.insert(name.to_owned(), value);
    }
    // the contract has no such member in this one
    if kind != "call.recording.saved" {
        payload.insert("call_control_id".to_owned(), json!(control));
    }
    payload.insert("direction".to_owned(), json!(if leg.incoming { "incoming" } else { "outgoing" }));
    payload.extend(more.as_object().cloned().unwrap_or_default());
    let application = &state.applications[&leg.connection];
    let url = application["webhook_event_url"].as_str().unwrap_or_default().to_owned();
    if kind == "call.cost" && application["call_cost_in_webhooks"] != true {
        return;
    }
    let body = json!({
        "data": {"record_type": "event", "event_type": kind, "id": id, "occurred_at": time(now), "payload": payload},
        "meta": {"attempt": 1, "delivered_to": url},
    });
    state.outbox.push(Outgoing { url, media: "application/json", body: body.to_string() });
}
