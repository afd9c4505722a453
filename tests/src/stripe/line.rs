//! Lines of invoices, those of real ones and of previews alike: whoever makes one here gets the same sum twice.

use serde_json::{Value, json};

use super::{
    money::cost,
    state::{INVOICE_ITEM, State, number, shown, text},
};

/// A line that is about to be.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) amount: i64,
    pub(super) description: String,
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) proration: bool,
    pub(super) quantity: Option<i64>,
    pub(super) price: Option<Value>,
    /// The subscription and its item.
    pub(super) of: Option<(String, Option<String>)>,
    pub(super) invoice_item: Option<String>,
    /// Its quantity is what the meter says when the invoice is made final.
    pub(super) metered: bool,
}

impl Line {
    /// As it stands in an invoice.
    pub(super) fn shown(&self, id: &str, invoice: &str, currency: &str) -> Value {
        let (subscription, item) =
            self.of.clone().map_or((None, None), |(subscription, item)| (Some(subscription), item));
        let details = json!({
            "invoice_item": self.invoice_item, "proration": self.proration, "proration_details": {"credited_items": null},
            "subscription": subscription, "subscription_item": item,
        });
        let parent = match (&item, &self.invoice_item) {
            (None, Some(_)) => {
                let mut details = details;
                details.as_object_mut().expect("an object").remove("subscription_item");
                json!({"invoice_item_details": details, "subscription_item_details": null, "type": "invoice_item_details"})
            }
            _ => {
                json!({"invoice_item_details": null, "subscription_item_details": details, "type": "subscription_item_details"})
            }
        };
        let pricing = self.price.as_ref().map(|price| {
            json!({
                "price_details": {"price": price["id"], "product": price["product"]}, "type": "price_details",
                "unit_amount_decimal": price["unit_amount_decimal"],
            })
        });
        json!({
            "id": id, "object": "line_item", "amount": self.amount, "currency": currency, "description": self.description,
            "discount_amounts": [], "discountable": !self.proration, "discounts": [], "invoice": invoice, "livemode": false,
            "metadata": {}, "parent": parent, "period": {"end": self.end, "start": self.start}, "pretax_credit_amounts": [],
            "pricing": pricing, "quantity": self.quantity, "subtotal": self.amount, "taxes": [], "_metered": self.metered,
            "_price": self.price.as_ref().map(|price| price["id"].clone()),
        })
    }
}

pub(super) fn is_metered(item: &Value) -> bool {
    item["price"]["recurring"]["usage_type"] == "metered"
}

/// How many of it are paid for in advance.
pub(super) fn quantity(item: &Value) -> i64 {
    item["quantity"].as_i64().unwrap_or(1)
}

/// What an item that is paid in advance costs for a whole period.
pub(super) fn item_cost(item: &Value) -> i64 {
    cost(&item["price"], quantity(item))
}

/// The product's name, as lines call it.
pub(super) fn product_name(state: &State, price: &Value) -> String {
    text(state.object(text(price, "product")), "name").to_owned()
}

/// An item for a period, in advance.
pub(super) fn in_advance(state: &State, subscription: &str, item: &Value, (start, end): (i64, i64)) -> Line {
    let quantity = quantity(item);
    Line {
        amount: item_cost(item),
        description: format!("{quantity} × {}", product_name(state, &item["price"])),
        start,
        end,
        proration: false,
        quantity: Some(quantity),
        price: Some(item["price"].clone()),
        of: Some((subscription.to_owned(), Some(text(item, "id").to_owned()))),
        invoice_item: None,
        metered: false,
    }
}

/// A metered item for a period that has passed or is passing.
pub(super) fn used(state: &State, subscription: &Value, item: &Value, (start, end): (i64, i64)) -> Line {
    let customer = text(subscription, "customer");
    let quantity = state.usage.of_meter(state.object(text(&item["price"]["recurring"], "meter")), customer, start, end);
    Line {
        amount: cost(&item["price"], quantity),
        description: format!("{quantity} × {}", product_name(state, &item["price"])),
        start,
        end,
        proration: false,
        quantity: Some(quantity),
        price: Some(item["price"].clone()),
        of: Some((text(subscription, "id").to_owned(), Some(text(item, "id").to_owned()))),
        invoice_item: None,
        metered: true,
    }
}

/// What the end of a period puts on the invoice: what was used in it, and the next one in advance unless there is none.
pub(super) fn at_period_end(
    state: &State,
    subscription: &Value,
    items: &[Value],
    past: (i64, i64),
    next: Option<(i64, i64)>,
) -> Vec<Line> {
    let id = text(subscription, "id");
    let mut lines = Vec::new();
    for item in items {
        match next {
            _ if is_metered(item) => lines.push(used(state, subscription, item, past)),
            Some(next) => lines.push(in_advance(state, id, item, next)),
            None => {}
        }
    }
    lines
}

/// Invoice items that wait for a customer's next invoice: those of this subscription, and those of none.
pub(super) fn pending(state: &State, customer: &str, subscription: Option<&str>) -> Vec<Line> {
    let waits = |item: &&Value| {
        let of = item["parent"]["subscription_details"]["subscription"].as_str();
        item["customer"] == *customer && item["invoice"].is_null() && (of.is_none() || of == subscription)
    };
    state.all(INVOICE_ITEM).filter(waits).map(|item| of_invoice_item(state, item)).collect()
}

pub(super) fn of_invoice_item(state: &State, item: &Value) -> Line {
    let of = item["parent"]["subscription_details"]["subscription"].as_str();
    let price = item["pricing"]["price_details"]["price"].as_str();
    Line {
        amount: number(item, "amount"),
        description: item["description"].as_str().unwrap_or_default().to_owned(),
        start: number(&item["period"], "start"),
        end: number(&item["period"], "end"),
        proration: item["proration"] == true,
        quantity: item["quantity"].as_i64(),
        price: price.map(|price| shown(state.object(price))),
        of: of.map(|of| (of.to_owned(), item["_subscription_item"].as_str().map(str::to_owned))),
        invoice_item: Some(text(item, "id").to_owned()),
        metered: false,
    }
}
