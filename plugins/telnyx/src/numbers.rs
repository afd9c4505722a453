//! Numbers: found, ordered in two steps, configured, given back, metered each month, and compared with Telnyx' list.

mod configure;
mod list;
mod monthly;
mod order;
mod quote;
pub(crate) mod reconcile;
pub(crate) mod record;
mod search;
pub(crate) mod watch;

use patchbay_sdk::{Actions, Tasks};
use serde_json::Value;

/// Adds what can be asked for.
pub(crate) fn add_actions(actions: Actions) -> Actions {
    actions
        .add("search-numbers", search::search)
        .add("order-number", order::order)
        .add("get-order", watch::get)
        .add("configure-number", configure::configure)
        .add("release-number", configure::release)
        .add("list-numbers", list::list)
}

/// Adds what is done by itself.
pub(crate) fn add_tasks(tasks: Tasks) -> Tasks {
    tasks.add(watch::JOB, watch::step).add(monthly::JOB, monthly::step).add(reconcile::JOB, reconcile::step)
}

/// Takes out what says nothing.
fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().for_each(without_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(without_nulls),
        _ => {}
    }
}
