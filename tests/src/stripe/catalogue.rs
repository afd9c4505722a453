//! Products and their prices.

use serde_json::{Value, json};

use super::{
    list::{Page, Times},
    money::{Decimal, unit_amounts},
    parameters::{Parameters, new_metadata, nullable},
    refusal::Refusal,
    state::{METER, PRICE, PRODUCT, State, number},
};

const INTERVALS: [&str; 4] = ["day", "week", "month", "year"];

pub(super) fn create_product(state: &mut State, _: &[&str], mut p: Parameters) -> Result<Value, Refusal> {
    let name = p.required("name")?;
    let (description, active) = (p.text("description")?, p.boolean("active")?);
    let unit_label = p.text("unit_label")?;
    let metadata = p.metadata()?;
    p.finish()?;
    let id = state.next_id(PRODUCT.prefix);
    state.put(json!({
        "id": id, "object": "product", "active": active.unwrap_or(true), "created": state.now, "default_price": null,
        "description": description.map(nullable), "images": [], "livemode": false, "marketing_features": [],
        "metadata": new_metadata(metadata), "name": name, "shippable": null, "statement_descriptor": null, "tax_code": null,
        "unit_label": unit_label.map(nullable), "updated": state.now, "url": null,
    }));
    state.emit_of("product.created", &id);
    Ok(state.object(&id).clone())
}

pub(super) fn get_product(state: &mut State, ids: &[&str], p: Parameters) -> Result<Value, Refusal> {
    p.finish()?;
    state.find(PRODUCT, ids[0]).cloned()
}

pub(super) fn list_products(state: &mut State, _: &[&str], mut p: Parameters) -> Result<Value, Refusal> {
    let page = Page::read(&mut p)?;
    let (created, active) = (Times::read(&mut p, "created")?, p.boolean("active")?);
    p.finish()?;
    let wanted = |product: &&Value| {
        created.holds(number(product, "created")) && active.is_none_or(|active| product["active"] == active)
    };
    page.of("/v1/products", state.all(PRODUCT).rev().filter(wanted))
}

pub(super) fn create_price(state: &mut State, _: &[&str], mut p: Parameters) -> Result<Value, Refusal> {
    let currency = currency(&mut p)?;
    let product = match (p.text("product")?, p.object("product_data")?) {
        (Some(product), None) => {
            state.named(PRODUCT, &product, "product")?;
            Ok(product)
        }
        (None, Some(mut data)) => {
            let name = data.required("name")?;
            data.finish()?;
            Err(name)
        }
        _ => return Err(Refusal::request("You must specify exactly one of these parameters: product, product_data.")),
    };
    let recurring = p.object("recurring")?.map(|given| read_recurring(state, given)).transpose()?;
    let tiered = p.choice("billing_scheme", &["per_unit", "tiered"])? == Some("tiered");
    let tiers_mode = p.choice("tiers_mode", &["graduated", "volume"])?;
    let tiers = read_tiers(&mut p)?;
    if tiered != tiers_mode.is_some() || tiered == tiers.is_empty() {
        return Err(Refusal::invalid("tiers", "billing_scheme=tiered, tiers_mode and tiers belong together."));
    }
    let unit = if tiered { None } else { Some(read_unit(&mut p)?) };
    let lookup_key = p.text("lookup_key")?;
    if let Some(key) = &lookup_key
        && state.all(PRICE).any(|price| price["lookup_key"] == **key)
    {
        return Err(Refusal::invalid("lookup_key", "A price already uses that lookup key."));
    }
    let (nickname, active) = (p.text("nickname")?, p.boolean("active")?);
    let tax_behavior = p.choice("tax_behavior", &["exclusive", "inclusive", "unspecified"])?;
    let metadata = p.metadata()?;
    p.finish()?;
    let product = match product {
        Ok(product) => product,
        Err(name) => {
            let made = create_product(state, &[], Parameters::of(&json!({"name": name})))?;
            made["id"].as_str().unwrap_or_default().to_owned()
        }
    };
    let (unit_amount, unit_amount_decimal) =
        unit.map_or((Value::Null, Value::Null), |(unit, text)| unit_amounts(unit, &text));
    let id = state.next_id(PRICE.prefix);
    state.put(json!({
        "id": id, "object": "price", "active": active.unwrap_or(true), "billing_scheme": if tiered { "tiered" } else { "per_unit" },
        "created": state.now, "currency": currency, "custom_unit_amount": null, "livemode": false, "lookup_key": lookup_key,
        "metadata": new_metadata(metadata), "nickname": nickname.map(nullable), "product": product, "recurring": recurring,
        "tax_behavior": tax_behavior.unwrap_or("unspecified"), "tiers_mode": tiers_mode, "transform_quantity": null,
        "type": if recurring.is_some() { "recurring" } else { "one_time" }, "unit_amount": unit_amount,
        "unit_amount_decimal": unit_amount_decimal, "_tiers": if tiered { Value::Array(tiers) } else { Value::Null },
    }));
    state.emit_of("price.created", &id);
    Ok(state.object(&id).clone())
}

pub(super) fn get_price(state: &mut State, ids: &[&str], p: Parameters) -> Result<Value, Refusal> {
    p.finish()?;
    state.find(PRICE, ids[0]).cloned()
}

pub(super) fn list_prices(state: &mut State, _: &[&str], mut p: Parameters) -> Result<Value, Refusal> {
    let page = Page::read(&mut p)?;
    let (created, active) = (Times::read(&mut p, "created")?, p.boolean("active")?);
    let (product, keys) = (p.text("product")?, p.texts("lookup_keys")?);
    p.finish()?;
    let wanted = |price: &&Value| {
        created.holds(number(price, "created"))
            && active.is_none_or(|active| price["active"] == active)
            && product.as_ref().is_none_or(|product| price["product"] == **product)
            && (keys.is_empty() || keys.iter().any(|key| price["lookup_key"] == **key))
    };
    page.of("/v1/prices", state.all(PRICE).rev().filter(wanted))
}

/// A currency by its code of three letters, as it is stored: in lower case.
pub(super) fn currency(p: &mut Parameters) -> Result<String, Refusal> {
    let code = p.required("currency")?;
    if code.len() != 3 || !code.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return Err(Refusal::invalid(&p.name("currency"), format!("Invalid currency: {code}.")));
    }
    Ok(code.to_ascii_lowercase())
}

/// `unit_amount` or `unit_amount_decimal`: the decimal, and how it is written.
fn read_unit(p: &mut Parameters) -> Result<(Decimal, String), Refusal> {
    let text = match (p.amount("unit_amount")?, p.text("unit_amount_decimal")?) {
        (Some(whole), None) => whole.to_string(),
        (None, Some(decimal)) => decimal,
        (Some(_), Some(_)) => {
            return Err(Refusal::request("You may only specify one of unit_amount and unit_amount_decimal."));
        }
        (None, None) => return Err(Refusal::missing(&p.name("unit_amount"))),
    };
    let decimal = Decimal::parse(&text).ok_or_else(|| {
        Refusal::invalid(&p.name("unit_amount_decimal"), format!("Invalid decimal: {text}; at most 12 places"))
    })?;
    Ok((decimal, text))
}

fn read_recurring(state: &State, mut p: Parameters) -> Result<Value, Refusal> {
    let Some(interval) = p.choice("interval", &INTERVALS)? else { return Err(Refusal::missing(&p.name("interval"))) };
    let count = p.integer("interval_count")?.unwrap_or(1);
    if !(1..=52).contains(&count) {
        return Err(Refusal::invalid(&p.name("interval_count"), "at least 1, and three years in all at most"));
    }
    let usage_type = p.choice("usage_type", &["licensed", "metered"])?.unwrap_or("licensed");
    let meter = p.text("meter")?;
    let place = p.name("meter");
    p.finish()?;
    match (&meter, usage_type) {
        (Some(meter), "metered") => {
            state.named(METER, meter, &place)?;
        }
        (None, "metered") => return Err(Refusal::invalid(&place, "Metered prices must be backed by a meter.")),
        (Some(_), _) => return Err(Refusal::invalid(&place, "A meter is for metered prices.")),
        (None, _) => {}
    }
    Ok(
        json!({"interval": interval, "interval_count": count, "meter": meter, "trial_period_days": null, "usage_type": usage_type}),
    )
}

fn read_tiers(p: &mut Parameters) -> Result<Vec<Value>, Refusal> {
    let given = p.list("tiers")?;
    let count = given.len();
    let mut tiers = Vec::new();
    for (index, mut tier) in given.into_iter().enumerate() {
        let up_to = tier.required("up_to")?;
        let is_last = index + 1 == count;
        if (up_to == "inf") != is_last {
            return Err(Refusal::invalid(&tier.name("up_to"), "the last tier, and it alone, is up to inf"));
        }
        let flat = tier.amount("flat_amount")?;
        let has_unit = tier.has("unit_amount") || tier.has("unit_amount_decimal");
        let (unit, text) =
            if has_unit { read_unit(&mut tier)? } else { (Decimal::parse("0").unwrap(), "0".to_owned()) };
        let place = tier.name("up_to");
        tier.finish()?;
        let up_to: Option<i64> = if is_last { None } else { up_to.parse().ok() };
        let above = tiers.last().and_then(|before: &Value| before["up_to"].as_i64()).unwrap_or(0);
        if !is_last && up_to.is_none_or(|up_to| up_to <= above) {
            return Err(Refusal::invalid(&place, "each tier goes further than the one before"));
        }
        let (unit_amount, unit_amount_decimal) = unit_amounts(unit, &text);
        tiers.push(json!({
            "flat_amount": flat, "flat_amount_decimal": flat.map(|flat| flat.to_string()), "unit_amount": unit_amount,
            "unit_amount_decimal": unit_amount_decimal, "up_to": up_to,
        }));
    }
    Ok(tiers)
}
