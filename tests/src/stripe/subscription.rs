//! Subscriptions: how they begin, what pays them, and how they end. Changes are in `change`, what time does in `time`.

use serde_json::{Value, json};

use super::{
    change,
    invoice::{self, Made},
    line::{self, Line, is_metered},
    list::{Page, Times, whole},
    parameters::{Metadata, Parameters, new_metadata, nullable},
    payment,
    period::end_after,
    refusal::Refusal,
    state::{CUSTOMER, PRICE, SUBSCRIPTION, State, number, text},
};

const DAY: i64 = 86_400;

/// How long the first payment of a subscription may take, in seconds.
pub(super) const INCOMPLETE: i64 = 23 * 3600;

/// Can nothing more become of it?
pub(super) fn has_ended(subscription: &Value) -> bool {
    matches!(text(subscription, "status"), "canceled" | "incomplete_expired")
}

pub(super) fn items_of(subscription: &Value) -> Vec<Value> {
    subscription["items"]["data"].as_array().cloned().unwrap_or_default()
}

/// The period that all items are in.
pub(super) fn period_of(subscription: &Value) -> (i64, i64) {
    let item = &subscription["items"]["data"][0];
    (number(item, "current_period_start"), number(item, "current_period_end"))
}

/// How often the items recur: all alike, or it would be refused.
pub(super) fn recurring_of(items: &[Value]) -> Value {
    items[0]["price"]["recurring"].clone()
}

/// A price and how many of it, in a request.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) price: String,
    pub(super) quantity: Option<i64>,
    pub(super) metadata: Option<Metadata>,
}

/// Reads `items` of something new.
pub(super) fn read_items(state: &State, p: &mut Parameters) -> Result<Vec<Wanted>, Refusal> {
    let place = p.name("items");
    let mut wanted: Vec<Wanted> = Vec::new();
    for mut item in p.list("items")? {
        let price = item.required("price")?;
        state.named(PRICE, &price, &item.name("price"))?;
        let (quantity, metadata) = (item.amount("quantity")?, item.metadata()?);
        item.finish()?;
        wanted.push(Wanted { price, quantity, metadata });
    }
    if wanted.is_empty() { Err(Refusal::missing(&place)) } else { Ok(wanted) }
}

/// Items of a subscription that is about to be, with their period.
pub(super) fn make_items(
    state: &mut State,
    subscription: &str,
    wanted: &[Wanted],
    (start, end): (i64, i64),
) -> Result<Vec<Value>, Refusal> {
    let mut items = Vec::new();
    for one in wanted {
        let price = state.named(PRICE, &one.price, "items")?.clone();
        let metered = price["recurring"]["usage_type"] == "metered";
        if metered && one.quantity.is_some() {
            return Err(Refusal::invalid("items", "You cannot set the quantity of a metered price."));
        }
        let id = state.next_id("si_");
        let mut item = json!({
            "id": id, "object": "subscription_item", "billing_thresholds": null, "created": state.now,
            "current_period_end": end, "current_period_start": start, "discounts": [], "metadata": new_metadata(one.metadata.clone()),
            "price": price, "subscription": subscription, "tax_rates": [],
        });
        if !metered {
            item["quantity"] = json!(one.quantity.unwrap_or(1));
        }
        items.push(item);
    }
    check_items(&items)?;
    Ok(items)
}

/// What holds for all items together.
pub(super) fn check_items(items: &[Value]) -> Result<(), Refusal> {
    if items.is_empty() || items.len() > 20 {
        return Err(Refusal::invalid("items", "A subscription has between 1 and 20 items."));
    }
    for (index, item) in items.iter().enumerate() {
        let (price, first) = (&item["price"], &items[0]["price"]);
        if price["type"] != "recurring" || price["active"] != true {
            return Err(Refusal::invalid("items", "The price specified is inactive or of the type one_time."));
        }
        if price["currency"] != first["currency"] {
            return Err(Refusal::invalid("items", "All prices of a subscription have the same currency."));
        }
        let same = |name: &str| price["recurring"][name] == first["recurring"][name];
        if !same("interval") || !same("interval_count") {
            // Stripe would take it with flexible billing; nobody here asks for it.
            return Err(Refusal::invalid("items", "the simulator takes one interval per subscription"));
        }
        if items[..index].iter().any(|other| other["price"]["id"] == price["id"]) {
            return Err(Refusal::invalid("items", "Cannot add multiple subscription items with the same price."));
        }
    }
    Ok(())
}

/// What a subscription is begun with.
pub(super) struct Begun {
    pub(super) customer: String,
    pub(super) items: Vec<Wanted>,
    pub(super) trial_end: Option<i64>,
    pub(super) without_method: &'static str,
    pub(super) collection: &'static str,
    pub(super) days_until_due: Option<i64>,
    pub(super) method: Option<String>,
    pub(super) behavior: &'static str,
    pub(super) cancel_at_period_end: bool,
    pub(super) cancel_at: Option<i64>,
    pub(super) description: Option<String>,
    pub(super) metadata: Value,
}

impl Begun {
    /// Nothing but the necessary.
    pub(super) fn new(customer: String, items: Vec<Wanted>) -> Self {
        Self {
            customer,
            items,
            trial_end: None,
            without_method: "create_invoice",
            collection: "charge_automatically",
            days_until_due: None,
            method: None,
            behavior: "allow_incomplete",
            cancel_at_period_end: false,
            cancel_at: None,
            description: None,
            metadata: json!({}),
        }
    }
}

/// `trial_period_days`, `trial_end` and `trial_settings`.
pub(super) fn read_trial(state: &State, p: &mut Parameters) -> Result<(Option<i64>, &'static str), Refusal> {
    let days = p.amount("trial_period_days")?;
    let place = p.name("trial_end");
    let end = match p.text("trial_end")?.as_deref() {
        None | Some("now") => None,
        Some(text) => Some(text.parse::<i64>().map_err(|_| Refusal::invalid(&place, "Invalid timestamp"))?),
    };
    let mut without_method = "create_invoice";
    if let Some(mut settings) = p.object("trial_settings")? {
        if let Some(mut behavior) = settings.object("end_behavior")? {
            let word = behavior.choice("missing_payment_method", &["cancel", "create_invoice", "pause"])?;
            without_method = word.ok_or_else(|| Refusal::missing(&behavior.name("missing_payment_method")))?;
            behavior.finish()?;
        }
        settings.finish()?;
    }
    let end = match (days, end) {
        (Some(_), Some(_)) => {
            return Err(Refusal::request("You may only specify one of trial_end and trial_period_days."));
        }
        (Some(days), None) => Some(state.now + days * DAY).filter(|_| days > 0),
        (None, end) => end,
    };
    if end.is_some_and(|end| end <= state.now) {
        return Err(Refusal::invalid(&place, "The trial must end in the future."));
    }
    Ok((end, without_method))
}

pub(super) fn create(state: &mut State, _: &[&str], mut p: Parameters) -> Result<Value, Refusal> {
    let customer = p.required("customer")?;
    state.named(CUSTOMER, &customer, "customer")?;
    let items = read_items(state, &mut p)?;
    let mut begun = Begun::new(customer, items);
    (begun.trial_end, begun.without_method) = read_trial(state, &mut p)?;
    let behaviors = ["allow_incomplete", "default_incomplete", "error_if_incomplete"];
    begun.behavior = p.choice("payment_behavior", &behaviors)?.unwrap_or("allow_incomplete");
    // there is nothing yet to prorate
    let _ = p.choice("proration_behavior", &["always_invoice", "create_prorations", "none"])?;
    let _ = p.boolean("off_session")?;
    if let Some(collection) = p.choice("collection_method", &["charge_automatically", "send_invoice"])? {
        begun.collection = collection;
    }
    begun.days_until_due = p.amount("days_until_due")?;
    if begun.days_until_due.is_some() != (begun.collection == "send_invoice") {
        return Err(Refusal::invalid("days_until_due", "days_until_due belongs to collection_method=send_invoice."));
    }
    begun.method = p.text("default_payment_method")?;
    if let Some(method) = &begun.method {
        payment::check_method(method, "default_payment_method")?;
    }
    begun.cancel_at_period_end = p.boolean("cancel_at_period_end")?.unwrap_or(false);
    begun.cancel_at = p.integer("cancel_at")?;
    if let Some(mut mode) = p.object("billing_mode")? {
        let _ = mode.choice("type", &["classic", "flexible"])?;
        mode.finish()?;
    }
    begun.description = p.text("description")?;
    begun.metadata = new_metadata(p.metadata()?);
    p.finish()?;
    let id = begin(state, begun)?;
    Ok(state.object(&id).clone())
}

/// Begins one: with a trial, or with a first invoice that is to be paid now.
pub(super) fn begin(state: &mut State, begun: Begun) -> Result<String, Refusal> {
    let customer = begun.customer.clone();
    let method = payment::method_of(state, &customer, &json!(begun.method));
    let id = state.next_id(SUBSCRIPTION.prefix);
    let now = state.now;
    let mut items = make_items(state, &id, &begun.items, (now, now))?;
    let anchor = begun.trial_end.unwrap_or(now);
    let end = begun.trial_end.unwrap_or_else(|| end_after(now, &recurring_of(&items), now));
    for item in &mut items {
        item["current_period_end"] = json!(end);
    }
    let lines = first_lines(state, &id, &items, (now, end), begun.trial_end.is_some());
    let total: i64 = lines.iter().map(|line| line.amount).sum();
    let automatic = begun.collection == "charge_automatically";
    if begun.behavior == "error_if_incomplete" && automatic && total > 0 {
        payment::ask_bank(state, &customer, method.as_deref())?;
    }
    let currency = text(&items[0]["price"], "currency").to_owned();
    let status = if begun.trial_end.is_some() { "trialing" } else { "incomplete" };
    state.put(json!({
        "id": id, "object": "subscription", "application": null, "application_fee_percent": null,
        "automatic_tax": {"enabled": false, "liability": null, "disabled_reason": null}, "billing_cycle_anchor": anchor,
        "billing_mode": {"type": "flexible"}, "billing_thresholds": null, "cancel_at": begun.cancel_at,
        "cancel_at_period_end": begun.cancel_at_period_end, "canceled_at": null,
        "cancellation_details": {"comment": null, "feedback": null, "reason": null}, "collection_method": begun.collection, "created": now,
        "currency": currency, "customer": customer, "days_until_due": begun.days_until_due, "default_payment_method": begun.method,
        "default_source": null, "default_tax_rates": [], "description": begun.description.map(nullable), "discounts": [], "ended_at": null,
        "items": whole(&format!("/v1/subscription_items?subscription={id}"), items), "latest_invoice": null, "livemode": false,
        "metadata": begun.metadata, "next_pending_invoice_item_invoice": null, "on_behalf_of": null, "pause_collection": null,
        "pending_setup_intent": null, "pending_update": null, "schedule": null, "start_date": now, "status": status, "test_clock": null,
        "transfer_data": null, "trial_end": begun.trial_end, "trial_start": begun.trial_end.map(|_| now),
        "trial_settings": {"end_behavior": {"missing_payment_method": begun.without_method}},
    }));
    let made = Made {
        customer,
        subscription: Some(id.clone()),
        currency: currency.clone(),
        reason: "subscription_create",
        period: (now, now),
        lines,
        proration_date: None,
    };
    state.object_mut(&begun.customer)["currency"] = json!(currency);
    let first = invoice::draft(state, &made);
    state.emit_of("customer.subscription.created", &id);
    invoice::finalize(state, &first);
    let is_open = state.object(&first)["status"] == "open";
    if is_open && !automatic {
        state.change("customer.subscription.updated", &id, |own| own["status"] = json!("active"));
    } else if is_open && begun.behavior != "default_incomplete" {
        // what the bank says is told by events and by the status
        let _ = invoice::pay(state, &first, None);
    }
    Ok(id)
}

/// What the first invoice asks for.
pub(super) fn first_lines(
    state: &State,
    subscription: &str,
    items: &[Value],
    period: (i64, i64),
    on_trial: bool,
) -> Vec<Line> {
    let in_advance = items.iter().filter(|item| !is_metered(item));
    let mut lines: Vec<Line> = in_advance.map(|item| line::in_advance(state, subscription, item, period)).collect();
    if on_trial {
        for line in &mut lines {
            line.amount = 0;
            line.description = format!("Trial period for {}", line.description);
        }
    }
    lines
}

/// An invoice of a subscription was paid.
pub(super) fn was_paid(state: &mut State, id: &str, invoice: &Value) {
    let status = text(state.object(id), "status").to_owned();
    let is_latest = state.object(id)["latest_invoice"] == invoice["id"];
    let starts = matches!(status.as_str(), "incomplete" | "past_due" | "unpaid") && is_latest;
    if starts {
        state.change("customer.subscription.updated", id, |own| own["status"] = json!("active"));
    }
}

/// An invoice of a subscription was not paid, and will not be if it is given up.
pub(super) fn was_not_paid(state: &mut State, id: &str, given_up: bool) {
    match text(state.object(id), "status") {
        "active" | "trialing" | "past_due" if given_up => end(state, id, "payment_failed"),
        "active" | "trialing" => {
            state.change("customer.subscription.updated", id, |own| own["status"] = json!("past_due"));
        }
        _ => {}
    }
}

/// Ends it now.
pub(super) fn end(state: &mut State, id: &str, reason: &str) {
    let now = state.now;
    let own = state.object_mut(id);
    own["status"] = json!("canceled");
    own["ended_at"] = json!(now);
    if own["canceled_at"].is_null() {
        own["canceled_at"] = json!(now);
    }
    own["cancellation_details"]["reason"] = json!(reason);
    state.emit_of("customer.subscription.deleted", id);
}

pub(super) fn get(state: &mut State, ids: &[&str], p: Parameters) -> Result<Value, Refusal> {
    p.finish()?;
    state.find(SUBSCRIPTION, ids[0]).cloned()
}

pub(super) fn list(state: &mut State, _: &[&str], mut p: Parameters) -> Result<Value, Refusal> {
    let page = Page::read(&mut p)?;
    let created = Times::read(&mut p, "created")?;
    let (starts, ends) = (Times::read(&mut p, "current_period_start")?, Times::read(&mut p, "current_period_end")?);
    let (customer, price) = (p.text("customer")?, p.text("price")?);
    let status = p.text("status")?;
    p.finish()?;
    let has = |own: &Value, wanted: &str| match wanted {
        "all" => true,
        "ended" => has_ended(own),
        other => own["status"] == *other,
    };
    let wanted = |own: &&Value| {
        let (start, end) = period_of(own);
        created.holds(number(own, "created"))
            && starts.holds(start)
            && ends.holds(end)
            && customer.as_ref().is_none_or(|id| own["customer"] == **id)
            && price.as_ref().is_none_or(|id| items_of(own).iter().any(|item| item["price"]["id"] == **id))
            && status.as_deref().map_or(text(own, "status") != "canceled", |status| has(own, status))
    };
    page.of("/v1/subscriptions", state.all(SUBSCRIPTION).rev().filter(wanted))
}

pub(super) fn list_items(state: &mut State, _: &[&str], mut p: Parameters) -> Result<Value, Refusal> {
    let page = Page::read(&mut p)?;
    let id = p.required("subscription")?;
    p.finish()?;
    let items = items_of(state.named(SUBSCRIPTION, &id, "subscription")?);
    page.of("/v1/subscription_items", items.iter())
}

/// Ends it now, at the request of somebody.
pub(super) fn cancel(state: &mut State, ids: &[&str], mut p: Parameters) -> Result<Value, Refusal> {
    let own = state.find(SUBSCRIPTION, ids[0])?.clone();
    let (invoice_now, prorate) = (p.boolean("invoice_now")?, p.boolean("prorate")?);
    let details = read_details(&mut p)?;
    p.finish()?;
    if has_ended(&own) {
        return Err(Refusal::no_such(404, "subscription", ids[0], "id"));
    }
    if prorate == Some(true) && text(&own, "status") != "trialing" {
        let now = state.now;
        for line in change::credits(state, &own, now) {
            let (customer, currency) = (text(&own, "customer"), text(&own, "currency"));
            super::invoice_item::add(state, customer, currency, &line, json!({}));
        }
    }
    if invoice_now == Some(true) {
        let (start, _) = period_of(&own);
        let past = (start, state.now);
        let mut lines = line::pending(state, text(&own, "customer"), Some(ids[0]));
        lines.extend(line::at_period_end(state, &own, &items_of(&own), past, None));
        bill(state, &own, lines, "subscription_cycle", past, None);
    }
    apply_details(state.object_mut(ids[0]), details);
    end(state, ids[0], "cancellation_requested");
    Ok(state.object(ids[0]).clone())
}

/// Makes an invoice of these lines and asks for its payment, now. Gives its id; none if there are no lines.
pub(super) fn bill(
    state: &mut State,
    subscription: &Value,
    lines: Vec<Line>,
    reason: &'static str,
    period: (i64, i64),
    proration_date: Option<i64>,
) -> Option<String> {
    if lines.is_empty() {
        return None;
    }
    let made = Made {
        customer: text(subscription, "customer").to_owned(),
        subscription: Some(text(subscription, "id").to_owned()),
        currency: text(subscription, "currency").to_owned(),
        reason,
        period,
        lines,
        proration_date,
    };
    let id = invoice::draft(state, &made);
    invoice::finalize(state, &id);
    if state.object(&id)["status"] == "open" && text(subscription, "collection_method") == "charge_automatically" {
        // what the bank says is told by events and by the status
        let _ = invoice::pay(state, &id, None);
    }
    Some(id)
}

/// `cancellation_details`.
pub(super) fn read_details(p: &mut Parameters) -> Result<Vec<(&'static str, Value)>, Refusal> {
    let Some(mut details) = p.object("cancellation_details")? else { return Ok(Vec::new()) };
    let mut said = Vec::new();
    for name in ["comment", "feedback"] {
        if let Some(text) = details.text(name)? {
            said.push((name, nullable(text)));
        }
    }
    details.finish()?;
    Ok(said)
}

pub(super) fn apply_details(own: &mut Value, details: Vec<(&'static str, Value)>) {
    for (name, value) in details {
        own["cancellation_details"][name] = value;
    }
}

/// Goes on after a pause, with a period that begins now.
pub(super) fn resume(state: &mut State, ids: &[&str], mut p: Parameters) -> Result<Value, Refusal> {
    let own = state.find(SUBSCRIPTION, ids[0])?.clone();
    if let Some(mut anchor) = p.object("billing_cycle_anchor")? {
        if anchor.choice("type", &["now", "unchanged"])? == Some("unchanged") {
            return Err(Refusal::invalid("billing_cycle_anchor[type]", "the simulator begins a new period"));
        }
        anchor.finish()?;
    }
    let _ = p.choice("proration_behavior", &["always_invoice", "create_prorations", "none"])?;
    p.finish()?;
    if own["status"] != "paused" {
        return Err(Refusal::request("You can only resume a subscription whose status is paused."));
    }
    let items = items_of(&own);
    let now = state.now;
    let end = end_after(now, &recurring_of(&items), now);
    let stored = state.object_mut(ids[0]);
    stored["status"] = json!("active");
    stored["billing_cycle_anchor"] = json!(now);
    set_period(stored, (now, end));
    state.emit_of("customer.subscription.resumed", ids[0]);
    let lines = first_lines(state, ids[0], &items, (now, end), false);
    bill(state, &own, lines, "subscription_update", (now, now), None);
    Ok(state.object(ids[0]).clone())
}

/// Puts all items into a period.
pub(super) fn set_period(subscription: &mut Value, (start, end): (i64, i64)) {
    for item in subscription["items"]["data"].as_array_mut().into_iter().flatten() {
        item["current_period_start"] = json!(start);
        item["current_period_end"] = json!(end);
    }
}
