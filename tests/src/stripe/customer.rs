//! Customers.

use serde_json::{Value, json};

use super::{
    list::{Page, Times},
    parameters::{Parameters, new_metadata, nullable},
    payment,
    refusal::Refusal,
    state::{CUSTOMER, SUBSCRIPTION, State, text},
    subscription,
};

/// Texts that are kept as they are given.
const TEXTS: [&str; 4] = ["email", "name", "phone", "description"];

const ADDRESS: [&str; 6] = ["city", "country", "line1", "line2", "postal_code", "state"];

/// What a request says of a customer.
struct Said {
    members: Vec<(&'static str, Value)>,
    method: Option<String>,
}

impl Said {
    fn read(p: &mut Parameters, is_new: bool) -> Result<Self, Refusal> {
        let mut members = Vec::new();
        for name in TEXTS {
            if let Some(text) = p.text(name)? {
                if name == "email" && !text.is_empty() && !text.contains('@') {
                    return Err(
                        Refusal::invalid("email", format!("Invalid email address: {text}")).code("email_invalid")
                    );
                }
                members.push((name, nullable(text)));
            }
        }
        if let Some(mut address) = p.object("address")? {
            let mut kept = json!({});
            for name in ADDRESS {
                kept[name] = address.text(name)?.map_or(Value::Null, nullable);
            }
            address.finish()?;
            members.push(("address", kept));
        }
        if let Some(exempt) = p.choice("tax_exempt", &["", "exempt", "none", "reverse"])? {
            members.push(("tax_exempt", json!(if exempt.is_empty() { "none" } else { exempt })));
        }
        if p.has("preferred_locales") {
            members.push(("preferred_locales", json!(p.texts("preferred_locales")?)));
        }
        if let Some(balance) = p.integer("balance")? {
            members.push(("balance", json!(balance)));
        }
        // at the creation the method is attached by the same parameter that later only names a default
        let mut method = if is_new { p.text("payment_method")? } else { None };
        if let Some(mut settings) = p.object("invoice_settings")? {
            method = settings.text("default_payment_method")?.or(method);
            settings.finish()?;
        }
        if let Some(method) = &method {
            payment::check_method(method, "invoice_settings[default_payment_method]")?;
        }
        Ok(Self { members, method })
    }
}

pub(super) fn create(state: &mut State, _: &[&str], mut p: Parameters) -> Result<Value, Refusal> {
    let said = Said::read(&mut p, true)?;
    let metadata = p.metadata()?;
    p.finish()?;
    let id = state.next_id(CUSTOMER.prefix);
    let mut customer = json!({
        "id": id, "object": "customer", "address": null, "balance": 0, "created": state.now, "currency": null,
        "default_source": null, "delinquent": false, "description": null, "email": null,
        "invoice_prefix": &id[id.len() - 8..], "invoice_settings": {"custom_fields": null, "default_payment_method": null, "footer": null, "rendering_options": null},
        "livemode": false, "metadata": new_metadata(metadata), "name": null, "next_invoice_sequence": 1, "phone": null,
        "preferred_locales": [], "shipping": null, "tax_exempt": "none", "test_clock": null,
    });
    for (name, value) in said.members {
        customer[name] = value;
    }
    customer["invoice_settings"]["default_payment_method"] = said.method.map_or(Value::Null, nullable);
    state.put(customer);
    state.emit_of("customer.created", &id);
    Ok(state.object(&id).clone())
}

pub(super) fn update(state: &mut State, ids: &[&str], mut p: Parameters) -> Result<Value, Refusal> {
    let before = state.find(CUSTOMER, ids[0])?.clone();
    let said = Said::read(&mut p, false)?;
    let metadata = p.metadata()?;
    p.finish()?;
    state.change("customer.updated", ids[0], |customer| {
        for (name, value) in said.members {
            customer[name] = value;
        }
        if let Some(method) = said.method {
            customer["invoice_settings"]["default_payment_method"] = nullable(method);
        }
        if let Some(metadata) = metadata {
            customer["metadata"] = metadata.applied(&before["metadata"]);
        }
    });
    Ok(state.object(ids[0]).clone())
}

pub(super) fn get(state: &mut State, ids: &[&str], p: Parameters) -> Result<Value, Refusal> {
    p.finish()?;
    if state.deleted.contains(ids[0]) {
        return Ok(json!({"id": ids[0], "object": "customer", "deleted": true}));
    }
    state.find(CUSTOMER, ids[0]).cloned()
}

pub(super) fn list(state: &mut State, _: &[&str], mut p: Parameters) -> Result<Value, Refusal> {
    let page = Page::read(&mut p)?;
    let created = Times::read(&mut p, "created")?;
    let email = p.text("email")?;
    p.finish()?;
    let wanted = |customer: &&Value| {
        email.as_ref().is_none_or(|email| customer["email"] == **email)
            && customer["created"].as_i64().is_some_and(|time| created.holds(time))
    };
    page.of("/v1/customers", state.all(CUSTOMER).rev().filter(wanted))
}

/// Takes the customer away, and its subscriptions end at once.
pub(super) fn delete(state: &mut State, ids: &[&str], p: Parameters) -> Result<Value, Refusal> {
    let customer = state.find(CUSTOMER, ids[0])?.clone();
    p.finish()?;
    let those: Vec<String> = state
        .all(SUBSCRIPTION)
        .filter(|one| one["customer"] == ids[0] && !subscription::has_ended(one))
        .map(|one| text(one, "id").to_owned())
        .collect();
    for id in those {
        subscription::end(state, &id, "cancellation_requested");
    }
    state.deleted.insert(ids[0].to_owned());
    state.emit("customer.deleted", &customer, None);
    Ok(json!({"id": ids[0], "object": "customer", "deleted": true}))
}
