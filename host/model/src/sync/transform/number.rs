//! Numbers, which some vendors write as text, and money. Computed as exact decimals.

use patchbay_telephony::money::Money;
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::{Number, Value};

use super::{Changed, Trouble, invalid};
use crate::sync::Round;

/// The largest amount that records hold, in the smallest unit: what JSON's readers hold exactly.
const MOST_UNITS: i64 = 9_007_199_254_740_991;

/// A number, also of a text.
pub(super) fn read(value: &Value) -> Result<Decimal, Trouble> {
    let text = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.trim().to_owned(),
        _ => return Err(invalid("is no number")),
    };
    if text.contains('_') {
        // what reads decimals takes it for nothing, and nobody writes a number so
        return Err(invalid("is no number"));
    }
    let read = text.parse::<Decimal>().or_else(|_| Decimal::from_scientific(&text));
    read.map(|number| number.normalize()).map_err(|_| invalid("is no number, or one of more than 28 digits"))
}

/// A number in JSON: a whole one without a fraction, another as near as 64 bits come to it.
pub(super) fn value(number: Decimal) -> Value {
    let text = number.normalize().to_string();
    let whole = text.parse::<i64>().ok().map(Number::from);
    let number = whole.or_else(|| text.parse::<f64>().ok().and_then(Number::from_f64));
    number.map_or(Value::Null, Value::Number)
}

/// So many times as much.
pub(super) fn times(value: &Value, factor: u32) -> Changed {
    let product = read(value)?.checked_mul(Decimal::from(factor));
    product.map(|product| Some(self::value(product))).ok_or_else(|| invalid("is too large a number"))
}

/// A part of it, rounded to whole ones.
pub(super) fn divided(value: &Value, divisor: u32, round: Round) -> Changed {
    let strategy = match round {
        Round::Up => RoundingStrategy::AwayFromZero,
        Round::Nearest => RoundingStrategy::MidpointAwayFromZero,
        Round::Down => RoundingStrategy::ToZero,
    };
    let quotient = read(value)?.checked_div(Decimal::from(divisor));
    let rounded = quotient.map(|quotient| quotient.round_dp_with_strategy(0, strategy));
    rounded.map(|rounded| Some(self::value(rounded))).ok_or_else(|| invalid("is too large a number"))
}

/// A vendor's amount as records hold it.
pub(super) fn money(value: &Value, currency: &str) -> Result<Value, Trouble> {
    let amount = read(value)?.to_string();
    let money = Money::parse(&amount, currency).ok_or_else(|| invalid("is an amount of no currency"))?;
    let units = money.minor_units();
    if units.abs() == MOST_UNITS {
        return Err(invalid("is too large an amount"));
    }
    Ok(money.to_object())
}

/// A record's money as a vendor's amount.
pub(super) fn amount(value: &Value, currency: &str) -> Result<Value, Trouble> {
    let of = value.get("currency").and_then(Value::as_str).unwrap_or_default();
    let units = value.get("amount").and_then(Value::as_i64);
    let units = units.ok_or_else(|| invalid("is no money: an object with `amount` and `currency`"))?;
    if of != currency {
        return Err(invalid(format!("is money of another currency than {currency}, which the vendor's field is in")));
    }
    let money = Money::from_minor_units(units, currency).ok_or_else(|| invalid("is money of no currency"))?;
    // as a number where that is exact, as text where it is so large that a fraction would be lost
    let amount = self::value(money.amount);
    Ok(if read(&amount)? == money.amount { amount } else { Value::String(money.amount.to_string()) })
}
