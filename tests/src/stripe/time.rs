//! What time does by itself: periods and trials end, drafts become final, payments are tried again, sessions end. Each at
//! its own time and in that order, however far the clock has moved.

use serde_json::{Value, json};

use super::{
    checkout, invoice,
    line::at_period_end,
    period::end_after,
    preview::{ends_with_period, upcoming},
    state::{CHECKOUT, INVOICE, SUBSCRIPTION, State, number, text},
    subscription::{self, INCOMPLETE, bill, has_ended, items_of, period_of, recurring_of, set_period},
};

const DAY: i64 = 86_400;

/// Before the end of a trial it is told, and before the end of a period.
const TRIAL_NOTICE: i64 = 3 * DAY;
const RENEWAL_NOTICE: i64 = 7 * DAY;

/// What is due.
enum Due {
    TrialNotice(String),
    RenewalNotice(String),
    PeriodEnd(String),
    CancelAt(String),
    Incomplete(String),
    Finalize(String),
    Retry(String),
    CheckoutEnd(String),
}

/// Does all that is due by now, in the order of time.
pub(super) fn catch_up(state: &mut State, now: i64) {
    state.cause = super::state::Cause::default();
    while let Some((at, due)) = next(state).filter(|(at, _)| *at <= now) {
        // what was overdue before the clock was looked at happens now, not in the past
        state.now = at.max(state.now);
        happen(state, due);
    }
    state.now = now.max(state.now);
}

/// What happens first.
fn next(state: &State) -> Option<(i64, Due)> {
    let mut all = Vec::new();
    for own in state.all(SUBSCRIPTION).filter(|own| !has_ended(own)) {
        of_subscription(own, &mut all);
    }
    for one in state.all(INVOICE) {
        let id = || text(one, "id").to_owned();
        let (final_at, retry_at) = (one["automatically_finalizes_at"].as_i64(), one["next_payment_attempt"].as_i64());
        all.extend(final_at.filter(|_| one["status"] == "draft").map(|at| (at, Due::Finalize(id()))));
        all.extend(retry_at.filter(|_| one["status"] == "open").map(|at| (at, Due::Retry(id()))));
    }
    for session in state.all(CHECKOUT).filter(|session| session["status"] == "open") {
        all.push((number(session, "expires_at"), Due::CheckoutEnd(text(session, "id").to_owned())));
    }
    all.into_iter().min_by_key(|(at, _)| *at)
}

fn of_subscription(own: &Value, all: &mut Vec<(i64, Due)>) {
    let id = || text(own, "id").to_owned();
    let (start, end) = period_of(own);
    let status = text(own, "status");
    match status {
        "incomplete" => return all.push((number(own, "created") + INCOMPLETE, Due::Incomplete(id()))),
        "paused" => return,
        _ => {}
    }
    if status == "trialing" && own["_told_trial"] != true {
        all.push(((end - TRIAL_NOTICE).max(start), Due::TrialNotice(id())));
    }
    let is_long = end - start > RENEWAL_NOTICE;
    if is_long && own["_told_renewal"] != end && !ends_with_period(own) {
        all.push((end - RENEWAL_NOTICE, Due::RenewalNotice(id())));
    }
    if let Some(at) = own["cancel_at"].as_i64().filter(|at| *at < end) {
        all.push((at, Due::CancelAt(id())));
    }
    all.push((end, Due::PeriodEnd(id())));
}

fn happen(state: &mut State, due: Due) {
    match due {
        Due::TrialNotice(id) => {
            state.object_mut(&id)["_told_trial"] = json!(true);
            state.emit_of("customer.subscription.trial_will_end", &id);
        }
        Due::RenewalNotice(id) => tell_renewal(state, &id),
        Due::PeriodEnd(id) => end_period(state, &id),
        Due::CancelAt(id) => subscription::end(state, &id, "cancellation_requested"),
        Due::Incomplete(id) => {
            let first = text(state.object(&id), "latest_invoice").to_owned();
            invoice::void(state, &first);
            let status = json!("incomplete_expired");
            state.change("customer.subscription.updated", &id, |own| own["status"] = status);
        }
        Due::Finalize(id) => {
            invoice::finalize(state, &id);
            let one = state.object(&id);
            if one["status"] == "open" && one["collection_method"] == "charge_automatically" {
                // what the bank says is told by events and by the status
                let _ = invoice::pay(state, &id, None);
            }
        }
        Due::Retry(id) => {
            let _ = invoice::pay(state, &id, None);
        }
        Due::CheckoutEnd(id) => checkout::end(state, &id),
    }
}

/// `invoice.upcoming`: an invoice without an id.
fn tell_renewal(state: &mut State, id: &str) {
    let own = state.object(id).clone();
    let (_, end) = period_of(&own);
    state.object_mut(id)["_told_renewal"] = json!(end);
    let made = upcoming(state, &own, &items_of(&own), Vec::new(), false);
    let mut invoice = invoice::build(state, "upcoming_in_simulated", &made);
    invoice["next_payment_attempt"] = json!(end + invoice::DRAFT);
    invoice.as_object_mut().expect("an invoice").remove("id");
    state.emit("invoice.upcoming", &invoice, None);
}

fn end_period(state: &mut State, id: &str) {
    let own = state.object(id).clone();
    let items = items_of(&own);
    let (start, end) = period_of(&own);
    let on_trial = own["status"] == "trialing";
    if ends_with_period(&own) {
        let metered = at_period_end(state, &own, &items, (start, end), None);
        let mut lines = super::line::pending(state, text(&own, "customer"), Some(id));
        lines.extend(metered);
        bill(state, &own, lines, "subscription_cycle", (start, end), None);
        return subscription::end(state, id, "cancellation_requested");
    }
    if on_trial {
        let method = super::payment::method_of(state, text(&own, "customer"), &own["default_payment_method"]);
        match own["trial_settings"]["end_behavior"]["missing_payment_method"].as_str() {
            Some("cancel") if method.is_none() => return subscription::end(state, id, "cancellation_requested"),
            Some("pause") if method.is_none() => {
                state.object_mut(id)["status"] = json!("paused");
                return state.emit_of("customer.subscription.paused", id);
            }
            _ => {}
        }
    }
    let mut made = upcoming(state, &own, &items, Vec::new(), false);
    made.reason = "subscription_cycle";
    let next = end_after(number(&own, "billing_cycle_anchor"), &recurring_of(&items), end);
    let draft = invoice::draft(state, &made);
    let final_at = state.now + invoice::DRAFT;
    state.object_mut(&draft)["automatically_finalizes_at"] = json!(final_at);
    state.change("customer.subscription.updated", id, |own| {
        set_period(own, (end, next));
        if on_trial {
            own["status"] = json!("active");
        }
    });
}
