//! Amounts: HubSpot writes them as decimal numbers, records have whole numbers of a currency's smallest unit.

/// More digits than money has.
const MAX_DIGITS: usize = 15;

/// How many decimals a currency has: ISO 4217 where they are not two.
fn decimals(currency: &str) -> usize {
    match currency.as_bytes() {
        b"BIF" | b"CLP" | b"DJF" | b"GNF" | b"ISK" | b"JPY" | b"KMF" | b"KRW" | b"PYG" | b"RWF" | b"UGX" | b"UYI"
        | b"VND" | b"VUV" | b"XAF" | b"XOF" | b"XPF" => 0,
        b"BHD" | b"IQD" | b"JOD" | b"KWD" | b"LYD" | b"OMR" | b"TND" => 3,
        _ => 2,
    }
}

/// `1200.5` as 120050 of a currency with cents; a half of the smallest unit is rounded away from zero. None for what is no amount.
pub(crate) fn to_minor(text: &str, currency: &str) -> Option<i64> {
    let text = text.trim();
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() + fraction.len() == 0 || whole.len() > MAX_DIGITS || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let places = decimals(currency);
    let kept: String = fraction.chars().chain(std::iter::repeat('0')).take(places).collect();
    let rounds_up = fraction.as_bytes().get(places).is_some_and(|digit| *digit >= b'5');
    let amount: i64 = format!("0{whole}{kept}").parse().ok()?;
    Some(sign * (amount + i64::from(rounds_up)))
}

/// 120050 as `1200.50`.
pub(crate) fn to_decimal(amount: i64, currency: &str) -> String {
    let places = decimals(currency);
    let sign = if amount < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", amount.unsigned_abs(), width = places + 1);
    let (whole, fraction) = digits.split_at(digits.len() - places);
    let point = if places == 0 { "" } else { "." };
    format!("{sign}{whole}{point}{fraction}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_become_each_other() {
        for (text, currency, minor) in [
            ("1200", "EUR", 120_000),
            ("1200.5", "EUR", 120_050),
            ("0.005", "EUR", 1),
            ("-3.10", "USD", -310),
            ("500", "JPY", 500),
            ("1.2345", "KWD", 1_235),
            (".5", "USD", 50),
        ] {
            assert_eq!(to_minor(text, currency), Some(minor), "{text} {currency}");
            assert_eq!(to_minor(&to_decimal(minor, currency), currency), Some(minor), "{text} {currency}");
        }
        assert_eq!(
            (to_decimal(5, "EUR"), to_decimal(-310, "USD"), to_decimal(500, "JPY")),
            ("0.05".into(), "-3.10".into(), "500".into())
        );
    }

    #[test]
    fn what_is_no_amount_is_none() {
        for text in ["", "-", ".", "1e3", "1,200", "12.3.4", "9999999999999999999", "NaN"] {
            assert_eq!(to_minor(text, "EUR"), None, "{text}");
        }
    }
}
