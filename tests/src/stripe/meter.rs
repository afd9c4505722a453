//! Billing meters: what was used, told event by event. An identifier counts once in 24 hours; what Stripe finds wrong only
//! when it processes an event is told by another event, and the first one counts for nothing.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};

use super::{
    list::Page,
    parameters::Parameters,
    refusal::Refusal,
    state::{CUSTOMER, METER, State, number, text},
};

/// How long an identifier is remembered, in seconds.
const REMEMBERED: i64 = 24 * 3600;

/// How old an event may be, in seconds.
const OLDEST: i64 = 35 * 86_400;

/// How far in the future it may be, in seconds.
const AHEAD: i64 = 300;

/// One event as it was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeterEvent {
    /// The meter's event name.
    pub event_name: String,
    /// The customer's id.
    pub customer: String,
    /// How much.
    pub value: i64,
    /// Once in 24 hours.
    pub identifier: String,
    /// When it was used, in Unix seconds.
    pub timestamp: i64,
    /// When it came, in Unix seconds.
    pub received_at: i64,
}

/// Why an event that was answered with success counts for nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedEvent {
    /// Of the event.
    pub identifier: String,
    /// Stripe's word for it, as in `meter_event_customer_not_found`.
    pub code: &'static str,
}

/// What came.
#[derive(Debug, Default)]
pub(super) struct Usage {
    events: Vec<MeterEvent>,
    /// When an identifier came last.
    seen: HashMap<String, i64>,
    pub(super) rejected: Vec<RejectedEvent>,
    pub(super) repeats: usize,
}

impl Usage {
    pub(super) fn events(&self) -> &[MeterEvent] {
        &self.events
    }

    /// Forgets one that was taken, as if it had been lost. False if there is none.
    pub(super) fn lose(&mut self, identifier: &str) -> bool {
        let before = self.events.len();
        self.events.retain(|event| event.identifier != identifier);
        self.events.len() < before
    }

    /// What a meter says of a customer from one time to another, the second not included.
    pub(super) fn of_meter(&self, meter: &Value, customer: &str, start: i64, end: i64) -> i64 {
        let name = text(meter, "event_name");
        let those = self.events.iter().filter(|event| event.event_name == name && event.customer == customer);
        let those = those.filter(|event| (start..end).contains(&event.timestamp));
        match text(&meter["default_aggregation"], "formula") {
            "sum" => those.map(|event| event.value).sum::<i64>().max(0),
            "count" => i64::try_from(those.count()).expect("a count"),
            _ => those.max_by_key(|event| event.timestamp).map_or(0, |event| event.value),
        }
    }

    fn has_any(&self, name: &str, customer: &str, start: i64, end: i64) -> bool {
        self.events.iter().any(|event| {
            event.event_name == name && event.customer == customer && (start..end).contains(&event.timestamp)
        })
    }
}

/// An event in a request.
pub(super) struct Told {
    pub(super) event_name: String,
    pub(super) payload: BTreeMap<String, String>,
    pub(super) identifier: Option<String>,
    pub(super) timestamp: Option<i64>,
}

/// What became of it.
pub(super) enum Taken {
    /// With the identifier and the time that it has.
    Counted(String, i64),
    /// This identifier came within the last 24 hours.
    Repeated(String),
}

/// Takes an event. An error is one that is told at once.
pub(super) fn take(state: &mut State, told: Told) -> Result<Taken, Refusal> {
    let identifier = told.identifier.unwrap_or_else(|| state.next_id("mevt_"));
    if identifier.is_empty() || identifier.chars().count() > 100 {
        return Err(Refusal::invalid("identifier", "between 1 and 100 characters"));
    }
    let now = state.now;
    let timestamp = told.timestamp.unwrap_or(now);
    if timestamp < now - OLDEST {
        let text = "The timestamp must be within the past 35 calendar days.";
        return Err(Refusal::invalid("timestamp", text).code("timestamp_too_far_in_past"));
    }
    if timestamp > now + AHEAD {
        let text = "The timestamp must be at most 5 minutes in the future.";
        return Err(Refusal::invalid("timestamp", text).code("timestamp_in_future"));
    }
    if state.usage.seen.get(&identifier).is_some_and(|at| now - at < REMEMBERED) {
        state.usage.repeats += 1;
        return Ok(Taken::Repeated(identifier));
    }
    state.usage.seen.insert(identifier.clone(), now);
    let meters: Vec<Value> =
        state.all(METER).filter(|meter| meter["event_name"] == *told.event_name).cloned().collect();
    let active = meters.iter().find(|meter| meter["status"] == "active");
    let Some(meter) = active else {
        reject(state, &identifier, None, if meters.is_empty() { "no_meter" } else { "archived_meter" });
        return Ok(Taken::Counted(identifier, timestamp));
    };
    let key = |settings: &str| text(&meter[settings], "event_payload_key");
    let customer = told.payload.get(key("customer_mapping"));
    let value = told.payload.get(key("value_settings"));
    let wrong = match (customer, value.map(|value| value.parse::<i64>())) {
        (None, _) => Some("meter_event_no_customer_defined"),
        (Some(customer), _) if state.named(CUSTOMER, customer, "payload").is_err() => {
            Some("meter_event_customer_not_found")
        }
        (_, Some(Err(_))) => Some("meter_event_invalid_value"),
        (_, None) if meter["default_aggregation"]["formula"] != "count" => Some("meter_event_invalid_value"),
        _ => None,
    };
    if let Some(code) = wrong {
        reject(state, &identifier, Some(meter), code);
        return Ok(Taken::Counted(identifier, timestamp));
    }
    state.usage.events.push(MeterEvent {
        event_name: told.event_name,
        customer: customer.cloned().unwrap_or_default(),
        value: value.and_then(|value| value.parse().ok()).unwrap_or(1),
        identifier: identifier.clone(),
        timestamp,
        received_at: now,
    });
    Ok(Taken::Counted(identifier, timestamp))
}

/// Tells by a thin notification that an event counts for nothing.
pub(super) fn reject(state: &mut State, identifier: &str, meter: Option<&Value>, code: &'static str) {
    state.usage.rejected.push(RejectedEvent { identifier: identifier.to_owned(), code });
    let id = state.next_id("evt_");
    let created = chrono::DateTime::from_timestamp(state.now, 0).expect("a time").to_rfc3339();
    let about = meter.map(|meter| {
        let id = text(meter, "id");
        json!({"id": id, "type": "billing.meter", "url": format!("/v1/billing/meters/{id}")})
    });
    let kind =
        if meter.is_some() { "v1.billing.meter.error_report_triggered" } else { "v1.billing.meter.no_meter_found" };
    let sample = json!({"error_message": code, "request": {"identifier": identifier}});
    let types = json!([{"code": code, "error_count": 1, "sample_errors": [sample]}]);
    state.events.push(json!({
        "id": id, "object": "v2.core.event", "type": kind, "created": created, "livemode": false, "context": null, "related_object": about,
        "reason": {"type": "request"},
        "data": {
            "developer_message_summary": code, "reason": {"error_count": 1, "error_types": types}, "validation_start": created,
            "validation_end": created,
        },
    }));
}

/// Finds out that one that counted is wrong: it counts no more, and a report says so. False if there is none.
pub(super) fn refuse_afterwards(state: &mut State, identifier: &str, code: &'static str) -> bool {
    let Some(name) = state.usage.events.iter().find(|event| event.identifier == identifier) else { return false };
    let name = name.event_name.clone();
    let meter = state.all(METER).find(|meter| meter["event_name"] == *name).cloned();
    state.usage.lose(identifier);
    reject(state, identifier, meter.as_ref(), code);
    true
}

pub(super) fn create_event(state: &mut State, _: &[&str], mut p: Parameters) -> Result<Value, Refusal> {
    let event_name = p.required("event_name")?;
    let payload = p.object("payload")?.ok_or_else(|| Refusal::missing("payload"))?.value();
    let pairs = payload.as_object().into_iter().flatten();
    let pair = |(name, value): (&String, &Value)| -> Result<(String, String), Refusal> {
        let text = value.as_str().ok_or_else(|| Refusal::invalid(&format!("payload[{name}]"), "Invalid string"))?;
        Ok((name.clone(), text.to_owned()))
    };
    let pairs: BTreeMap<String, String> = pairs.map(pair).collect::<Result<_, _>>()?;
    let told = Told {
        event_name: event_name.clone(),
        payload: pairs,
        identifier: p.text("identifier")?,
        timestamp: p.integer("timestamp")?,
    };
    p.finish()?;
    match take(state, told)? {
        Taken::Counted(identifier, timestamp) => Ok(json!({
            "object": "billing.meter_event", "created": state.now, "event_name": event_name, "identifier": identifier,
            "livemode": false, "payload": payload, "timestamp": timestamp,
        })),
        Taken::Repeated(identifier) => {
            Err(Refusal::invalid("identifier", format!("An event already exists with identifier {identifier}.")))
        }
    }
}

/// Takes an event back that came within 24 hours.
pub(super) fn adjust(state: &mut State, _: &[&str], mut p: Parameters) -> Result<Value, Refusal> {
    let event_name = p.required("event_name")?;
    if p.choice("type", &["cancel"])?.is_none() {
        return Err(Refusal::missing("type"));
    }
    let mut cancel = p.object("cancel")?.ok_or_else(|| Refusal::missing("cancel"))?;
    let identifier = cancel.required("identifier")?;
    cancel.finish()?;
    p.finish()?;
    let now = state.now;
    if state.usage.seen.get(&identifier).is_none_or(|at| now - at >= REMEMBERED) {
        return Err(Refusal::invalid("cancel[identifier]", "No event of the last 24 hours has this identifier."));
    }
    state.usage.lose(&identifier);
    Ok(json!({
        "object": "billing.meter_event_adjustment", "cancel": {"identifier": identifier}, "event_name": event_name,
        "livemode": false, "status": "pending", "type": "cancel",
    }))
}

pub(super) fn create(state: &mut State, _: &[&str], mut p: Parameters) -> Result<Value, Refusal> {
    let (display_name, event_name) = (p.required("display_name")?, p.required("event_name")?);
    let mut aggregation = p.object("default_aggregation")?.ok_or_else(|| Refusal::missing("default_aggregation"))?;
    let formula = aggregation.choice("formula", &["count", "last", "sum"])?;
    let formula = formula.ok_or_else(|| Refusal::missing("default_aggregation[formula]"))?;
    aggregation.finish()?;
    let mut customer_key = "stripe_customer_id".to_owned();
    if let Some(mut mapping) = p.object("customer_mapping")? {
        customer_key = mapping.required("event_payload_key")?;
        let _ = mapping.choice("type", &["by_id"])?;
        mapping.finish()?;
    }
    let mut value_key = "value".to_owned();
    if let Some(mut settings) = p.object("value_settings")? {
        value_key = settings.required("event_payload_key")?;
        settings.finish()?;
    }
    let window = p.choice("event_time_window", &["day", "hour"])?;
    p.finish()?;
    if state.all(METER).any(|meter| meter["event_name"] == *event_name && meter["status"] == "active") {
        return Err(Refusal::invalid("event_name", "An active meter already has this event name."));
    }
    let id = state.next_id(METER.prefix);
    state.put(json!({
        "id": id, "object": "billing.meter", "created": state.now, "customer_mapping": {"event_payload_key": customer_key, "type": "by_id"},
        "default_aggregation": {"formula": formula}, "display_name": display_name, "event_name": event_name, "event_time_window": window,
        "livemode": false, "status": "active", "status_transitions": {"deactivated_at": null}, "updated": state.now,
        "value_settings": {"event_payload_key": value_key},
    }));
    state.emit_of("billing.meter.created", &id);
    Ok(state.object(&id).clone())
}

pub(super) fn get(state: &mut State, ids: &[&str], p: Parameters) -> Result<Value, Refusal> {
    p.finish()?;
    state.find(METER, ids[0]).cloned()
}

pub(super) fn update(state: &mut State, ids: &[&str], mut p: Parameters) -> Result<Value, Refusal> {
    state.find(METER, ids[0])?;
    let name = p.text("display_name")?;
    p.finish()?;
    let now = state.now;
    state.change("billing.meter.updated", ids[0], |meter| {
        if let Some(name) = name {
            meter["display_name"] = json!(name);
            meter["updated"] = json!(now);
        }
    });
    Ok(state.object(ids[0]).clone())
}

pub(super) fn deactivate(state: &mut State, ids: &[&str], p: Parameters) -> Result<Value, Refusal> {
    state.find(METER, ids[0])?;
    p.finish()?;
    let now = state.now;
    state.change("billing.meter.deactivated", ids[0], |meter| {
        meter["status"] = json!("inactive");
        meter["status_transitions"]["deactivated_at"] = json!(now);
    });
    Ok(state.object(ids[0]).clone())
}

pub(super) fn reactivate(state: &mut State, ids: &[&str], p: Parameters) -> Result<Value, Refusal> {
    state.find(METER, ids[0])?;
    p.finish()?;
    state.change("billing.meter.reactivated", ids[0], |meter| {
        meter["status"] = json!("active");
        meter["status_transitions"]["deactivated_at"] = Value::Null;
    });
    Ok(state.object(ids[0]).clone())
}

pub(super) fn list(state: &mut State, _: &[&str], mut p: Parameters) -> Result<Value, Refusal> {
    let page = Page::read(&mut p)?;
    let status = p.choice("status", &["active", "inactive"])?;
    p.finish()?;
    let wanted = |meter: &&Value| status.is_none_or(|status| meter["status"] == status);
    page.of("/v1/billing/meters", state.all(METER).rev().filter(wanted))
}

/// What was used, as one sum or by hours or days (UTC). Windows without an event are left out.
pub(super) fn summaries(state: &mut State, ids: &[&str], mut p: Parameters) -> Result<Value, Refusal> {
    let meter = state.find(METER, ids[0])?.clone();
    let page = Page::read(&mut p)?;
    let customer = p.required("customer")?;
    state.named(CUSTOMER, &customer, "customer")?;
    let start = p.integer("start_time")?.ok_or_else(|| Refusal::missing("start_time"))?;
    let end = p.integer("end_time")?.ok_or_else(|| Refusal::missing("end_time"))?;
    let window = p.choice("value_grouping_window", &["day", "hour"])?;
    p.finish()?;
    let aligned = match window {
        None => 60,
        Some("hour") => 3600,
        Some(_) => 86_400,
    };
    for (param, time) in [("start_time", start), ("end_time", end)] {
        if time % aligned != 0 {
            return Err(Refusal::invalid(param, format!("It must be aligned to {aligned} seconds.")));
        }
    }
    if start >= end {
        return Err(Refusal::invalid("end_time", "It must be after start_time."));
    }
    let step = if window.is_some() { aligned } else { end - start };
    let (name, id) = (text(&meter, "event_name"), text(&meter, "id"));
    let mut windows = Vec::new();
    let mut from = start;
    while from < end {
        let to = from + step;
        if state.usage.has_any(name, &customer, from, to) {
            windows.push(json!({
                "id": format!("mtrusg_{from}"), "object": "billing.meter_event_summary",
                "aggregated_value": state.usage.of_meter(&meter, &customer, from, to), "end_time": to, "livemode": false,
                "meter": id, "start_time": from,
            }));
        }
        from = to;
    }
    windows.sort_by_key(|window| std::cmp::Reverse(number(window, "start_time")));
    page.of(&format!("/v1/billing/meters/{id}/event_summaries"), windows.iter())
}
