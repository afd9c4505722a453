//! Invoices: how they are made, made final, paid or not.

use serde_json::{Value, json};

use super::{
    line::{self, Line, pending},
    list::{Page, Times, whole},
    money::cost,
    parameters::{Parameters, new_metadata, nullable},
    payment,
    refusal::Refusal,
    state::{CUSTOMER, INVOICE, SUBSCRIPTION, State, number, shown, text},
    subscription,
};

/// How long a draft of a renewal waits until it is made final, in seconds.
pub(super) const DRAFT: i64 = 3600;

/// Days after which a payment that failed is tried again, by how often it has failed. After the last one it is given up.
const RETRIES: [i64; 3] = [3, 5, 7];

/// What an invoice is made of.
pub(super) struct Made {
    pub(super) customer: String,
    pub(super) subscription: Option<String>,
    pub(super) currency: String,
    pub(super) reason: &'static str,
    /// Of what it is for.
    pub(super) period: (i64, i64),
    pub(super) lines: Vec<Line>,
    /// Of a change that it is for.
    pub(super) proration_date: Option<i64>,
}

/// The invoice as it would be, a draft that is kept nowhere.
pub(super) fn build(state: &mut State, id: &str, made: &Made) -> Value {
    let customer = state.object(&made.customer).clone();
    let about = made.subscription.as_ref().map(|id| state.object(id).clone());
    let lines: Vec<Value> = made
        .lines
        .iter()
        .map(|line| {
            let own = state.next_id("il_");
            line.shown(&own, id, &made.currency)
        })
        .collect();
    let parent = about.as_ref().map(|about| {
        json!({
            "quote_details": null, "type": "subscription_details", "subscription_details": {
                "metadata": about["metadata"], "subscription": about["id"], "subscription_proration_date": made.proration_date,
            },
        })
    });
    let method = about.as_ref().map_or("charge_automatically", |about| text(about, "collection_method"));
    let mut invoice = json!({
        "id": id, "object": "invoice", "account_country": "US", "account_name": "Simulated", "amount_due": 0, "amount_overpaid": 0,
        "amount_paid": 0, "amount_remaining": 0, "amount_shipping": 0, "attempt_count": 0, "attempted": false, "auto_advance": true,
        "automatic_tax": {"enabled": false, "liability": null, "status": null}, "automatically_finalizes_at": null,
        "billing_reason": made.reason, "collection_method": method, "created": state.now, "currency": made.currency, "custom_fields": null,
        "customer": made.customer, "customer_email": customer["email"], "customer_name": customer["name"], "default_payment_method": null,
        "description": null, "discounts": [], "due_date": null, "effective_at": null, "ending_balance": null, "footer": null,
        "hosted_invoice_url": null, "invoice_pdf": null, "last_finalization_error": null, "lines": {}, "livemode": false, "metadata": {},
        "next_payment_attempt": null, "number": null, "parent": parent, "period_end": made.period.1, "period_start": made.period.0,
        "post_payment_credit_notes_amount": 0, "pre_payment_credit_notes_amount": 0, "receipt_number": null, "starting_balance": customer["balance"],
        "status": "draft", "status_transitions": {"finalized_at": null, "marked_uncollectible_at": null, "paid_at": null, "voided_at": null},
        "subtotal": 0, "total": 0, "total_discount_amounts": [], "total_taxes": [], "_payments": [],
        "_days_until_due": about.as_ref().map(|about| about["days_until_due"].clone()),
    });
    set_lines(&mut invoice, lines);
    invoice
}

/// Puts the lines in, and what follows from them. A credit of the customer is taken off; what is below zero becomes one.
fn set_lines(invoice: &mut Value, lines: Vec<Value>) {
    let total: i64 = lines.iter().map(|line| number(line, "amount")).sum();
    let owed = total + number(invoice, "starting_balance");
    let url = format!("/v1/invoices/{}/lines", text(invoice, "id"));
    invoice["lines"] = whole(&url, lines);
    for (name, value) in
        [("subtotal", total), ("total", total), ("amount_due", owed.max(0)), ("amount_remaining", owed.max(0))]
    {
        invoice[name] = json!(value);
    }
    invoice["_owed"] = json!(owed);
}

/// Makes a draft and takes the invoice items in that are among its lines.
pub(super) fn draft(state: &mut State, made: &Made) -> String {
    let id = state.next_id(INVOICE.prefix);
    let invoice = build(state, &id, made);
    state.put(invoice);
    for item in made.lines.iter().filter_map(|line| line.invoice_item.as_ref()) {
        state.object_mut(item)["invoice"] = json!(id);
    }
    if let Some(subscription) = &made.subscription {
        state.object_mut(subscription)["latest_invoice"] = json!(id);
    }
    state.emit_of("invoice.created", &id);
    id
}

/// Puts an invoice item on a draft.
pub(super) fn add_item(state: &mut State, id: &str, item: &str) {
    let line = line::of_invoice_item(state, state.object(item));
    let own = state.next_id("il_");
    let invoice = state.object_mut(id);
    let mut lines = invoice["lines"]["data"].as_array().cloned().unwrap_or_default();
    lines.push(line.shown(&own, id, text(invoice, "currency")));
    set_lines(invoice, lines);
}

/// Makes a draft final: what meters say counts as of now. What nothing is owed for is paid with that.
pub(super) fn finalize(state: &mut State, id: &str) {
    let mut invoice = state.object(id).clone();
    let customer = text(&invoice, "customer").to_owned();
    let mut lines = invoice["lines"]["data"].as_array().cloned().unwrap_or_default();
    for line in lines.iter_mut().filter(|line| line["_metered"] == true) {
        let price = state.object(text(line, "_price")).clone();
        let meter = state.object(text(&price["recurring"], "meter"));
        let (start, end) = (number(&line["period"], "start"), number(&line["period"], "end"));
        let quantity = state.usage.of_meter(meter, &customer, start, end);
        line["quantity"] = json!(quantity);
        line["amount"] = json!(cost(&price, quantity));
        line["subtotal"] = line["amount"].clone();
        line["description"] = json!(format!("{quantity} × {}", line::product_name(state, &price)));
    }
    invoice["starting_balance"] = state.object(&customer)["balance"].clone();
    set_lines(&mut invoice, lines);
    let owed = number(&invoice, "_owed");
    invoice["ending_balance"] = json!(owed.min(0));
    invoice["status"] = json!("open");
    invoice["automatically_finalizes_at"] = Value::Null;
    invoice["effective_at"] = json!(state.now);
    invoice["status_transitions"]["finalized_at"] = json!(state.now);
    invoice["hosted_invoice_url"] = json!(format!("https://invoice.stripe.com/i/{id}"));
    invoice["invoice_pdf"] = json!(format!("https://pay.stripe.com/invoice/{id}/pdf"));
    if invoice["collection_method"] == "send_invoice" {
        let days = invoice["_days_until_due"].as_i64().unwrap_or(30);
        invoice["due_date"] = json!(state.now + days * 86_400);
    }
    let holder = state.object(&customer).clone();
    let sequence = number(&holder, "next_invoice_sequence");
    invoice["number"] = json!(format!("{}-{sequence:04}", text(&holder, "invoice_prefix")));
    state.object_mut(&customer)["next_invoice_sequence"] = json!(sequence + 1);
    state.change("customer.updated", &customer, |customer| customer["balance"] = json!(owed.min(0)));
    let (due, currency) = (number(&invoice, "amount_due"), text(&invoice, "currency").to_owned());
    if due > 0 {
        invoice["_payment_intent"] = json!(payment::intend(state, &customer, due, &currency));
    }
    state.put(invoice);
    state.emit_of("invoice.finalized", id);
    if due == 0 {
        settle(state, id);
    }
}

/// Pays an open invoice, with this method or the subscription's or the customer's.
pub(super) fn pay(state: &mut State, id: &str, method: Option<&str>) -> Result<(), Refusal> {
    let invoice = state.object(id).clone();
    let (customer, intent) = (text(&invoice, "customer"), text(&invoice, "_payment_intent"));
    let own = subscription_of(&invoice).map_or(Value::Null, |id| state.object(id)["default_payment_method"].clone());
    let method = method.map(str::to_owned).or_else(|| payment::method_of(state, customer, &own));
    let taken = payment::take(state, intent, method.as_deref());
    let attempts = number(&invoice, "attempt_count") + 1;
    let open = state.object_mut(id);
    open["attempt_count"] = json!(attempts);
    open["attempted"] = json!(true);
    if let Err(refusal) = taken {
        let days = usize::try_from(attempts - 1).ok().and_then(|failed| RETRIES.get(failed));
        let is_first = invoice["billing_reason"] == "subscription_create";
        let next = days.filter(|_| invoice["auto_advance"] == true && !is_first).map(|days| state.now + days * 86_400);
        state.object_mut(id)["next_payment_attempt"] = json!(next);
        state.emit_of("invoice.payment_failed", id);
        if let Some(subscription) = subscription_of(&invoice) {
            subscription::was_not_paid(state, subscription, next.is_none() && !is_first);
        }
        return Err(refusal);
    }
    let due = number(&invoice, "amount_due");
    let own = state.next_id("inpay_");
    let payment = json!({
        "id": own, "object": "invoice_payment", "amount_paid": due, "amount_requested": due, "created": state.now,
        "currency": invoice["currency"], "invoice": id, "is_default": true, "livemode": false,
        "payment": {"payment_intent": intent, "type": "payment_intent"}, "status": "paid",
        "status_transitions": {"canceled_at": null, "paid_at": state.now},
    });
    let open = state.object_mut(id);
    open["_payments"] = json!([payment]);
    open["amount_paid"] = json!(due);
    settle(state, id);
    Ok(())
}

/// Nothing is owed any more.
fn settle(state: &mut State, id: &str) {
    let now = state.now;
    let invoice = state.object_mut(id);
    invoice["status"] = json!("paid");
    invoice["amount_remaining"] = json!(0);
    invoice["attempted"] = json!(true);
    invoice["next_payment_attempt"] = Value::Null;
    invoice["status_transitions"]["paid_at"] = json!(now);
    let invoice = invoice.clone();
    state.emit_of("invoice.paid", id);
    state.emit_of("invoice.payment_succeeded", id);
    if let Some(subscription) = subscription_of(&invoice) {
        subscription::was_paid(state, subscription, &invoice);
    }
}

/// The subscription that an invoice is for.
pub(super) fn subscription_of(invoice: &Value) -> Option<&str> {
    invoice["parent"]["subscription_details"]["subscription"].as_str()
}

/// Voids an open invoice.
pub(super) fn void(state: &mut State, id: &str) {
    let now = state.now;
    let invoice = state.object_mut(id);
    invoice["status"] = json!("void");
    invoice["next_payment_attempt"] = Value::Null;
    invoice["status_transitions"]["voided_at"] = json!(now);
    state.emit_of("invoice.voided", id);
}

pub(super) fn create(state: &mut State, _: &[&str], mut p: Parameters) -> Result<Value, Refusal> {
    let customer = p.required("customer")?;
    state.named(CUSTOMER, &customer, "customer")?;
    let about = p.text("subscription")?;
    if let Some(id) = &about {
        state.named(SUBSCRIPTION, id, "subscription")?;
    }
    let method = p.choice("collection_method", &["charge_automatically", "send_invoice"])?;
    let days = p.amount("days_until_due")?;
    if days.is_some() != (method == Some("send_invoice")) {
        return Err(Refusal::invalid("days_until_due", "days_until_due belongs to collection_method=send_invoice."));
    }
    let (auto_advance, description) = (p.boolean("auto_advance")?, p.text("description")?);
    let behavior = p.choice("pending_invoice_items_behavior", &["exclude", "include"])?;
    let currency = if p.has("currency") { Some(super::catalogue::currency(&mut p)?) } else { None };
    let metadata = p.metadata()?;
    p.finish()?;
    let takes_pending = behavior == Some("include") || about.is_some();
    let lines = if takes_pending { pending(state, &customer, about.as_deref()) } else { Vec::new() };
    let made = Made {
        customer,
        subscription: about,
        currency: currency.unwrap_or_else(|| "usd".to_owned()),
        reason: "manual",
        period: (state.now, state.now),
        lines,
        proration_date: None,
    };
    let id = draft(state, &made);
    let invoice = state.object_mut(&id);
    invoice["auto_advance"] = json!(auto_advance.unwrap_or(false));
    invoice["description"] = description.map_or(Value::Null, nullable);
    invoice["metadata"] = new_metadata(metadata);
    if let Some(method) = method {
        invoice["collection_method"] = json!(method);
        invoice["_days_until_due"] = json!(days);
    }
    Ok(state.object(&id).clone())
}

pub(super) fn get(state: &mut State, ids: &[&str], p: Parameters) -> Result<Value, Refusal> {
    p.finish()?;
    state.find(INVOICE, ids[0]).cloned()
}

pub(super) fn lines(state: &mut State, ids: &[&str], mut p: Parameters) -> Result<Value, Refusal> {
    let page = Page::read(&mut p)?;
    p.finish()?;
    let lines = state.find(INVOICE, ids[0])?["lines"]["data"].as_array().cloned().unwrap_or_default();
    page.of(&format!("/v1/invoices/{}/lines", ids[0]), lines.iter())
}

pub(super) fn list(state: &mut State, _: &[&str], mut p: Parameters) -> Result<Value, Refusal> {
    let page = Page::read(&mut p)?;
    let created = Times::read(&mut p, "created")?;
    let (customer, about) = (p.text("customer")?, p.text("subscription")?);
    let status = p.choice("status", &["draft", "open", "paid", "uncollectible", "void"])?;
    p.finish()?;
    let wanted = |invoice: &&Value| {
        created.holds(number(invoice, "created"))
            && customer.as_ref().is_none_or(|id| invoice["customer"] == **id)
            && about.as_deref().is_none_or(|id| subscription_of(invoice) == Some(id))
            && status.is_none_or(|status| invoice["status"] == status)
    };
    page.of("/v1/invoices", state.all(INVOICE).rev().filter(wanted))
}

/// An invoice in one of these states.
fn in_state(state: &State, id: &str, states: &[&str], what: &str) -> Result<Value, Refusal> {
    let invoice = state.find(INVOICE, id)?;
    let status = text(invoice, "status");
    if states.contains(&status) {
        return Ok(invoice.clone());
    }
    Err(Refusal::request(format!(
        "You can only {what} an invoice that is {}; this one is {status}.",
        states.join(" or ")
    ))
    .code(if status == "paid" { "invoice_already_paid" } else { "invoice_not_editable" }))
}

pub(super) fn finalize_now(state: &mut State, ids: &[&str], mut p: Parameters) -> Result<Value, Refusal> {
    in_state(state, ids[0], &["draft"], "finalize")?;
    let auto_advance = p.boolean("auto_advance")?;
    p.finish()?;
    if let Some(auto_advance) = auto_advance {
        state.object_mut(ids[0])["auto_advance"] = json!(auto_advance);
    }
    finalize(state, ids[0]);
    Ok(state.object(ids[0]).clone())
}

pub(super) fn pay_now(state: &mut State, ids: &[&str], mut p: Parameters) -> Result<Value, Refusal> {
    let invoice = in_state(state, ids[0], &["draft", "open", "uncollectible"], "pay")?;
    let method = p.text("payment_method")?;
    if let Some(method) = &method {
        payment::check_method(method, "payment_method")?;
    }
    let outside = p.boolean("paid_out_of_band")?.unwrap_or(false);
    let _ = p.boolean("off_session")?;
    p.finish()?;
    if invoice["status"] == "draft" {
        finalize(state, ids[0]);
    }
    if state.object(ids[0])["status"] != "paid" {
        if outside {
            settle(state, ids[0]);
        } else {
            pay(state, ids[0], method.as_deref())?;
        }
    }
    Ok(state.object(ids[0]).clone())
}

pub(super) fn void_now(state: &mut State, ids: &[&str], p: Parameters) -> Result<Value, Refusal> {
    in_state(state, ids[0], &["open", "uncollectible"], "void")?;
    p.finish()?;
    void(state, ids[0]);
    Ok(state.object(ids[0]).clone())
}

pub(super) fn mark_uncollectible(state: &mut State, ids: &[&str], p: Parameters) -> Result<Value, Refusal> {
    in_state(state, ids[0], &["open"], "mark as uncollectible")?;
    p.finish()?;
    let now = state.now;
    let invoice = state.object_mut(ids[0]);
    invoice["status"] = json!("uncollectible");
    invoice["next_payment_attempt"] = Value::Null;
    invoice["status_transitions"]["marked_uncollectible_at"] = json!(now);
    state.emit_of("invoice.marked_uncollectible", ids[0]);
    Ok(state.object(ids[0]).clone())
}

pub(super) fn send(state: &mut State, ids: &[&str], p: Parameters) -> Result<Value, Refusal> {
    let invoice = in_state(state, ids[0], &["draft", "open"], "send")?;
    p.finish()?;
    if invoice["collection_method"] != "send_invoice" {
        return Err(Refusal::request("You can only send an invoice whose collection_method is send_invoice."));
    }
    if invoice["status"] == "draft" {
        finalize(state, ids[0]);
    }
    state.emit_of("invoice.sent", ids[0]);
    Ok(state.object(ids[0]).clone())
}

/// Takes a draft away.
pub(super) fn delete(state: &mut State, ids: &[&str], p: Parameters) -> Result<Value, Refusal> {
    let invoice = in_state(state, ids[0], &["draft"], "delete")?;
    p.finish()?;
    if subscription_of(&invoice).is_some() {
        return Err(Refusal::request("You can only delete drafts that are not of a subscription."));
    }
    state.objects.remove(ids[0]);
    state.emit("invoice.deleted", &shown(&invoice), None);
    Ok(json!({"id": ids[0], "object": "invoice", "deleted": true}))
}
