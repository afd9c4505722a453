//! Invoices that are not there yet: the next one of a subscription, or what a change of it would come to.
//! <https://docs.stripe.com/api/invoices/create_preview>

use serde_json::{Value, json};

use super::{
    change::{Change, credits, plan},
    invoice::{self, Made},
    line::{Line, at_period_end, pending},
    parameters::Parameters,
    period::end_after,
    refusal::Refusal,
    state::{CUSTOMER, SUBSCRIPTION, State, number, text},
    subscription::{first_lines, has_ended, items_of, make_items, period_of, recurring_of},
};

/// Does it end with its period?
pub(super) fn ends_with_period(own: &Value) -> bool {
    let (_, end) = period_of(own);
    own["cancel_at_period_end"] == true || own["cancel_at"].as_i64().is_some_and(|at| at <= end)
}

/// The invoice at the end of the period, with what waits for it and these lines of a change.
pub(super) fn upcoming(state: &State, own: &Value, items: &[Value], change: Vec<Line>, ends: bool) -> Made {
    let (start, end) = period_of(own);
    let next = end_after(number(own, "billing_cycle_anchor"), &recurring_of(items), end);
    let next = Some((end, next)).filter(|_| !ends);
    let mut lines = pending(state, text(own, "customer"), own["id"].as_str());
    lines.extend(change);
    lines.extend(at_period_end(state, own, items, (start, end), next));
    Made {
        customer: text(own, "customer").to_owned(),
        subscription: Some(text(own, "id").to_owned()),
        currency: text(own, "currency").to_owned(),
        reason: "upcoming",
        period: (start, end),
        lines,
        proration_date: None,
    }
}

pub(super) fn create(state: &mut State, _: &[&str], mut p: Parameters) -> Result<Value, Refusal> {
    let (customer, subscription) = (p.text("customer")?, p.text("subscription")?);
    let mut details = p.object("subscription_details")?.unwrap_or_default();
    if p.choice("preview_mode", &["next", "recurring"])? == Some("recurring") {
        return Err(Refusal::invalid("preview_mode", "the simulator previews the next invoice"));
    }
    let cancels_now = details.boolean("cancel_now")?.unwrap_or(false);
    let at_period_end = details.boolean("cancel_at_period_end")?;
    let change = Change::read(state, &mut details)?;
    details.finish()?;
    p.finish()?;
    let made = match (subscription, customer) {
        (Some(id), customer) => {
            let own = state.named(SUBSCRIPTION, &id, "subscription")?.clone();
            if customer.is_some_and(|customer| own["customer"] != *customer) {
                return Err(Refusal::invalid("customer", "The subscription is another customer's."));
            }
            if has_ended(&own) {
                return Err(Refusal::new(404, "invalid_request_error", "No upcoming invoices for the subscription.")
                    .code("invoice_upcoming_none"));
            }
            if cancels_now {
                at_cancellation(state, &own, &change)
            } else {
                of_change(state, &own, &change, at_period_end)?
            }
        }
        (None, Some(customer)) => {
            state.named(CUSTOMER, &customer, "customer")?;
            of_new(state, customer, change)?
        }
        (None, None) => return Err(Refusal::missing("customer")),
    };
    let id = state.next_id("upcoming_in_");
    let mut preview = invoice::build(state, &id, &made);
    preview["auto_advance"] = json!(false);
    Ok(preview)
}

fn of_change(state: &mut State, own: &Value, change: &Change, at_period_end: Option<bool>) -> Result<Made, Refusal> {
    let plan = plan(state, own, change)?;
    let date = (!change.items.is_empty()).then_some(plan.date);
    if plan.now {
        let mut lines = pending(state, text(own, "customer"), own["id"].as_str());
        lines.extend(plan.lines);
        let made = upcoming(state, own, &plan.items, Vec::new(), true);
        let period = (state.now, state.now);
        return Ok(Made { lines, reason: "subscription_update", period, proration_date: Some(plan.date), ..made });
    }
    let ends = at_period_end.unwrap_or_else(|| ends_with_period(own));
    Ok(Made { proration_date: date, ..upcoming(state, own, &plan.items, plan.lines, ends) })
}

fn at_cancellation(state: &State, own: &Value, change: &Change) -> Made {
    let date = change.date.unwrap_or(state.now);
    let given_back = if change.behavior == "none" { Vec::new() } else { credits(state, own, date) };
    let made = upcoming(state, own, &items_of(own), given_back, true);
    Made { proration_date: Some(date), ..made }
}

/// The first invoice of a subscription that would be begun now.
fn of_new(state: &mut State, customer: String, change: Change) -> Result<Made, Refusal> {
    let now = state.now;
    let wanted = change.into_wanted()?;
    let mut items = make_items(state, "sub_preview", &wanted, (now, now))?;
    let end = end_after(now, &recurring_of(&items), now);
    for item in &mut items {
        item["current_period_end"] = json!(end);
    }
    let mut lines = pending(state, &customer, None);
    lines.extend(first_lines(state, "sub_preview", &items, (now, end), false));
    let currency = text(&items[0]["price"], "currency").to_owned();
    Ok(Made {
        customer,
        subscription: None,
        currency,
        reason: "subscription_create",
        period: (now, now),
        lines,
        proration_date: None,
    })
}
