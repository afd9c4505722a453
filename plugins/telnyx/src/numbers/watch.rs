//! Orders until they are done: Telnyx works on them behind its answer. A job asks, and a webhook may be faster.

use patchbay_sdk::clock::{self, Timestamp};
use patchbay_sdk::task::{Next, Step};
use patchbay_sdk::{Call, Error, events, http, jobs, log};
use patchbay_telephony::time;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::list;
use super::record::{self, FAILED, Failed, ORDERED, Order, Ordered};
use crate::api;
use crate::types::numbers::{GetOrder, OrderState, OrderStatus};

/// The kind of job in the manifest.
pub(crate) const JOB: &str = "watch-order";

/// Before the first question, in milliseconds: most orders take seconds.
pub(super) const FIRST_MS: u64 = 5_000;
/// The longest wait between two.
const LONGEST_MS: u64 = 600_000;
/// Numbers that need papers take days; but not months.
const GIVEN_UP_MS: u64 = 45 * 24 * 3_600_000;

/// Which order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Watch {
    pub(super) order: String,
    pub(super) since: Timestamp,
}

/// What became of it.
#[derive(Debug, Serialize)]
pub(crate) struct Watched {
    status: OrderStatus,
}

/// An order, with the numbers in it.
#[derive(Debug, Deserialize)]
struct Placed {
    id: String,
    #[serde(default)]
    status: Option<OrderStatus>,
    #[serde(default)]
    customer_reference: Option<String>,
    #[serde(default)]
    connection_id: Option<String>,
    #[serde(default)]
    phone_numbers: Vec<Wanted>,
}

#[derive(Debug, Deserialize)]
struct Wanted {
    phone_number: String,
}

/// Asks once.
pub(crate) fn step(step: Step<Watch, ()>) -> Result<Next<(), Watched>, Error> {
    let Watch { order, since } = step.payload;
    let order = settle(ask(&order)?)?;
    if order.status != OrderStatus::Pending {
        return Ok(Next::Done(Watched { status: order.status }));
    }
    let elapsed = clock::now().saturating_sub(since);
    if elapsed > GIVEN_UP_MS {
        return Err(Error::Unavailable("Telnyx has not done the order within 45 days".to_owned()));
    }
    // half as long again as it has taken so far
    Ok(Next::LaterMs((elapsed / 2).clamp(FIRST_MS, LONGEST_MS)))
}

/// Takes in what a webhook says of an order.
pub(crate) fn told(payload: &Value) -> Result<(), Error> {
    let placed: Placed = match Placed::deserialize(payload) {
        Ok(placed) => placed,
        Err(error) => {
            log::warn("Telnyx told of an order that is none", &[("error", &error.to_string())]);
            return Ok(());
        }
    };
    // the contract does not promise a status here
    let placed = if placed.status.is_some() { placed } else { ask(&placed.id)? };
    let id = placed.id.clone();
    let order = settle(placed)?;
    if order.status == OrderStatus::Pending {
        let watch = Watch { order: id.clone(), since: clock::now() };
        jobs::Plan::new().after_ms(FIRST_MS).key(&id).enqueue(JOB, &watch)?;
    }
    Ok(())
}

pub(super) fn get(asked: Call<GetOrder>) -> Result<OrderState, Error> {
    let id = asked.input.order_id;
    Ok(settle(ask(&id)?)?.state(id))
}

fn ask(order: &str) -> Result<Placed, Error> {
    api::data(http::Request::get(api::url(&format!("/number_orders/{}", api::segment("/order_id", order)?))))
}

/// Brings what is kept up to what Telnyx says; of an order that is done, its number, its event and its first month.
fn settle(placed: Placed) -> Result<Order, Error> {
    let id = placed.id;
    let wanted = placed.phone_numbers.into_iter().next().map(|wanted| wanted.phone_number);
    let kept = Order::load(&id)?;
    let known = kept.as_ref().map(|kept| kept.status);
    // one that was placed past the hub is taken in all the same
    let mut order = match (kept, wanted) {
        (Some(kept), _) => kept,
        (None, Some(phone_number)) => Order {
            status: OrderStatus::Pending,
            phone_number,
            customer_reference: placed.customer_reference,
            monthly_cost: None,
            upfront_cost: None,
            currency: None,
            connection_id: placed.connection_id,
            ordered_at: time::rfc3339(clock::now()),
        },
        (None, None) => return Err(Error::upstream(200, "Telnyx gave an order without a number")),
    };
    // an older message never takes back what is done
    if let Some(now) = placed.status.filter(|_| order.status == OrderStatus::Pending) {
        order.status = now;
    }
    if known == Some(order.status) {
        return Ok(order);
    }
    match order.status {
        OrderStatus::Success => {
            let Some(listed) = list::find(&order.phone_number)? else {
                // the order is ahead of the list
                order.status = OrderStatus::Pending;
                return Ok(order);
            };
            let object = listed.show(order.monthly())?;
            record::meter(&record::number(&order.phone_number)?)?;
            let ordered = Ordered {
                phone_number: &order.phone_number,
                phone_number_id: &object,
                order_id: &id,
                monthly_cost: order.monthly_cost.as_deref(),
                currency: order.currency.as_deref(),
                connection_id: listed.connection_id.as_deref(),
            };
            events::publish(ORDERED, &object, &ordered, Some(&format!("{id}/ordered")))?;
        }
        OrderStatus::Failure => {
            let failed = Failed { phone_number: &order.phone_number, order_id: &id };
            events::publish(FAILED, &id, &failed, Some(&format!("{id}/failed")))?;
        }
        OrderStatus::Pending | OrderStatus::Quoted => {}
    }
    order.save(&id)?;
    Ok(order)
}
