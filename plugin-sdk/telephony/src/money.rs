//! Money as carriers tell it, in decimals of a currency, and as standard objects hold it, in its smallest unit.
//!
//! A minute costs fractions of a cent. Amounts are therefore added as exact decimals and rounded once, when an object is
//! written; never as floating point numbers, whose sums depend on their order.

use rust_decimal::{Decimal, RoundingStrategy, prelude::ToPrimitive as _};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The largest amount that an object holds: what JSON's readers hold exactly.
const MOST: i64 = 9_007_199_254_740_991;

/// Currencies without a smaller unit (ISO 4217).
const WHOLE: [&str; 16] =
    ["BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"];
/// Currencies with a thousandth (ISO 4217).
const THOUSANDTHS: [&str; 7] = ["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"];

/// An exact amount of one currency.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Money {
    /// In whole units of the currency: `0.0125`.
    pub amount: Decimal,
    /// ISO 4217, in capitals.
    pub currency: String,
}

impl Money {
    /// Reads an amount and a currency as carriers write them: `("-0.01250", "usd")`. `None` if the amount is no decimal or
    /// the currency not three letters. The sign stays: whoever's carrier writes costs as negative takes [`Self::cost`].
    #[must_use]
    pub fn parse(amount: &str, currency: &str) -> Option<Self> {
        let currency = currency.trim().to_ascii_uppercase();
        let three = currency.len() == 3 && currency.bytes().all(|byte| byte.is_ascii_uppercase());
        let amount = amount.trim().parse::<Decimal>().ok()?.normalize();
        three.then_some(Self { amount, currency })
    }

    /// As [`Self::parse`], without the sign: what was paid.
    #[must_use]
    pub fn cost(amount: &str, currency: &str) -> Option<Self> {
        let money = Self::parse(amount, currency)?;
        Some(Self { amount: money.amount.abs(), ..money })
    }

    /// So many of a currency's smallest unit, as objects hold it. `None` if the currency is not three letters.
    #[must_use]
    pub fn from_minor_units(units: i64, currency: &str) -> Option<Self> {
        let money = Self::parse("0", currency)?;
        Some(Self { amount: Decimal::new(units, digits(&money.currency)).normalize(), ..money })
    }

    /// In the currency's smallest unit, halves away from zero; at most what JSON holds exactly.
    #[must_use]
    pub fn minor_units(&self) -> i64 {
        let scaled = self.amount.checked_mul(Decimal::from(10_u32.pow(digits(&self.currency))));
        let rounded = scaled.map(|amount| amount.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero));
        match rounded.and_then(|amount| amount.to_i64()) {
            Some(units) => units.clamp(-MOST, MOST),
            None if self.amount.is_sign_negative() => -MOST,
            None => MOST,
        }
    }

    /// As standard objects hold it: `{"amount": 1, "currency": "USD"}`.
    #[must_use]
    pub fn to_object(&self) -> Value {
        json!({"amount": self.minor_units(), "currency": self.currency})
    }

    /// As text, exactly: `{"amount": "0.0125", "currency": "USD"}`; for an object's `extra`.
    #[must_use]
    pub fn to_exact(&self) -> Value {
        json!({"amount": self.amount.normalize().to_string(), "currency": self.currency})
    }
}

/// Adds amounts up, one sum per currency, in the currencies' alphabetical order. A sum that no decimal holds stays at the
/// largest.
#[must_use]
pub fn sums<'a>(amounts: impl IntoIterator<Item = &'a Money>) -> Vec<Money> {
    let mut sums = std::collections::BTreeMap::<&str, Decimal>::new();
    for money in amounts {
        let sum = sums.entry(&money.currency).or_default();
        *sum = sum.saturating_add(money.amount);
    }
    sums.into_iter()
        .map(|(currency, amount)| Money { amount: amount.normalize(), currency: currency.to_owned() })
        .collect()
}

/// An amount in a currency's smallest unit as people write it: `19.99 USD`.
pub(crate) fn written(units: i64, currency: &str) -> String {
    format!("{} {currency}", Decimal::new(units, digits(currency)))
}

/// How many digits a currency has after the point (ISO 4217).
fn digits(currency: &str) -> u32 {
    match currency {
        code if WHOLE.contains(&code) => 0,
        code if THOUSANDTHS.contains(&code) => 3,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(amount: &str, currency: &str) -> Money {
        Money::parse(amount, currency).unwrap()
    }

    #[test]
    fn carriers_amounts_are_read_exactly() {
        assert_eq!(money("0.10", "usd").to_exact(), json!({"amount": "0.1", "currency": "USD"}));
        assert_eq!(Money::cost("-0.00750", "USD"), Some(money("0.0075", "USD")));
        for (amount, currency) in [("", "USD"), ("1,5", "USD"), ("1", "US"), ("1", "US1"), ("free", "USD")] {
            assert_eq!(Money::parse(amount, currency), None, "{amount} {currency}");
        }
    }

    #[test]
    fn minor_units_are_rounded_once() {
        for (amount, currency, units) in [
            ("0.0125", "USD", 1),
            ("0.005", "USD", 1),
            ("0.0049", "USD", 0),
            ("-0.005", "USD", -1),
            ("1.00000", "EUR", 100),
            ("12.4", "JPY", 12),
            ("1.2345", "KWD", 1235),
            ("79228162514264337593543950335", "USD", MOST),
        ] {
            assert_eq!(money(amount, currency).minor_units(), units, "{amount} {currency}");
        }
    }

    #[test]
    fn amounts_are_written_as_people_do() {
        for (units, currency, text) in [(1999, "USD", "19.99 USD"), (-5, "EUR", "-0.05 EUR"), (12, "JPY", "12 JPY")] {
            assert_eq!(written(units, currency), text);
        }
    }

    #[test]
    fn minor_units_are_read_back() {
        for (units, currency, amount) in
            [(1999, "usd", "19.99"), (-5, "EUR", "-0.05"), (12, "JPY", "12"), (MOST, "KWD", "9007199254740.991")]
        {
            let money = Money::from_minor_units(units, currency).unwrap();
            assert_eq!((money.minor_units(), money.amount.to_string()), (units, amount.to_owned()));
        }
        assert_eq!(Money::from_minor_units(1, "US"), None);
    }

    #[test]
    fn ten_times_a_tenth_of_a_cent_is_a_cent() {
        let tenths = vec![money("0.001", "USD"); 10];
        assert_eq!(sums(&tenths), [money("0.01", "USD")]);
        assert_eq!(sums([&money("1", "USD"), &money("2", "EUR")]), [money("2", "EUR"), money("1", "USD")]);
    }
}
