//! The second step of an order.
//!
//! Telnyx knows no repeats of orders. An order therefore has a reference that is made of its quote, and before it is placed
//! Telnyx is asked if there is one with it: so an order whose answer got lost is found and not placed once more.

use patchbay_sdk::{Call, Error, clock, http, jobs, log};
use patchbay_telephony::phone::Number;
use patchbay_telephony::time;
use serde::Deserialize;
use serde_json::json;

use super::quote::{self, Quote};
use super::record::Order;
use super::watch::{self, Watch};
use crate::config::Config;
use crate::types::numbers::{OrderNumber, OrderState, OrderStatus};
use crate::{api, command};

/// An order in Telnyx' answers.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Placed {
    pub(super) id: String,
    #[serde(default)]
    pub(super) status: Option<OrderStatus>,
    #[serde(default)]
    pub(super) customer_reference: Option<String>,
}

pub(super) fn order(asked: Call<OrderNumber>) -> Result<OrderState, Error> {
    let config = Config::load()?;
    let number = config.number("/phone_number", &asked.input.phone_number)?;
    let (id, cost) = match (&asked.input.quote_id, &asked.input.confirm_monthly_cost) {
        (None, None) => return quote::make(&asked, &number),
        (Some(id), Some(cost)) => (id, cost),
        (None, Some(_)) => {
            return Err(Error::invalid("/quote_id", "the quote whose cost is confirmed: leave both out to get one"));
        }
        (Some(_), None) => {
            return Err(Error::invalid("/confirm_monthly_cost", "the monthly cost of the quote, to confirm it"));
        }
    };
    let quote = quote::confirmed(id, &number, cost)?;
    let reference = format!("patchbay-{}", command::uuid(&["order", id, number.as_str()]));
    let connection = asked.input.connection_id.clone().or(config.connection_id);
    let placed = match find(&reference)? {
        Some(placed) => placed,
        None => place(&asked.input, &number, connection.as_deref(), &reference)?,
    };
    keep(&placed, &number, quote, connection, reference)
}

/// The order of this reference.
fn find(reference: &str) -> Result<Option<Placed>, Error> {
    let request = http::Request::get(api::url("/number_orders")).query("filter[customer_reference]", reference);
    let listed: api::List<Placed> = api::list(request)?;
    // whatever the filter lets through
    Ok(listed.data.into_iter().find(|order| order.customer_reference.as_deref() == Some(reference)))
}

fn place(input: &OrderNumber, number: &Number, connection: Option<&str>, reference: &str) -> Result<Placed, Error> {
    let mut body = json!({
        "phone_numbers": [{"phone_number": number.as_str(), "requirement_group_id": input.requirement_group_id}],
        "connection_id": connection,
        "customer_reference": reference,
    });
    super::without_nulls(&mut body);
    let request = http::Request::post(api::url("/number_orders")).json(&body)?.repeatable(false);
    match api::data(request) {
        Ok(placed) => Ok(placed),
        // nobody knows if it was placed: Telnyx does
        Err(error @ (Error::Timeout | Error::Unavailable(_))) => find(reference)?.ok_or(error),
        Err(Error::Upstream(failure)) if failure.status >= 500 => find(reference)?.ok_or(Error::Upstream(failure)),
        Err(error) => Err(error),
    }
}

/// Keeps the order and has it watched: from here on it will be paid for.
fn keep(
    placed: &Placed,
    number: &Number,
    quote: Quote,
    connection_id: Option<String>,
    reference: String,
) -> Result<OrderState, Error> {
    log::info("a number was ordered", &[("number", &number.masked()), ("order", &placed.id)]);
    let order = Order {
        status: OrderStatus::Pending,
        phone_number: number.as_str().to_owned(),
        customer_reference: Some(reference),
        monthly_cost: Some(quote.monthly_cost),
        upfront_cost: Some(quote.upfront_cost),
        currency: Some(quote.currency),
        connection_id,
        ordered_at: time::rfc3339(clock::now()),
    };
    // one that is done already is settled by the job as well: what it writes is not to be lost with this run
    if Order::load(&placed.id)?.is_none() {
        order.save(&placed.id)?;
    }
    let watch = Watch { order: placed.id.clone(), since: clock::now() };
    jobs::Plan::new().after_ms(watch::FIRST_MS).key(&placed.id).enqueue(watch::JOB, &watch)?;
    let status = placed.status.unwrap_or(OrderStatus::Pending);
    Ok(OrderState { status, ..order.state(placed.id.clone()) })
}
