//! Refunds, whole or in part, of a charge or of the one behind a payment intent.

use serde_json::{Value, json};

use super::{
    list::{Page, Times},
    parameters::{Parameters, new_metadata},
    refusal::Refusal,
    state::{CHARGE, PAYMENT_INTENT, REFUND, State, number, text},
};

pub(super) fn create(state: &mut State, _: &[&str], mut p: Parameters) -> Result<Value, Refusal> {
    let (charge, intent) = (p.text("charge")?, p.text("payment_intent")?);
    let amount = p.amount("amount")?;
    let reason = p.choice("reason", &["duplicate", "fraudulent", "requested_by_customer"])?;
    let metadata = p.metadata()?;
    p.finish()?;
    let charge = match (charge, intent) {
        (Some(charge), None) => state.named(CHARGE, &charge, "charge")?.clone(),
        (None, Some(intent)) => {
            let intent = state.named(PAYMENT_INTENT, &intent, "payment_intent")?;
            let Some(charge) = intent["latest_charge"].as_str() else {
                let text =
                    format!("This PaymentIntent ({}) does not have a successful charge to refund.", intent["id"]);
                return Err(Refusal::request(text).code("resource_missing"));
            };
            state.object(charge).clone()
        }
        (Some(_), Some(_)) => {
            return Err(Refusal::request("You may only specify one of these parameters: charge, payment_intent."));
        }
        (None, None) => return Err(Refusal::missing("charge")),
    };
    let left = number(&charge, "amount") - number(&charge, "amount_refunded");
    if left == 0 {
        let text = format!("Charge {} has already been refunded.", text(&charge, "id"));
        return Err(Refusal::request(text).code("charge_already_refunded"));
    }
    let amount = amount.unwrap_or(left);
    if amount == 0 || amount > left {
        let text = format!("Refund amount ({amount}) must be at least 1 and at most the unrefunded amount ({left}).");
        return Err(Refusal::invalid("amount", text));
    }
    let id = state.next_id(REFUND.prefix);
    state.put(json!({
        "id": id, "object": "refund", "amount": amount, "balance_transaction": null, "charge": charge["id"], "created": state.now,
        "currency": charge["currency"], "destination_details": {"card": {"type": "refund"}, "type": "card"},
        "metadata": new_metadata(metadata), "payment_intent": charge["payment_intent"], "reason": reason, "receipt_number": null,
        "source_transfer_reversal": null, "status": "succeeded", "transfer_reversal": null,
    }));
    let refunded = number(&charge, "amount_refunded") + amount;
    state.emit_of("refund.created", &id);
    state.change("charge.refunded", text(&charge, "id"), |charge| {
        charge["amount_refunded"] = json!(refunded);
        charge["refunded"] = json!(charge["amount"] == refunded);
    });
    Ok(state.object(&id).clone())
}

pub(super) fn get(state: &mut State, ids: &[&str], p: Parameters) -> Result<Value, Refusal> {
    p.finish()?;
    state.find(REFUND, ids[0]).cloned()
}

pub(super) fn update(state: &mut State, ids: &[&str], mut p: Parameters) -> Result<Value, Refusal> {
    let before = state.find(REFUND, ids[0])?["metadata"].clone();
    let metadata = p.metadata()?;
    p.finish()?;
    if let Some(metadata) = metadata {
        state.change("refund.updated", ids[0], |refund| refund["metadata"] = metadata.applied(&before));
    }
    Ok(state.object(ids[0]).clone())
}

pub(super) fn list(state: &mut State, _: &[&str], mut p: Parameters) -> Result<Value, Refusal> {
    let page = Page::read(&mut p)?;
    let created = Times::read(&mut p, "created")?;
    let (charge, intent) = (p.text("charge")?, p.text("payment_intent")?);
    p.finish()?;
    let is = |own: &Value, wanted: &Option<String>| wanted.as_ref().is_none_or(|id| *own == **id);
    let wanted = |refund: &&Value| {
        created.holds(number(refund, "created"))
            && is(&refund["charge"], &charge)
            && is(&refund["payment_intent"], &intent)
    };
    page.of("/v1/refunds", state.all(REFUND).rev().filter(wanted))
}
