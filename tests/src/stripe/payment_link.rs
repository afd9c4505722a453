//! Payment links: a checkout that anybody may open.

use serde_json::{Value, json};

use super::{
    checkout,
    list::{Page, whole},
    parameters::{Parameters, new_metadata},
    refusal::Refusal,
    state::{PAYMENT_LINK, PRICE, State, shown},
};

pub(super) fn create(state: &mut State, _: &[&str], mut p: Parameters) -> Result<Value, Refusal> {
    let items = checkout::read_line_items(state, &mut p)?;
    if items.is_empty() {
        return Err(Refusal::missing("line_items"));
    }
    let said = Said::read(&mut p)?;
    let (allow_promotion_codes, metadata) = (p.boolean("allow_promotion_codes")?, p.metadata()?);
    p.finish()?;
    let id = state.next_id(PAYMENT_LINK.prefix);
    let currency = state.named(PRICE, &items[0].price, "line_items[0][price]")?["currency"].clone();
    let lines = checkout::line_items(state, &items);
    state.put(json!({
        "id": id, "object": "payment_link", "active": true, "after_completion": {"hosted_confirmation": {"custom_message": null}, "type": "hosted_confirmation"},
        "allow_promotion_codes": allow_promotion_codes.unwrap_or(false), "billing_address_collection": "auto", "currency": currency,
        "customer_creation": "if_required", "inactive_message": null, "livemode": false, "metadata": new_metadata(metadata),
        "payment_method_collection": "always", "submit_type": "auto", "url": format!("https://buy.stripe.com/test_{id}"),
        "_line_items": lines,
    }));
    apply(state.object_mut(&id), said);
    state.emit_of("payment_link.created", &id);
    Ok(state.object(&id).clone())
}

pub(super) fn update(state: &mut State, ids: &[&str], mut p: Parameters) -> Result<Value, Refusal> {
    let before = state.find(PAYMENT_LINK, ids[0])?["metadata"].clone();
    let active = p.boolean("active")?;
    let said = Said::read(&mut p)?;
    let metadata = p.metadata()?;
    p.finish()?;
    state.change("payment_link.updated", ids[0], |link| {
        if let Some(active) = active {
            link["active"] = json!(active);
        }
        if let Some(metadata) = metadata {
            link["metadata"] = metadata.applied(&before);
        }
        apply(link, said);
    });
    Ok(state.object(ids[0]).clone())
}

pub(super) fn get(state: &mut State, ids: &[&str], p: Parameters) -> Result<Value, Refusal> {
    p.finish()?;
    state.find(PAYMENT_LINK, ids[0]).cloned()
}

pub(super) fn list(state: &mut State, _: &[&str], mut p: Parameters) -> Result<Value, Refusal> {
    let page = Page::read(&mut p)?;
    let active = p.boolean("active")?;
    p.finish()?;
    let wanted = |link: &&Value| active.is_none_or(|active| link["active"] == active);
    page.of("/v1/payment_links", state.all(PAYMENT_LINK).rev().filter(wanted))
}

pub(super) fn line_items(state: &mut State, ids: &[&str], p: Parameters) -> Result<Value, Refusal> {
    p.finish()?;
    let items = state.find(PAYMENT_LINK, ids[0])?["_line_items"].as_array().cloned().unwrap_or_default();
    Ok(whole(&format!("/v1/payment_links/{}/line_items", ids[0]), items.iter().map(shown).collect()))
}

/// What can be said at the creation and later.
struct Said {
    redirect: Option<String>,
    inactive_message: Option<String>,
}

impl Said {
    fn read(p: &mut Parameters) -> Result<Self, Refusal> {
        let mut redirect = None;
        if let Some(mut after) = p.object("after_completion")? {
            let kind = after.choice("type", &["hosted_confirmation", "redirect"])?;
            if let Some(mut to) = after.object("redirect")? {
                redirect = Some(to.required("url")?);
                to.finish()?;
            }
            if (kind == Some("redirect")) != redirect.is_some() {
                return Err(Refusal::missing("after_completion[redirect][url]"));
            }
            after.finish()?;
        }
        Ok(Self { redirect, inactive_message: p.text("inactive_message")? })
    }
}

fn apply(link: &mut Value, said: Said) {
    if let Some(url) = said.redirect {
        link["after_completion"] = json!({"redirect": {"url": url}, "type": "redirect"});
    }
    if let Some(message) = said.inactive_message {
        link["inactive_message"] = json!(message);
    }
}
