//! `expand[]`: ids that become the objects, and parts that are left out unless they are asked for.
//! <https://docs.stripe.com/api/expanding_objects>

use serde_json::{Value, json};

use super::{
    list,
    refusal::Refusal,
    state::{State, shown},
};

/// The deepest that Stripe goes.
const MAX_DEPTH: usize = 4;

/// Puts in what these paths name.
pub(super) fn expand(state: &State, answer: &mut Value, paths: &[String]) -> Result<(), Refusal> {
    for path in paths {
        let parts: Vec<&str> = path.split('.').collect();
        // in a list the first part is `data`
        if parts.iter().filter(|part| **part != "data").count() > MAX_DEPTH {
            let text = format!("You cannot expand more than {MAX_DEPTH} levels of a property: {path}");
            return Err(Refusal::invalid("expand", text).code("property_cannot_be_expanded"));
        }
        walk(state, answer, &parts, path)?;
    }
    Ok(())
}

fn walk(state: &State, value: &mut Value, parts: &[&str], path: &str) -> Result<(), Refusal> {
    let Some((first, rest)) = parts.split_first() else { return Ok(()) };
    if let Value::Array(items) = value {
        return items.iter_mut().try_for_each(|item| walk(state, item, parts, path));
    }
    let id = value["id"].as_str().unwrap_or_default().to_owned();
    let hidden = match (value["object"].as_str().unwrap_or_default(), *first) {
        ("invoice", "payments") => Some(list::whole("/v1/invoice_payments", payments(state, &id))),
        ("invoice", "confirmation_secret") => Some(confirmation_secret(state, &id)),
        ("checkout.session", "line_items") => Some(state.objects.get(&id).map_or(Value::Null, |session| {
            let items = session["_line_items"].as_array().cloned().unwrap_or_default();
            list::whole(&format!("/v1/checkout/sessions/{id}/line_items"), items.iter().map(shown).collect())
        })),
        ("payment_link", "line_items") => Some(state.objects.get(&id).map_or(Value::Null, |link| {
            let items = link["_line_items"].as_array().cloned().unwrap_or_default();
            list::whole(&format!("/v1/payment_links/{id}/line_items"), items.iter().map(shown).collect())
        })),
        ("price", "tiers") => Some(state.objects.get(&id).map_or(Value::Null, |price| price["_tiers"].clone())),
        _ => None,
    };
    let cannot = || {
        Refusal::invalid("expand", format!("This property cannot be expanded ({path})."))
            .code("property_cannot_be_expanded")
    };
    let Some(members) = value.as_object_mut() else { return Ok(()) };
    if let Some(hidden) = hidden {
        members.insert((*first).to_owned(), hidden);
    }
    let Some(member) = members.get_mut(*first) else { return Err(cannot()) };
    if let Value::String(id) = member {
        let Some(object) = state.objects.get(id.as_str()) else { return Err(cannot()) };
        *member = shown(object);
    } else if rest.is_empty() && !(member.is_null() || member.is_object() || member.is_array()) {
        return Err(cannot());
    }
    if member.is_null() { Ok(()) } else { walk(state, member, rest, path) }
}

fn payments(state: &State, invoice: &str) -> Vec<Value> {
    let payments = state.objects.get(invoice).and_then(|invoice| invoice["_payments"].as_array());
    payments.into_iter().flatten().map(shown).collect()
}

fn confirmation_secret(state: &State, invoice: &str) -> Value {
    let intent = state.objects.get(invoice).and_then(|invoice| invoice["_payment_intent"].as_str());
    let secret = intent.map(|intent| state.object(intent)["client_secret"].clone());
    secret.map_or(Value::Null, |secret| json!({"client_secret": secret, "type": "payment_intent"}))
}
