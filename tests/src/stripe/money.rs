//! Amounts: integers of a currency's smallest unit, prices with up to twelve decimal places of it, and shares of a period.
//! No floats; halves are rounded away from zero, once per line.

use serde_json::Value;

/// Decimal places of a price that Stripe keeps.
const PLACES: u32 = 12;

/// An exact decimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Decimal {
    mantissa: i128,
    places: u32,
}

impl Decimal {
    /// As in `1.3`; none for what is no decimal of at most twelve places.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let places = u32::try_from(fraction.len()).ok().filter(|places| *places <= PLACES)?;
        let digits = whole.strip_prefix('-').unwrap_or(whole);
        let numeric = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if digits.is_empty() || digits.len() > 15 || !numeric(digits) || !numeric(fraction) {
            return None;
        }
        Some(Self { mantissa: format!("{whole}{fraction}").parse().ok()?, places })
    }

    /// The amount of so many, rounded.
    pub(super) fn times(self, quantity: i64) -> i64 {
        rounded(self.mantissa * i128::from(quantity), 10_i128.pow(self.places))
    }

    fn is_whole(self) -> bool {
        self.mantissa % 10_i128.pow(self.places) == 0
    }
}

/// Both forms of a price: the integer where it is one, and the exact text.
pub(super) fn unit_amounts(unit: Decimal, text: &str) -> (Value, Value) {
    (if unit.is_whole() { Value::from(unit.times(1)) } else { Value::Null }, Value::from(text))
}

/// `amount` for `part` of `whole`.
pub(super) fn share(amount: i64, part: i64, whole: i64) -> i64 {
    if whole == 0 { 0 } else { rounded(i128::from(amount) * i128::from(part), i128::from(whole)) }
}

fn rounded(value: i128, by: i128) -> i64 {
    let (value, sign) = (value.abs() * 2 + by, value.signum());
    i64::try_from(value / (by * 2) * sign).expect("an amount of money fits")
}

/// What so many of a price cost.
pub(super) fn cost(price: &Value, quantity: i64) -> i64 {
    let unit = |holder: &Value| {
        let text = holder["unit_amount_decimal"].as_str().unwrap_or("0");
        Decimal::parse(text).expect("a stored price is a decimal")
    };
    let Some(tiers) = price["_tiers"].as_array() else { return unit(price).times(quantity) };
    let flat = |tier: &Value| tier["flat_amount"].as_i64().unwrap_or(0);
    let holds = |tier: &Value, count: i64| tier["up_to"].as_i64().is_none_or(|up_to| count <= up_to);
    if price["tiers_mode"] == "volume" {
        let tier = tiers.iter().find(|tier| holds(tier, quantity)).expect("the last tier has no end");
        return unit(tier).times(quantity) + flat(tier);
    }
    let mut below = 0;
    let mut sum = 0;
    for tier in tiers {
        if quantity <= below && below > 0 {
            break;
        }
        let top = tier["up_to"].as_i64().unwrap_or(i64::MAX).min(quantity);
        sum += unit(tier).times(top - below) + if quantity > below { flat(tier) } else { 0 };
        below = top;
    }
    sum
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn prices_below_a_cent_are_exact_until_the_line_is_rounded() {
        assert_eq!(Decimal::parse("1.3").unwrap().times(1_000), 1_300);
        assert_eq!(Decimal::parse("0.75").unwrap().times(3), 2);
        assert_eq!(Decimal::parse("0.75").unwrap().times(2), 2);
        assert_eq!(Decimal::parse("-0.5").unwrap().times(1), -1);
        for wrong in ["", ".5", "1e3", "1,5", "--1", "1.0000000000001"] {
            assert_eq!(Decimal::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn shares_are_rounded_away_from_zero() {
        assert_eq!((share(1000, 1, 3), share(1000, 2, 3), share(-1000, 2, 3), share(5, 1, 2)), (333, 667, -667, 3));
    }

    #[test]
    fn tiers_cost_what_each_of_them_says() {
        let tiers = json!([{"up_to": 10, "unit_amount_decimal": "0"}, {"up_to": null, "unit_amount_decimal": "1.5", "flat_amount": 100}]);
        let graduated = json!({"tiers_mode": "graduated", "_tiers": tiers});
        assert_eq!([0, 10, 11, 20].map(|quantity| cost(&graduated, quantity)), [0, 0, 102, 115]);
        let volume = json!({"tiers_mode": "volume", "_tiers": tiers});
        assert_eq!([10, 11].map(|quantity| cost(&volume, quantity)), [0, 117]);
    }
}
