//! Numbers: offered, ordered behind the answer, owned; and the applications that answer them.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    Offer, Order, Outgoing, Owned, Shared, State, calls,
    server::{Asked, Refusal, missing, paged},
};

pub(super) fn serve(shared: &Arc<Shared>, asked: &Asked) -> Result<(u16, Value), Refusal> {
    let names: Vec<&str> = asked.segments.iter().map(String::as_str).collect();
    let now = calls::time(shared.clock.now());
    let mut state = shared.state.lock().unwrap();
    match (asked.method.as_str(), names.as_slice()) {
        ("GET", ["available_phone_numbers"]) => available(&state, asked),
        ("POST", ["number_orders"]) => order(&mut state, &asked.body, &now),
        ("GET", ["number_orders"]) => {
            let reference = asked.parameter("filter[customer_reference]");
            let wanted = |order: &Order| reference.is_none_or(|reference| reference == order.reference);
            let found = state.orders.iter().filter(|(_, order)| wanted(order));
            let found = found.map(|(id, order)| shown_order(id, order, &now)).collect();
            Ok((200, paged(asked, found)?))
        }
        ("GET", ["number_orders", id]) => {
            let order = state.orders.get(*id).ok_or_else(missing)?;
            Ok((200, json!({"data": shown_order(id, order, &now)})))
        }
        ("GET", ["phone_numbers"]) => {
            let (number, connection, tag) = (
                asked.parameter("filter[phone_number]"),
                asked.parameter("filter[connection_id]"),
                asked.parameter("filter[tag]"),
            );
            let wanted = |owned: &Owned| {
                !owned.deleted
                    // as Telnyx: parts will do
                    && number.is_none_or(|number| owned.number.contains(number.trim_start_matches('+')))
                    && connection.is_none_or(|connection| owned.connection.as_deref() == Some(connection))
                    && tag.is_none_or(|tag| owned.tags.iter().any(|own| own == tag))
            };
            let found = state.owned.iter().filter(|(_, owned)| wanted(owned));
            let found = found.map(|(id, owned)| shown(id, owned, &now)).collect();
            Ok((200, paged(asked, found)?))
        }
        (method, ["phone_numbers", id]) => {
            let owned = state.owned.get_mut(*id).filter(|owned| !owned.deleted).ok_or_else(missing)?;
            match method {
                "GET" => {}
                "PATCH" => {
                    if let Some(connection) = asked.body["connection_id"].as_str() {
                        owned.connection = Some(connection.to_owned());
                    }
                    if let Some(tags) = asked.body["tags"].as_array() {
                        owned.tags = tags.iter().filter_map(Value::as_str).map(str::to_owned).collect();
                    }
                }
                "DELETE" => owned.deleted = true,
                _ => return Err(missing()),
            }
            Ok((200, json!({"data": shown(id, owned, &now)})))
        }
        _ => Err(missing()),
    }
}

fn available(state: &State, asked: &Asked) -> Result<(u16, Value), Refusal> {
    if asked.parameter("filter[country_code]") != Some("US") {
        return Ok((200, json!({"data": [], "meta": {"total_results": 0, "best_effort_results": 0}})));
    }
    let limit: usize = asked.parameter("filter[limit]").map_or(Ok(100), str::parse).unwrap_or(0);
    if limit == 0 {
        return Err(Refusal(400, "10015", "Bad Request".to_owned(), Some("?filter[limit]".to_owned())));
    }
    let strict = asked.parameter("filter[best_effort]") == Some("false");
    let area = asked.parameter("filter[national_destination_code]");
    let digits = asked.parameter("filter[phone_number][contains]");
    let fits = |offer: &&Offer| {
        area.is_none_or(|area| offer.number.get(2..).is_some_and(|rest| rest.starts_with(area)))
            && digits.is_none_or(|digits| offer.number.contains(digits))
    };
    let (mut found, others): (Vec<_>, Vec<_>) = state.offers.iter().partition(fits);
    // by itself Telnyx fills up with what is only like it
    let liked = found.len();
    if !strict {
        found.extend(others);
    }
    let data: Vec<Value> = found
        .iter()
        .take(limit)
        .enumerate()
        .map(|(index, offer)| {
            json!({
                "record_type": "available_phone_number", "phone_number": offer.number, "vanity_format": "",
                "best_effort": index >= liked, "quickship": true, "reservable": true,
                "features": [{"name": "sms"}, {"name": "voice"}],
                "cost_information": {"currency": "USD", "monthly_cost": offer.monthly, "upfront_cost": offer.upfront},
                "region_information": [{"region_type": "country_code", "region_name": "US"}],
            })
        })
        .collect();
    let meta = json!({"total_results": data.len(), "best_effort_results": 0});
    Ok((200, json!({"data": data, "meta": meta, "metadata": meta})))
}

fn order(state: &mut State, body: &Value, now: &str) -> Result<(u16, Value), Refusal> {
    let number = body["phone_numbers"][0]["phone_number"].as_str().unwrap_or_default().to_owned();
    let Some(place) = state.offers.iter().position(|offer| offer.number == number) else {
        let title = "The phone number is not available".to_owned();
        return Err(Refusal(400, "10015", title, Some("/phone_numbers".to_owned())));
    };
    state.offers.remove(place);
    let id = state.uuid();
    let order = Order {
        number,
        reference: body["customer_reference"].as_str().unwrap_or_default().to_owned(),
        connection: body["connection_id"].as_str().map(str::to_owned),
        status: "pending",
    };
    let shown = shown_order(&id, &order, now);
    state.orders.insert(id, order);
    Ok((200, json!({"data": shown})))
}

fn shown_order(id: &str, order: &Order, now: &str) -> Value {
    json!({
        "record_type": "number_order", "id": id, "status": order.status, "customer_reference": order.reference,
        "connection_id": order.connection, "phone_numbers_count": 1, "requirements_met": true, "created_at": now,
        // not the number's own id
        "phone_numbers": [{"id": id, "phone_number": order.number, "status": order.status}],
    })
}

fn shown(id: &str, owned: &Owned, now: &str) -> Value {
    json!({
        "record_type": "phone_number", "id": id, "phone_number": owned.number, "country_iso_alpha2": "US",
        "status": if owned.deleted { "deleted" } else { "active" }, "connection_id": owned.connection,
        "tags": owned.tags, "phone_number_type": "local", "purchased_at": now, "created_at": now,
        "external_pin": null, "deletion_lock_enabled": false,
    })
}

/// Does all orders that wait, and has the event of each ready.
pub(super) fn complete(shared: &Arc<Shared>, succeed: bool, notify: &str) {
    let now = calls::time(shared.clock.now());
    let mut state = shared.state.lock().unwrap();
    let waiting: Vec<String> =
        state.orders.iter().filter(|(_, order)| order.status == "pending").map(|(id, _)| id.clone()).collect();
    for id in waiting {
        let order = state.orders.get_mut(&id).expect("an order");
        order.status = if succeed { "success" } else { "failure" };
        let order = order.clone();
        if succeed {
            let number = state.digits();
            let owned = Owned {
                number: order.number.clone(),
                connection: order.connection.clone(),
                tags: Vec::new(),
                deleted: false,
            };
            state.owned.insert(number, owned);
        }
        let event = state.uuid();
        let body = json!({
            "data": {
                "record_type": "event", "event_type": "number_order.complete", "id": event, "occurred_at": now,
                "payload": shown_order(&id, &order, &now),
            },
            "meta": {"attempt": 1, "delivered_to": notify},
        });
        state.outbox.push(Outgoing { url: notify.to_owned(), media: "application/json", body: body.to_string() });
    }
}

pub(super) fn applications(shared: &Arc<Shared>, asked: &Asked) -> Result<(u16, Value), Refusal> {
    let names: Vec<&str> = asked.segments.iter().map(String::as_str).collect();
    let mut state = shared.state.lock().unwrap();
    let kind = names.first().copied().unwrap_or_default();
    let record = kind.trim_end_matches('s').to_owned();
    match (asked.method.as_str(), names.as_slice()) {
        ("GET", [_]) => {
            let found = state.applications.values().filter(|one| one["record_type"] == record.as_str());
            let found = found.cloned().collect();
            Ok((200, paged(asked, found)?))
        }
        ("POST", [_]) => {
            let id = state.digits();
            let mut made = asked.body.clone();
            made["id"] = json!(id);
            made["record_type"] = json!(record);
            if kind == "call_control_applications" && made["webhook_api_version"] != "2" {
                state.violations.push("a Call Control application with webhooks of version 1".to_owned());
            }
            state.applications.insert(id, made.clone());
            Ok((201, json!({"data": made})))
        }
        ("PATCH", [_, id]) => {
            let there = state.applications.get_mut(*id).ok_or_else(missing)?;
            let (Some(members), Some(changes)) = (there.as_object_mut(), asked.body.as_object()) else {
                return Err(missing());
            };
            members.extend(changes.clone());
            Ok((200, json!({"data": there})))
        }
        ("GET", [_, id]) => {
            let there = state.applications.get(*id).ok_or_else(missing)?;
            Ok((200, json!({"data": there})))
        }
        _ => Err(missing()),
    }
}
