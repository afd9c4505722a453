//! What models cost, by a table of the org's own, computed exactly.
//!
//! OpenAI changes its prices, sells at others by contract, and other vendors speak its protocol: so there is no table in the
//! code. Prices are decimal texts and not numbers, because a JSON number may be read as a float on its way. All is
//! counted in whole millionths of a millionth of the currency, and rounded once, upwards, to a billionth.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::models;

/// Digits behind the point that a price may have.
const DIGITS: usize = 6;

/// A price in the currency: millionths of it.
type Micros = u64;

/// What models cost.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    /// Three letters (ISO 4217), as in `USD`.
    #[schemars(regex(pattern = r"^[A-Z]{3}$"))]
    pub currency: String,
    /// Where they are from, as in `https://openai.com/api/pricing`.
    #[schemars(length(min = 1, max = 500))]
    pub source: String,
    /// The day on which they held there, as in `2026-11-01`.
    #[schemars(regex(pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"))]
    pub as_of: String,
    /// What a batch costs of them, in per cent.
    #[serde(default = "whole")]
    #[schemars(range(min = 1, max = 100))]
    pub batch_percent: u32,
    /// By the model's id; `*` at the end stands for any rest. A dated snapshot (`-2026-08-07`) costs what its model does,
    /// unless it is listed itself.
    pub models: BTreeMap<String, Price>,
}

const fn whole() -> u32 {
    100
}

/// What one model costs, as decimal texts like `1.25`. What has no price costs nothing.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// A million tokens that are read.
    #[serde(default)]
    #[schemars(regex(pattern = r"^[0-9]{1,9}(\.[0-9]{1,6})?$"))]
    pub input: Option<String>,
    /// Of them, a million that come from the vendor's cache. Default: `input`.
    #[serde(default)]
    #[schemars(regex(pattern = r"^[0-9]{1,9}(\.[0-9]{1,6})?$"))]
    pub cached_input: Option<String>,
    /// Of them, a million that are audio. Default: `input`.
    #[serde(default)]
    #[schemars(regex(pattern = r"^[0-9]{1,9}(\.[0-9]{1,6})?$"))]
    pub audio_input: Option<String>,
    /// A million tokens that are written.
    #[serde(default)]
    #[schemars(regex(pattern = r"^[0-9]{1,9}(\.[0-9]{1,6})?$"))]
    pub output: Option<String>,
    /// Of them, a million that are audio. Default: `output`.
    #[serde(default)]
    #[schemars(regex(pattern = r"^[0-9]{1,9}(\.[0-9]{1,6})?$"))]
    pub audio_output: Option<String>,
    /// A minute of audio that is transcribed.
    #[serde(default)]
    #[schemars(regex(pattern = r"^[0-9]{1,9}(\.[0-9]{1,6})?$"))]
    pub audio_minute: Option<String>,
    /// A million characters that are spoken.
    #[serde(default)]
    #[schemars(regex(pattern = r"^[0-9]{1,9}(\.[0-9]{1,6})?$"))]
    pub characters: Option<String>,
}

/// What was used of a model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Quantities {
    /// Tokens read, those from a cache and those of audio among them.
    pub(crate) input: u64,
    pub(crate) cached_input: u64,
    pub(crate) audio_input: u64,
    /// Tokens written, those of audio among them.
    pub(crate) output: u64,
    pub(crate) audio_output: u64,
    /// Of audio that was transcribed.
    pub(crate) seconds: u64,
    /// That were spoken.
    pub(crate) characters: u64,
    /// That a model was shown; they cost as the tokens that they are counted as.
    pub(crate) images: u64,
}

impl Prices {
    /// The price of a model.
    pub(crate) fn of(&self, model: &str) -> Option<&Price> {
        let listed = |model: &str| {
            self.models.get(model).or_else(|| {
                let fits = self.models.iter().filter(|(listed, _)| models::covers(listed, model));
                fits.max_by_key(|(listed, _)| listed.len()).map(|(_, price)| price)
            })
        };
        listed(model).or_else(|| listed(models::without_date(model)?))
    }
}

impl Price {
    /// Every price with its name.
    pub(crate) fn all(&self) -> [(&'static str, Option<&str>); 7] {
        [
            ("input", self.input.as_deref()),
            ("cached_input", self.cached_input.as_deref()),
            ("audio_input", self.audio_input.as_deref()),
            ("output", self.output.as_deref()),
            ("audio_output", self.audio_output.as_deref()),
            ("audio_minute", self.audio_minute.as_deref()),
            ("characters", self.characters.as_deref()),
        ]
    }

    /// What so much costs, in billionths of the currency.
    pub(crate) fn cost(&self, used: &Quantities, percent: u32) -> u64 {
        let price = |text: Option<&String>| u128::from(text.and_then(|text| micros(text)).unwrap_or(0));
        let (input, output) = (price(self.input.as_ref()), price(self.output.as_ref()));
        let or_else = |text: Option<&String>, other: u128| text.map_or(other, |text| price(Some(text)));
        let plain_input = used.input.saturating_sub(used.cached_input).saturating_sub(used.audio_input);
        let plain_output = used.output.saturating_sub(used.audio_output);
        // a price for a million, in millionths: so much a piece, in millionths of millionths
        let pieces = [
            (plain_input, input),
            (used.cached_input, or_else(self.cached_input.as_ref(), input)),
            (used.audio_input, or_else(self.audio_input.as_ref(), input)),
            (plain_output, output),
            (used.audio_output, or_else(self.audio_output.as_ref(), output)),
            (used.characters, price(self.characters.as_ref())),
        ];
        // no vendor counts as far as 2^50, and the sum of such products stays in 128 bits
        let count = |count: u64| u128::from(count.min(1 << 50));
        let pieces = pieces.into_iter().map(|(pieces, each)| count(pieces) * each).sum::<u128>();
        let minutes = count(used.seconds) * price(self.audio_minute.as_ref()) * 1_000_000;
        let exact = pieces * 60 + minutes;
        let nanos = (exact * u128::from(percent)).div_ceil(60 * 100 * 1_000);
        u64::try_from(nanos).unwrap_or(u64::MAX)
    }
}

/// A decimal text in millionths; none if it is none, or has more digits than are counted.
pub(crate) fn micros(text: &str) -> Option<Micros> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(part) || part.len() > DIGITS {
        return None;
    }
    let whole = whole.parse::<u64>().ok()?.checked_mul(1_000_000)?;
    let part = format!("{part:0<DIGITS$}").parse::<u64>().ok()?;
    whole.checked_add(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(input: &str, cached: Option<&str>, output: &str) -> Price {
        Price {
            input: Some(input.to_owned()),
            cached_input: cached.map(str::to_owned),
            output: Some(output.to_owned()),
            ..Price::default()
        }
    }

    #[test]
    fn a_decimal_is_read_exactly() {
        assert_eq!(micros("1.25"), Some(1_250_000));
        assert_eq!(micros("0.000001"), Some(1));
        assert_eq!(micros("15"), Some(15_000_000));
        for text in ["", ".", "1.", ".5", "-1", "1e3", "1,5", "0.0000001", "99999999999999999999"] {
            assert_eq!(micros(text), None, "{text}");
        }
    }

    #[test]
    fn a_cost_is_exact_and_rounded_once_and_upwards() {
        let used = Quantities { input: 1_000, cached_input: 400, output: 10, ..Quantities::default() };
        // 600 * 1.25 + 400 * 0.125 + 10 * 10, per million, in billionths
        assert_eq!(price("1.25", Some("0.125"), "10").cost(&used, 100), 750_000 + 50_000 + 100_000);
        assert_eq!(price("1.25", None, "10").cost(&used, 100), 1_250_000 + 100_000);
        assert_eq!(price("1.25", None, "10").cost(&used, 50), 675_000);
        let one = Quantities { input: 1, ..Quantities::default() };
        assert_eq!(price("0.0005", None, "0").cost(&one, 100), 1);
        let a_lot = Quantities { input: u64::MAX, ..Quantities::default() };
        assert_eq!(price("999999999", None, "0").cost(&a_lot, 100), u64::MAX);
    }

    #[test]
    fn a_minute_of_audio_and_characters_have_prices_of_their_own() {
        let whisper = Price { audio_minute: Some("0.006".to_owned()), ..Price::default() };
        assert_eq!(whisper.cost(&Quantities { seconds: 90, ..Quantities::default() }, 100), 9_000_000);
        let speech = Price { characters: Some("15".to_owned()), ..Price::default() };
        assert_eq!(speech.cost(&Quantities { characters: 100, ..Quantities::default() }, 100), 1_500_000);
    }

    #[test]
    fn the_narrowest_entry_counts_and_a_dated_snapshot_costs_what_its_model_does() {
        let models = [("gpt-5*", "1"), ("gpt-5-mini", "2"), ("gpt-5-nano*", "3")];
        let models = models.map(|(model, input)| (model.to_owned(), price(input, None, "0")));
        let prices = Prices {
            currency: "USD".to_owned(),
            source: "a test".to_owned(),
            as_of: "2026-11-01".to_owned(),
            batch_percent: 50,
            models: models.into(),
        };
        let input = |model: &str| prices.of(model).and_then(|price| price.input.clone());
        assert_eq!(input("gpt-5-mini").as_deref(), Some("2"));
        assert_eq!(input("gpt-5-nano-x").as_deref(), Some("3"));
        assert_eq!(input("gpt-5-pro").as_deref(), Some("1"));
        assert_eq!(input("gpt-4.1"), None);
        let exact = Prices { models: [("gpt-4.1".to_owned(), price("7", None, "0"))].into(), ..prices };
        assert_eq!(exact.of("gpt-4.1-2025-04-14").and_then(|price| price.input.clone()).as_deref(), Some("7"));
    }
}
