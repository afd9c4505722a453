//! Checkout sessions: a page on which somebody pays, good for a day.

use serde_json::{Value, json};

use super::{
    line::product_name,
    list::{Page, whole},
    money::cost,
    parameters::{Parameters, new_metadata},
    payment,
    refusal::Refusal,
    state::{CHECKOUT, CUSTOMER, PRICE, State, number, shown, text},
    subscription::{self, Begun, Wanted, read_trial},
};

const DAY: i64 = 86_400;

/// A price on the page.
#[derive(Debug, Clone)]
pub(super) struct LineItem {
    pub(super) price: String,
    pub(super) quantity: Option<i64>,
}

pub(super) fn read_line_items(state: &State, p: &mut Parameters) -> Result<Vec<LineItem>, Refusal> {
    let mut items = Vec::new();
    for mut item in p.list("line_items")? {
        let price = item.required("price")?;
        let found = state.named(PRICE, &price, &item.name("price"))?;
        let quantity = item.amount("quantity")?;
        let is_metered = found["recurring"]["usage_type"] == "metered";
        if is_metered == quantity.is_some() {
            let text = if is_metered { "A metered price has no quantity." } else { "Quantity is required." };
            return Err(Refusal::invalid(&item.name("quantity"), text));
        }
        item.finish()?;
        items.push(LineItem { price, quantity });
    }
    Ok(items)
}

pub(super) fn line_items(state: &mut State, items: &[LineItem]) -> Vec<Value> {
    let line = |item: &LineItem| {
        let id = state.next_id("li_");
        let price = state.object(&item.price);
        let amount = item.quantity.map_or(0, |quantity| cost(price, quantity));
        json!({
            "id": id, "object": "item", "amount_discount": 0, "amount_subtotal": amount, "amount_tax": 0, "amount_total": amount,
            "currency": price["currency"], "description": product_name(state, price), "price": price, "quantity": item.quantity,
        })
    };
    items.iter().map(line).collect()
}

pub(super) fn create(state: &mut State, _: &[&str], mut p: Parameters) -> Result<Value, Refusal> {
    let Some(mode) = p.choice("mode", &["payment", "subscription"])? else { return Err(Refusal::missing("mode")) };
    let items = read_line_items(state, &mut p)?;
    if items.is_empty() {
        return Err(Refusal::missing("line_items"));
    }
    let recurs = |item: &LineItem| !state.object(&item.price)["recurring"].is_null();
    if items.iter().any(|item| recurs(item) != (mode == "subscription")) {
        let text = "the simulator takes recurring prices alone in mode subscription, and none of them in mode payment";
        return Err(Refusal::invalid("line_items", text));
    }
    let (customer, email) = (p.text("customer")?, p.text("customer_email")?);
    if let Some(customer) = &customer {
        state.named(CUSTOMER, customer, "customer")?;
        if email.is_some() {
            return Err(Refusal::request("You may only specify one of these parameters: customer, customer_email."));
        }
    }
    let success_url = p.required("success_url")?;
    let cancel_url = p.text("cancel_url")?;
    for (param, url) in [("success_url", Some(&success_url)), ("cancel_url", cancel_url.as_ref())] {
        if url.is_some_and(|url| !(url.starts_with("https://") || url.starts_with("http://"))) {
            return Err(Refusal::invalid(param, "Not a valid URL").code("url_invalid"));
        }
    }
    let reference = p.text("client_reference_id")?;
    if reference.as_ref().is_some_and(|reference| reference.chars().count() > 200) {
        return Err(Refusal::invalid("client_reference_id", "at most 200 characters"));
    }
    let about = p.object("subscription_data")?.map(|data| read_subscription_data(state, data)).transpose()?;
    if about.is_some() && mode != "subscription" {
        return Err(Refusal::invalid("subscription_data", "You can not pass subscription_data in payment mode."));
    }
    let expires_at = p.integer("expires_at")?.unwrap_or(state.now + DAY);
    if !(state.now + 1800..=state.now + DAY).contains(&expires_at) {
        return Err(Refusal::invalid("expires_at", "between 30 minutes and 24 hours from now"));
    }
    let codes = p.boolean("allow_promotion_codes")?;
    let collection = p.choice("payment_method_collection", &["always", "if_required"])?;
    let _ = p.choice("ui_mode", &["hosted_page"])?;
    let _ = p.choice("billing_address_collection", &["auto", "required"])?;
    let locale = p.text("locale")?;
    for name in ["automatic_tax", "tax_id_collection"] {
        if let Some(mut setting) = p.object(name)? {
            let _ = setting.boolean("enabled")?;
            setting.finish()?;
        }
    }
    let metadata = p.metadata()?;
    p.finish()?;
    let id = state.next_id(CHECKOUT.prefix);
    let lines = line_items(state, &items);
    let on_trial = about.as_ref().is_some_and(|about| !about["trial_end"].is_null());
    let total: i64 = if on_trial { 0 } else { lines.iter().map(|line| number(line, "amount_total")).sum() };
    let currency = lines[0]["currency"].clone();
    state.put(json!({
        "id": id, "object": "checkout.session", "allow_promotion_codes": codes, "amount_subtotal": total, "amount_total": total,
        "automatic_tax": {"enabled": false, "liability": null, "status": null}, "billing_address_collection": null,
        "cancel_url": cancel_url, "client_reference_id": reference, "client_secret": null, "created": state.now, "currency": currency,
        "customer": customer, "customer_creation": null, "customer_details": null, "customer_email": email, "expires_at": expires_at,
        "invoice": null, "livemode": false, "locale": locale, "metadata": new_metadata(metadata), "mode": mode, "payment_intent": null,
        "payment_link": null, "payment_method_collection": collection.unwrap_or("always"), "payment_method_types": ["card"],
        "payment_status": "unpaid", "status": "open", "submit_type": null, "subscription": null, "success_url": success_url,
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0}, "ui_mode": "hosted_page",
        "url": format!("https://checkout.stripe.com/c/pay/{id}"), "_line_items": lines, "_about": about,
    }));
    Ok(state.object(&id).clone())
}

fn read_subscription_data(state: &State, mut p: Parameters) -> Result<Value, Refusal> {
    let (trial_end, without_method) = read_trial(state, &mut p)?;
    let (description, metadata) = (p.text("description")?, p.metadata()?);
    let _ = p.choice("proration_behavior", &["create_prorations", "none"])?;
    if let Some(mut mode) = p.object("billing_mode")? {
        let _ = mode.choice("type", &["classic", "flexible"])?;
        mode.finish()?;
    }
    p.finish()?;
    Ok(json!({
        "trial_end": trial_end, "without_method": without_method, "description": description, "metadata": new_metadata(metadata),
    }))
}

/// What somebody does on the page: pays with this method. The session stays open if the bank refuses.
pub(super) fn complete(state: &mut State, id: &str, method: &str) -> Result<(), Refusal> {
    payment::check_method(method, "payment_method")?;
    let session = state.find(CHECKOUT, id)?.clone();
    if session["status"] != "open" {
        return Err(Refusal::request(format!("This session is {}.", text(&session, "status"))));
    }
    if method == payment::FAILING && number(&session, "amount_total") > 0 {
        return Err(Refusal::card("generic_decline"));
    }
    let customer = match session["customer"].as_str() {
        Some(customer) => customer.to_owned(),
        None => {
            let email = session["customer_email"].as_str().unwrap_or("guest@example.com");
            let made = super::customer::create(state, &[], Parameters::of(&json!({"email": email})))?;
            text(&made, "id").to_owned()
        }
    };
    let mut done = json!({"customer": customer, "status": "complete", "url": null});
    if session["mode"] == "subscription" {
        let subscription = begin(state, &session, &customer, method)?;
        done["invoice"] = state.object(&subscription)["latest_invoice"].clone();
        done["subscription"] = json!(subscription);
    } else {
        let (amount, currency) = (number(&session, "amount_total"), text(&session, "currency"));
        let intent = payment::intend(state, &customer, amount, currency);
        payment::take(state, &intent, Some(method))?;
        done["payment_intent"] = json!(intent);
    }
    let is_free = number(&session, "amount_total") == 0;
    done["payment_status"] = json!(if is_free { "no_payment_required" } else { "paid" });
    let holder = state.object(&customer);
    done["customer_details"] = json!({
        "address": holder["address"], "email": holder["email"], "name": holder["name"], "phone": holder["phone"],
        "tax_exempt": "none", "tax_ids": [],
    });
    let session = state.object_mut(id);
    for (name, value) in done.as_object().expect("an object") {
        session[name.as_str()] = value.clone();
    }
    state.emit_of("checkout.session.completed", id);
    Ok(())
}

fn begin(state: &mut State, session: &Value, customer: &str, method: &str) -> Result<String, Refusal> {
    let items = session["_line_items"].as_array().into_iter().flatten();
    let wanted = |item: &Value| Wanted {
        price: text(&item["price"], "id").to_owned(),
        quantity: item["quantity"].as_i64(),
        metadata: None,
    };
    let about = &session["_about"];
    let mut begun = Begun::new(customer.to_owned(), items.map(wanted).collect());
    begun.method = Some(method.to_owned());
    begun.behavior = "error_if_incomplete";
    begun.trial_end = about["trial_end"].as_i64();
    if let Some(word) = ["cancel", "create_invoice", "pause"].into_iter().find(|word| about["without_method"] == *word)
    {
        begun.without_method = word;
    }
    begun.description = about["description"].as_str().map(str::to_owned);
    if about["metadata"].is_object() {
        begun.metadata = about["metadata"].clone();
    }
    subscription::begin(state, begun)
}

/// Ends an open session.
pub(super) fn end(state: &mut State, id: &str) {
    let session = state.object_mut(id);
    session["status"] = json!("expired");
    session["url"] = Value::Null;
    state.emit_of("checkout.session.expired", id);
}

pub(super) fn expire(state: &mut State, ids: &[&str], p: Parameters) -> Result<Value, Refusal> {
    let status = text(state.find(CHECKOUT, ids[0])?, "status").to_owned();
    p.finish()?;
    if status != "open" {
        return Err(Refusal::request(format!("Only sessions that are open can be expired; this one is {status}.")));
    }
    end(state, ids[0]);
    Ok(state.object(ids[0]).clone())
}

pub(super) fn get(state: &mut State, ids: &[&str], p: Parameters) -> Result<Value, Refusal> {
    p.finish()?;
    state.find(CHECKOUT, ids[0]).cloned()
}

pub(super) fn list(state: &mut State, _: &[&str], mut p: Parameters) -> Result<Value, Refusal> {
    let page = Page::read(&mut p)?;
    let (customer, subscription) = (p.text("customer")?, p.text("subscription")?);
    let status = p.choice("status", &["complete", "expired", "open"])?;
    p.finish()?;
    let wanted = |session: &&Value| {
        customer.as_ref().is_none_or(|id| session["customer"] == **id)
            && subscription.as_ref().is_none_or(|id| session["subscription"] == **id)
            && status.is_none_or(|status| session["status"] == status)
    };
    page.of("/v1/checkout/sessions", state.all(CHECKOUT).rev().filter(wanted))
}

pub(super) fn list_line_items(state: &mut State, ids: &[&str], p: Parameters) -> Result<Value, Refusal> {
    p.finish()?;
    let items = state.find(CHECKOUT, ids[0])?["_line_items"].as_array().cloned().unwrap_or_default();
    Ok(whole(&format!("/v1/checkout/sessions/{}/line_items", ids[0]), items.iter().map(shown).collect()))
}
