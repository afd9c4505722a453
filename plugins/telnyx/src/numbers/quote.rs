//! Prices that were said, until they are confirmed or end.

use std::time::Duration;

use patchbay_sdk::clock::Timestamp;
use patchbay_sdk::{Call, Error, clock, kv};
use patchbay_telephony::money::Money;
use patchbay_telephony::phone::Number;
use patchbay_telephony::time;
use serde::{Deserialize, Serialize};

use super::search::{self, Listed};
use crate::types::numbers::{OrderNumber, OrderState, OrderStatus};
use crate::{api, command};

/// How long a price holds.
const HOLDS: Duration = Duration::from_secs(15 * 60);

/// What a number was said to cost.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Quote {
    pub(super) number: String,
    pub(super) monthly_cost: String,
    pub(super) upfront_cost: String,
    pub(super) currency: String,
    expires_at: Timestamp,
}

/// Asks what a number costs, and remembers the answer.
///
/// # Errors
/// [`Error::NotFound`] if nobody can order the number.
pub(super) fn make(asked: &Call<OrderNumber>, number: &Number) -> Result<OrderState, Error> {
    let country = number.country().unwrap_or("US");
    let national = number.as_str().trim_start_matches('+');
    let code = number.calling_code().to_string();
    let national = national.strip_prefix(code.as_str()).unwrap_or(national);
    let request = search::request(country, false, 10).query("filter[phone_number][contains]", national);
    let listed: api::List<Listed> = api::list(request)?;
    let found = listed.data.into_iter().find(|one| one.phone_number == number.as_str());
    let gone = || Error::NotFound(format!("{} cannot be ordered: search for another one", number.masked()));
    let cost = found.ok_or_else(gone)?.cost_information;
    let (Some(monthly_cost), Some(currency)) = (cost.monthly_cost, cost.currency) else {
        return Err(Error::upstream(200, "Telnyx does not say what the number costs"));
    };
    let upfront_cost = cost.upfront_cost.unwrap_or_else(|| "0".to_owned());
    // of this run, whatever key it came with: an order is known by its quote, and the same key a month later means another one
    let id = format!("quote_{}", command::uuid(&["quote", &asked.run, number.as_str()]));
    let expires_at = clock::now().saturating_add(u64::try_from(HOLDS.as_millis()).unwrap_or(u64::MAX));
    let quote = Quote { number: number.as_str().to_owned(), monthly_cost, upfront_cost, currency, expires_at };
    let text = serde_json::to_vec(&quote).map_err(|error| Error::Internal(error.to_string()))?;
    kv::set(&key(&id), &text, Some(HOLDS), None)?;
    Ok(OrderState {
        status: OrderStatus::Quoted,
        phone_number: quote.number,
        monthly_cost: Some(quote.monthly_cost),
        upfront_cost: Some(quote.upfront_cost),
        currency: Some(quote.currency),
        quote_id: Some(id),
        quote_expires_at: Some(time::rfc3339(quote.expires_at)),
        order_id: None,
        customer_reference: None,
    })
}

/// The price that is confirmed.
///
/// # Errors
/// [`Error::Invalid`] for a quote that is over, is about another number, or said another price.
pub(super) fn confirmed(id: &str, number: &Number, monthly_cost: &str) -> Result<Quote, Error> {
    let ended = || Error::invalid("/quote_id", "a quote of the last 15 minutes: ask for the price once more");
    let entry = kv::get(&key(id))?.ok_or_else(ended)?;
    let quote: Quote = serde_json::from_slice(&entry.value).map_err(|error| Error::Internal(error.to_string()))?;
    if quote.number != number.as_str() {
        return Err(Error::invalid("/quote_id", "the quote of this number"));
    }
    let said = Money::parse(&quote.monthly_cost, &quote.currency);
    if said.is_none() || said != Money::parse(monthly_cost, &quote.currency) {
        let expected = format!("the monthly cost of the quote, {} {}", quote.monthly_cost, quote.currency);
        return Err(Error::invalid("/confirm_monthly_cost", expected));
    }
    Ok(quote)
}

fn key(id: &str) -> String {
    format!("quote/{id}")
}
