//! Sessions of the billing portal: a page for one customer, good for one visit.

use serde_json::{Value, json};

use super::{
    parameters::Parameters,
    refusal::Refusal,
    state::{CUSTOMER, PORTAL, SUBSCRIPTION, State},
};

const FLOWS: [&str; 6] = [
    "customer_update",
    "payment_method_update",
    "subscription_cancel",
    "subscription_pause",
    "subscription_update",
    "subscription_update_confirm",
];

pub(super) fn create(state: &mut State, _: &[&str], mut p: Parameters) -> Result<Value, Refusal> {
    let customer = p.required("customer")?;
    state.named(CUSTOMER, &customer, "customer")?;
    let return_url = p.text("return_url")?;
    let (configuration, locale) = (p.text("configuration")?, p.text("locale")?);
    let flow = p.object("flow_data")?.map(|flow| read_flow(state, &customer, flow)).transpose()?;
    p.finish()?;
    if let Some(url) = &return_url
        && !(url.starts_with("https://") || url.starts_with("http://"))
    {
        return Err(Refusal::invalid("return_url", "Not a valid URL").code("url_invalid"));
    }
    let id = state.next_id(PORTAL.prefix);
    state.put(json!({
        "id": id, "object": "billing_portal.session", "configuration": configuration.unwrap_or_else(|| "bpc_simulated".to_owned()),
        "created": state.now, "customer": customer, "flow": flow, "livemode": false, "locale": locale, "on_behalf_of": null,
        "return_url": return_url, "url": format!("https://billing.stripe.com/p/session/{id}"),
    }));
    state.emit_of("billing_portal.session.created", &id);
    Ok(state.object(&id).clone())
}

fn read_flow(state: &State, customer: &str, mut flow: Parameters) -> Result<Value, Refusal> {
    let Some(kind) = flow.choice("type", &FLOWS)? else { return Err(Refusal::missing("flow_data[type]")) };
    let mut shown = json!({"type": kind});
    if let Some(mut about) = flow.object(kind)? {
        let subscription = about.required("subscription")?;
        let place = about.name("subscription");
        let found = state.named(SUBSCRIPTION, &subscription, &place)?;
        if found["customer"] != *customer {
            return Err(Refusal::no_such(400, "subscription", &subscription, &place));
        }
        shown[kind] = json!({"subscription": subscription});
        if kind == "subscription_update_confirm" {
            let mut items = Vec::new();
            for mut item in about.list("items")? {
                items.push(json!({
                    "id": item.required("id")?, "price": item.text("price")?, "quantity": item.amount("quantity")?,
                }));
                item.finish()?;
            }
            shown[kind]["items"] = Value::Array(items);
        }
        about.finish()?;
    } else if kind.starts_with("subscription_") {
        return Err(Refusal::missing(&format!("flow_data[{kind}][subscription]")));
    }
    flow.finish()?;
    Ok(shown)
}
