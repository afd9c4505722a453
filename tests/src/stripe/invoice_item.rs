//! Invoice items: what is put on a customer's next invoice, by hand or by a change of a subscription.

use serde_json::{Value, json};

use super::{
    catalogue::currency,
    line::Line,
    list::Page,
    money::{Decimal, cost},
    parameters::{Parameters, new_metadata},
    refusal::Refusal,
    state::{CUSTOMER, INVOICE, INVOICE_ITEM, PRICE, SUBSCRIPTION, State, text},
};

pub(super) fn create(state: &mut State, _: &[&str], mut p: Parameters) -> Result<Value, Refusal> {
    let customer = p.required("customer")?;
    state.named(CUSTOMER, &customer, "customer")?;
    let quantity = p.amount("quantity")?.unwrap_or(1);
    let price = match p.object("pricing")? {
        Some(mut pricing) => {
            let id = pricing.required("price")?;
            pricing.finish()?;
            Some(state.named(PRICE, &id, "pricing[price]")?.clone())
        }
        None => None,
    };
    let amount = p.integer("amount")?;
    let unit = p.text("unit_amount_decimal")?;
    let (amount, currency) = match (&price, amount, unit) {
        (Some(price), None, None) => (cost(price, quantity), text(price, "currency").to_owned()),
        (None, Some(amount), None) => (amount, currency(&mut p)?),
        (None, None, Some(unit)) => {
            let wrong = || Refusal::invalid("unit_amount_decimal", format!("Invalid decimal: {unit}"));
            (Decimal::parse(&unit).ok_or_else(wrong)?.times(quantity), currency(&mut p)?)
        }
        _ => return Err(Refusal::request("You must specify exactly one of amount, unit_amount_decimal and pricing.")),
    };
    let subscription = p.text("subscription")?;
    if let Some(id) = &subscription {
        state.named(SUBSCRIPTION, id, "subscription")?;
    }
    let invoice = p.text("invoice")?;
    if let Some(id) = &invoice
        && state.named(INVOICE, id, "invoice")?["status"] != "draft"
    {
        return Err(Refusal::invalid("invoice", "The invoice is no longer editable.").code("invoice_not_editable"));
    }
    let (mut start, mut end) = (state.now, state.now);
    if let Some(mut period) = p.object("period")? {
        let missing = |name: &str| Refusal::missing(&format!("period[{name}]"));
        start = period.integer("start")?.ok_or_else(|| missing("start"))?;
        end = period.integer("end")?.ok_or_else(|| missing("end"))?;
        period.finish()?;
    }
    let (description, metadata) = (p.text("description")?, p.metadata()?);
    p.finish()?;
    let line = Line {
        amount,
        description: description.unwrap_or_default(),
        start,
        end,
        proration: false,
        quantity: Some(quantity),
        price,
        of: subscription.map(|id| (id, None)),
        invoice_item: None,
        metered: false,
    };
    let id = add(state, &customer, &currency, &line, new_metadata(metadata));
    if let Some(invoice) = invoice {
        state.object_mut(&id)["invoice"] = json!(invoice);
        super::invoice::add_item(state, &invoice, &id);
    }
    Ok(state.object(&id).clone())
}

/// Puts a line among those that wait, and gives its id.
pub(super) fn add(state: &mut State, customer: &str, currency: &str, line: &Line, metadata: Value) -> String {
    let id = state.next_id(INVOICE_ITEM.prefix);
    let parent = line.of.as_ref().map(|(subscription, item)| {
        json!({"subscription_details": {"subscription": subscription, "subscription_item": item}, "type": "subscription_details"})
    });
    let pricing = line.price.as_ref().map(|price| {
        json!({
            "price_details": {"price": price["id"], "product": price["product"]}, "type": "price_details",
            "unit_amount_decimal": price["unit_amount_decimal"],
        })
    });
    state.put(json!({
        "id": id, "object": "invoiceitem", "amount": line.amount, "currency": currency, "customer": customer, "date": state.now,
        "description": line.description, "discountable": !line.proration, "discounts": [], "invoice": null, "livemode": false,
        "metadata": metadata, "net_amount": line.amount, "parent": parent, "period": {"end": line.end, "start": line.start},
        "pricing": pricing, "proration": line.proration, "quantity": line.quantity, "tax_rates": [], "test_clock": null,
        "_subscription_item": line.of.as_ref().and_then(|(_, item)| item.clone()),
    }));
    state.emit_of("invoiceitem.created", &id);
    id
}

pub(super) fn get(state: &mut State, ids: &[&str], p: Parameters) -> Result<Value, Refusal> {
    p.finish()?;
    state.find(INVOICE_ITEM, ids[0]).cloned()
}

pub(super) fn list(state: &mut State, _: &[&str], mut p: Parameters) -> Result<Value, Refusal> {
    let page = Page::read(&mut p)?;
    let (customer, invoice) = (p.text("customer")?, p.text("invoice")?);
    let pending = p.boolean("pending")?;
    p.finish()?;
    let wanted = |item: &&Value| {
        customer.as_ref().is_none_or(|id| item["customer"] == **id)
            && invoice.as_ref().is_none_or(|id| item["invoice"] == **id)
            && pending.is_none_or(|pending| item["invoice"].is_null() == pending)
    };
    page.of("/v1/invoiceitems", state.all(INVOICE_ITEM).rev().filter(wanted))
}

pub(super) fn delete(state: &mut State, ids: &[&str], p: Parameters) -> Result<Value, Refusal> {
    let item = state.find(INVOICE_ITEM, ids[0])?.clone();
    p.finish()?;
    if !item["invoice"].is_null() {
        let text = "You cannot delete an invoice item that is on an invoice.";
        return Err(Refusal::request(text));
    }
    state.objects.remove(ids[0]);
    state.emit("invoiceitem.deleted", &item, None);
    Ok(json!({"id": ids[0], "object": "invoiceitem", "deleted": true}))
}
