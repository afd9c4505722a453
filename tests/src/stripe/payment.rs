//! Payment intents and charges: what is taken from a card, or why not.

use serde_json::{Value, json};

use super::{
    list::{Page, Times},
    parameters::Parameters,
    refusal::Refusal,
    state::{CHARGE, PAYMENT_INTENT, State, number, text},
};

/// A card that pays.
pub const VISA: &str = "pm_card_visa";

/// A card that can be kept and is declined when it has to pay.
pub const FAILING: &str = "pm_card_chargeCustomerFail";

/// A payment method that exists; an empty text for none. <https://docs.stripe.com/testing>
pub(super) fn check_method(id: &str, param: &str) -> Result<(), Refusal> {
    if id.is_empty() || [VISA, FAILING].contains(&id) {
        return Ok(());
    }
    Err(Refusal::no_such(400, "PaymentMethod", id, param))
}

/// The method that pays for a customer: the given one, else the customer's.
pub(super) fn method_of(state: &State, customer: &str, given: &Value) -> Option<String> {
    let own = &state.object(customer)["invoice_settings"]["default_payment_method"];
    given.as_str().or(own.as_str()).map(str::to_owned)
}

/// Would the bank pay? Else why not.
pub(super) fn ask_bank(state: &State, customer: &str, method: Option<&str>) -> Result<(), Refusal> {
    let Some(method) = method else {
        let text = "This customer has no attached payment source or default payment method.";
        return Err(Refusal::request(text).code("resource_missing"));
    };
    match state.declined.get(customer) {
        Some(word) => Err(Refusal::card(word)),
        None if method == FAILING => Err(Refusal::card("generic_decline")),
        None => Ok(()),
    }
}

/// An intent to take so much.
pub(super) fn intend(state: &mut State, customer: &str, amount: i64, currency: &str) -> String {
    let id = state.next_id(PAYMENT_INTENT.prefix);
    state.put(json!({
        "id": id, "object": "payment_intent", "amount": amount, "amount_capturable": 0, "amount_received": 0,
        "canceled_at": null, "cancellation_reason": null, "capture_method": "automatic", "client_secret": format!("{id}_secret_simulated"),
        "created": state.now, "currency": currency, "customer": customer, "description": null, "last_payment_error": null,
        "latest_charge": null, "livemode": false, "metadata": {}, "payment_method": null, "payment_method_types": ["card"],
        "status": "requires_payment_method",
    }));
    state.emit_of("payment_intent.created", &id);
    id
}

/// Takes what was intended; an error is what the bank says, and is told as well.
pub(super) fn take(state: &mut State, intent: &str, method: Option<&str>) -> Result<(), Refusal> {
    let intended = state.object(intent).clone();
    let customer = text(&intended, "customer").to_owned();
    if let Err(refusal) = ask_bank(state, &customer, method) {
        let error = refusal.body()["error"].clone();
        state.object_mut(intent)["last_payment_error"] = error;
        if method.is_some() {
            state.emit_of("payment_intent.payment_failed", intent);
        }
        return Err(refusal);
    }
    let amount = number(&intended, "amount");
    let charge = state.next_id(CHARGE.prefix);
    state.put(json!({
        "id": charge, "object": "charge", "amount": amount, "amount_captured": amount, "amount_refunded": 0,
        "balance_transaction": null, "captured": true, "created": state.now, "currency": intended["currency"], "customer": customer,
        "description": null, "disputed": false, "failure_code": null, "failure_message": null, "livemode": false, "metadata": {},
        "paid": true, "payment_intent": intent, "payment_method": method, "receipt_url": null, "refunded": false, "status": "succeeded",
    }));
    let intended = state.object_mut(intent);
    intended["status"] = json!("succeeded");
    intended["amount_received"] = json!(amount);
    intended["latest_charge"] = json!(charge);
    intended["payment_method"] = json!(method);
    intended["last_payment_error"] = Value::Null;
    state.emit_of("charge.succeeded", &charge);
    state.emit_of("payment_intent.succeeded", intent);
    Ok(())
}

pub(super) fn get_intent(state: &mut State, ids: &[&str], p: Parameters) -> Result<Value, Refusal> {
    p.finish()?;
    state.find(PAYMENT_INTENT, ids[0]).cloned()
}

pub(super) fn list_intents(state: &mut State, _: &[&str], mut p: Parameters) -> Result<Value, Refusal> {
    let page = Page::read(&mut p)?;
    let (created, customer) = (Times::read(&mut p, "created")?, p.text("customer")?);
    p.finish()?;
    let wanted = |intent: &&Value| {
        created.holds(number(intent, "created")) && customer.as_ref().is_none_or(|id| intent["customer"] == **id)
    };
    page.of("/v1/payment_intents", state.all(PAYMENT_INTENT).rev().filter(wanted))
}

pub(super) fn get_charge(state: &mut State, ids: &[&str], p: Parameters) -> Result<Value, Refusal> {
    p.finish()?;
    state.find(CHARGE, ids[0]).cloned()
}

pub(super) fn list_charges(state: &mut State, _: &[&str], mut p: Parameters) -> Result<Value, Refusal> {
    let page = Page::read(&mut p)?;
    let (created, customer) = (Times::read(&mut p, "created")?, p.text("customer")?);
    let intent = p.text("payment_intent")?;
    p.finish()?;
    let is = |own: &Value, wanted: &Option<String>| wanted.as_ref().is_none_or(|id| *own == **id);
    let wanted = |charge: &&Value| {
        created.holds(number(charge, "created"))
            && is(&charge["customer"], &customer)
            && is(&charge["payment_intent"], &intent)
    };
    page.of("/v1/charges", state.all(CHARGE).rev().filter(wanted))
}
