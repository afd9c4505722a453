//! Changes of a subscription, and what they cost. A preview and the change itself go through `plan`, so that both come to
//! the same sum.

use serde_json::{Value, json};

use super::{
    invoice_item,
    line::{Line, is_metered, item_cost, pending, product_name, quantity},
    money::share,
    parameters::{Metadata, Parameters, nullable},
    payment,
    period::end_after,
    refusal::Refusal,
    state::{PRICE, SUBSCRIPTION, State, text},
    subscription::{
        self, Wanted, apply_details, bill, check_items, first_lines, has_ended, items_of, make_items, period_of,
        read_details, recurring_of,
    },
};

pub(super) const PRORATIONS: [&str; 3] = ["create_prorations", "always_invoice", "none"];

/// What becomes of one item.
#[derive(Debug)]
pub(super) struct ItemChange {
    id: Option<String>,
    price: Option<String>,
    quantity: Option<i64>,
    deleted: bool,
    metadata: Option<Metadata>,
}

/// What a request changes of a subscription's money.
pub(super) struct Change {
    pub(super) items: Vec<ItemChange>,
    pub(super) behavior: &'static str,
    pub(super) date: Option<i64>,
    pub(super) anchor_now: bool,
    pub(super) end_trial: bool,
}

/// What comes of it.
pub(super) struct Plan {
    pub(super) items: Vec<Value>,
    /// Prorations, and where a period begins anew what it costs.
    pub(super) lines: Vec<Line>,
    /// A period begins now; when it ends.
    pub(super) reset: Option<i64>,
    /// The lines are asked for now and not with the next invoice.
    pub(super) now: bool,
    pub(super) date: i64,
}

impl Change {
    /// Reads `items`, `proration_behavior`, `proration_date`, `billing_cycle_anchor` and `trial_end`.
    pub(super) fn read(state: &State, p: &mut Parameters) -> Result<Self, Refusal> {
        let mut items = Vec::new();
        for mut item in p.list("items")? {
            let price = item.text("price")?;
            if let Some(price) = &price {
                state.named(PRICE, price, &item.name("price"))?;
            }
            let change = ItemChange {
                id: item.text("id")?,
                price,
                quantity: item.amount("quantity")?,
                deleted: item.boolean("deleted")?.unwrap_or(false),
                metadata: item.metadata()?,
            };
            // there is no usage on an item any more, only on meters
            let _ = item.boolean("clear_usage")?;
            if change.id.is_none() && (change.price.is_none() || change.deleted) {
                return Err(Refusal::missing(&item.name("price")));
            }
            item.finish()?;
            items.push(change);
        }
        let behavior = p.choice("proration_behavior", &PRORATIONS)?.unwrap_or("create_prorations");
        let date = p.integer("proration_date")?;
        let mut anchor_now = false;
        if let Some(mut anchor) = p.object("billing_cycle_anchor")? {
            anchor_now = anchor.choice("type", &["now", "unchanged"])? == Some("now");
            anchor.finish()?;
        }
        let place = p.name("trial_end");
        let end_trial = match p.text("trial_end")?.as_deref() {
            None => false,
            Some("now") => true,
            Some(_) => return Err(Refusal::invalid(&place, "the simulator ends a trial now or leaves it")),
        };
        Ok(Self { items, behavior, date, anchor_now, end_trial })
    }

    /// The items of something new: none of them has an id.
    pub(super) fn into_wanted(self) -> Result<Vec<Wanted>, Refusal> {
        if self.items.is_empty() {
            return Err(Refusal::missing("subscription_details[items]"));
        }
        let wanted = |item: ItemChange| match (item.id, item.price) {
            (None, Some(price)) => Ok(Wanted { price, quantity: item.quantity, metadata: item.metadata }),
            _ => Err(Refusal::invalid("subscription_details[items]", "Items of a new subscription have no id.")),
        };
        self.items.into_iter().map(wanted).collect()
    }
}

/// What a change would come to.
pub(super) fn plan(state: &mut State, own: &Value, change: &Change) -> Result<Plan, Refusal> {
    if has_ended(own) {
        return Err(Refusal::request("A canceled subscription can only update its cancellation_details and metadata."));
    }
    let (start, end) = period_of(own);
    let date = change.date.unwrap_or(state.now);
    if change.date.is_some() && !(start..=end).contains(&date) {
        return Err(Refusal::invalid("proration_date", "It must be within the current period."));
    }
    let before = items_of(own);
    let mut items = changed_items(state, own, &change.items)?;
    let on_trial = own["status"] == "trialing";
    let same = |name: &str| recurring_of(&before)[name] == recurring_of(&items)[name];
    let another_interval = !same("interval") || !same("interval_count");
    let begins = (another_interval && !on_trial) || change.anchor_now || (on_trial && change.end_trial);
    let mut lines = Vec::new();
    let prorates = change.behavior != "none" && matches!(text(own, "status"), "active" | "past_due");
    if begins {
        let ends = end_after(date, &recurring_of(&items), date);
        for item in &mut items {
            item["current_period_start"] = json!(date);
            item["current_period_end"] = json!(ends);
        }
        if prorates {
            lines = credits(state, own, date);
        }
        lines.extend(first_lines(state, text(own, "id"), &items, (date, ends), false));
        return Ok(Plan { items, lines, reset: Some(ends), now: true, date });
    }
    if prorates {
        for old in before.iter().filter(|old| !is_metered(old)) {
            let new = items.iter().find(|new| new["id"] == old["id"]);
            if new.is_none_or(|new| !costs_the_same(old, new)) {
                lines.push(unused(state, own, old, date));
            }
        }
        for new in items.iter().filter(|new| !is_metered(new)) {
            let old = before.iter().find(|old| old["id"] == new["id"]);
            if old.is_none_or(|old| is_metered(old) || !costs_the_same(old, new)) {
                lines.push(remaining(state, own, new, date));
            }
        }
    }
    let now = change.behavior == "always_invoice" && !lines.is_empty();
    Ok(Plan { items, lines, reset: None, now, date })
}

fn costs_the_same(old: &Value, new: &Value) -> bool {
    old["price"]["id"] == new["price"]["id"] && old["quantity"] == new["quantity"]
}

/// The items after the change.
fn changed_items(state: &mut State, own: &Value, changes: &[ItemChange]) -> Result<Vec<Value>, Refusal> {
    let mut items = items_of(own);
    let mut added = Vec::new();
    for (index, change) in changes.iter().enumerate() {
        let place = format!("items[{index}]");
        let Some(id) = &change.id else {
            let price = change.price.clone().unwrap_or_default();
            added.push(Wanted { price, quantity: change.quantity, metadata: change.metadata.clone() });
            continue;
        };
        let Some(at) = items.iter().position(|item| item["id"] == **id) else {
            return Err(Refusal::no_such(400, "subscription_item", id, &format!("{place}[id]")));
        };
        if change.deleted {
            items.remove(at);
            continue;
        }
        let item = &mut items[at];
        if let Some(price) = &change.price {
            item["price"] = state.named(PRICE, price, &format!("{place}[price]"))?.clone();
        }
        match (is_metered(item), change.quantity) {
            (true, Some(_)) => {
                return Err(Refusal::invalid(&format!("{place}[quantity]"), "A metered price has no quantity."));
            }
            (true, None) => drop(item.as_object_mut().expect("an item").remove("quantity")),
            (false, quantity) => {
                let before = item["quantity"].as_i64().unwrap_or(1);
                item["quantity"] = json!(quantity.unwrap_or(before));
            }
        }
        if let Some(metadata) = change.metadata.clone() {
            item["metadata"] = metadata.applied(&item["metadata"]);
        }
    }
    if !added.is_empty() {
        // new items join the period that runs
        items.extend(make_items(state, text(own, "id"), &added, period_of(own))?);
    }
    check_items(&items)?;
    Ok(items)
}

/// What is given back of all items if the period ends here.
pub(super) fn credits(state: &State, own: &Value, date: i64) -> Vec<Line> {
    items_of(own).iter().filter(|item| !is_metered(item)).map(|item| unused(state, own, item, date)).collect()
}

/// What is given back of an item.
fn unused(state: &State, own: &Value, item: &Value, date: i64) -> Line {
    prorated(state, own, item, date, "Unused time on", -1)
}

/// What an item costs for the rest of the period.
fn remaining(state: &State, own: &Value, item: &Value, date: i64) -> Line {
    prorated(state, own, item, date, "Remaining time on", 1)
}

fn prorated(state: &State, own: &Value, item: &Value, date: i64, words: &str, sign: i64) -> Line {
    let (start, end) = period_of(own);
    let count = quantity(item);
    Line {
        amount: sign * share(item_cost(item), end - date, end - start),
        description: format!("{words} {count} × {}", product_name(state, &item["price"])),
        start: date,
        end,
        proration: true,
        quantity: Some(count),
        price: Some(item["price"].clone()),
        of: Some((text(own, "id").to_owned(), Some(text(item, "id").to_owned()))),
        invoice_item: None,
        metered: false,
    }
}

pub(super) fn update(state: &mut State, ids: &[&str], mut p: Parameters) -> Result<Value, Refusal> {
    let own = state.find(SUBSCRIPTION, ids[0])?.clone();
    let change = Change::read(state, &mut p)?;
    let behaviors = ["allow_incomplete", "default_incomplete", "error_if_incomplete"];
    let behavior = p.choice("payment_behavior", &behaviors)?.unwrap_or("allow_incomplete");
    let _ = p.boolean("off_session")?;
    let at_period_end = p.boolean("cancel_at_period_end")?;
    let cancel_at = p.text("cancel_at")?;
    let cancel_at = cancel_at.map(|text| read_cancel_at(&own, &text)).transpose()?;
    let method = p.text("default_payment_method")?;
    if let Some(method) = &method {
        payment::check_method(method, "default_payment_method")?;
    }
    let description = p.text("description")?;
    let details = read_details(&mut p)?;
    let metadata = p.metadata()?;
    p.finish()?;

    let touches_money = !change.items.is_empty() || change.anchor_now || change.end_trial;
    let plan = if touches_money { Some(plan(state, &own, &change)?) } else { None };
    if has_ended(&own) && (at_period_end.is_some() || cancel_at.is_some()) {
        return Err(Refusal::request("A canceled subscription can only update its cancellation_details and metadata."));
    }
    let customer = text(&own, "customer").to_owned();
    if let Some(plan) = &plan
        && plan.now
        && behavior == "error_if_incomplete"
        && plan.lines.iter().map(|line| line.amount).sum::<i64>() > 0
    {
        let given = method.as_ref().map_or_else(|| own["default_payment_method"].clone(), |method| json!(method));
        let method = payment::method_of(state, &customer, &given);
        payment::ask_bank(state, &customer, method.as_deref())?;
    }
    let now = state.now;
    state.change("customer.subscription.updated", ids[0], |stored| {
        if let Some(plan) = &plan {
            stored["items"]["data"] = Value::Array(plan.items.clone());
            if plan.reset.is_some() {
                stored["billing_cycle_anchor"] = json!(plan.date);
            }
            if plan.reset.is_some() && stored["status"] == "trialing" {
                stored["status"] = json!("active");
                stored["trial_end"] = json!(now);
            }
        }
        if let Some(at_period_end) = at_period_end {
            let (_, end) = period_of(stored);
            stored["cancel_at_period_end"] = json!(at_period_end);
            stored["cancel_at"] = if at_period_end { json!(end) } else { Value::Null };
        }
        if let Some(at) = cancel_at {
            stored["cancel_at"] = json!(at);
            stored["cancel_at_period_end"] = json!(false);
        }
        if at_period_end.is_some() || cancel_at.is_some() {
            let is_set = !stored["cancel_at"].is_null();
            stored["canceled_at"] = if is_set { json!(now) } else { Value::Null };
            stored["cancellation_details"]["reason"] =
                if is_set { json!("cancellation_requested") } else { Value::Null };
        }
        if let Some(method) = method {
            stored["default_payment_method"] = nullable(method);
        }
        if let Some(description) = description {
            stored["description"] = nullable(description);
        }
        if let Some(metadata) = metadata {
            stored["metadata"] = metadata.applied(&stored["metadata"]);
        }
        apply_details(stored, details);
    });
    if let Some(plan) = plan {
        settle(state, &own, plan, &customer, behavior);
    }
    Ok(state.object(ids[0]).clone())
}

/// Asks for what a change costs, or leaves it for the next invoice.
fn settle(state: &mut State, own: &Value, plan: Plan, customer: &str, behavior: &str) {
    let id = text(own, "id");
    let currency = text(own, "currency");
    for line in plan.lines.iter().filter(|line| line.proration) {
        invoice_item::add(state, customer, currency, line, json!({}));
    }
    if !plan.now {
        return;
    }
    let mut lines = pending(state, customer, Some(id));
    lines.extend(plan.lines.into_iter().filter(|line| !line.proration));
    if behavior == "default_incomplete" {
        let made = super::invoice::Made {
            customer: customer.to_owned(),
            subscription: Some(id.to_owned()),
            currency: currency.to_owned(),
            reason: "subscription_update",
            period: (state.now, state.now),
            lines,
            proration_date: Some(plan.date),
        };
        let made = super::invoice::draft(state, &made);
        super::invoice::finalize(state, &made);
        return;
    }
    let now = (state.now, state.now);
    bill(state, own, lines, "subscription_update", now, Some(plan.date));
}

/// A time, a word for one, or nothing any more.
fn read_cancel_at(own: &Value, text: &str) -> Result<Option<i64>, Refusal> {
    match text {
        "" => Ok(None),
        "min_period_end" | "max_period_end" => Ok(Some(period_of(own).1)),
        other => {
            let time = other.parse().map_err(|_| Refusal::invalid("cancel_at", "Invalid timestamp"))?;
            Ok(Some(time))
        }
    }
}

/// Changes one item.
pub(super) fn update_item(state: &mut State, ids: &[&str], mut p: Parameters) -> Result<Value, Refusal> {
    let own = subscription_of(state, ids[0])?;
    let mut item = json!({"id": ids[0]});
    let mut rest = json!({});
    for name in ["price", "quantity"] {
        if let Some(text) = p.text(name)? {
            item[name] = json!(text);
        }
    }
    for name in ["proration_behavior", "proration_date", "payment_behavior"] {
        if let Some(text) = p.text(name)? {
            rest[name] = json!(text);
        }
    }
    p.finish()?;
    rest["items"] = json!([item]);
    let after = update(state, &[text(&own, "id")], Parameters::of(&rest))?;
    let found = subscription::items_of(&after).into_iter().find(|item| item["id"] == *ids[0]);
    Ok(found.unwrap_or_default())
}

fn subscription_of(state: &State, item: &str) -> Result<Value, Refusal> {
    let has = |own: &&Value| items_of(own).iter().any(|one| one["id"] == *item);
    let found = state.all(SUBSCRIPTION).find(has);
    found.cloned().ok_or_else(|| Refusal::no_such(404, "subscription_item", item, "id"))
}
