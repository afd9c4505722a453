//! From OpenAI's figures, or without them, to the meters.
//!
//! The APIs name the same figures differently: chat and embeddings count `prompt_tokens` and `completion_tokens`, responses,
//! transcriptions and speech `input_tokens` and `output_tokens`; some transcriptions are counted in seconds.

use patchbay_sdk::Error;
use patchbay_sdk::proxy::{Observation, Summary};
use patchbay_sdk::usage::{self, Basis};
use serde::Deserialize;
use serde_json::Number;

use crate::config::Config;
use crate::prices::{self, Price, Quantities};
use crate::text::CHARACTERS_PER_TOKEN;

/// Where usage is: in a body, in the frames of a chat completion and at the end of other streams, and in the last events of a
/// response.
const PLACES: [&str; 2] = ["/usage", "/response/usage"];

/// Where the length of a transcribed recording is, if usage has none.
const DURATION: &str = "/duration";

/// Where text is: in the frames of a chat completion, and in the events of a response.
const TEXTS: [&str; 4] = [
    "/choices/0/delta/content",
    "/choices/0/delta/refusal",
    "/choices/0/delta/tool_calls/0/function/arguments",
    "/delta",
];

/// The meter of tokens that a model wrote, by which a stream is measured.
const WRITTEN: &str = "output_tokens";

/// The meter of what it costs.
const COST: &str = "cost";

/// OpenAI's figures.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Usage {
    prompt_tokens: Option<u64>,
    input_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    output_tokens: Option<u64>,
    prompt_tokens_details: Option<Details>,
    #[serde(alias = "input_token_details")]
    input_tokens_details: Option<Details>,
    completion_tokens_details: Option<Details>,
    #[serde(alias = "output_token_details")]
    output_tokens_details: Option<Details>,
    seconds: Option<Number>,
}

#[derive(Debug, Default, Deserialize)]
struct Details {
    cached_tokens: Option<u64>,
    audio_tokens: Option<u64>,
}

impl Usage {
    pub(crate) fn quantities(&self) -> Quantities {
        let none = Details::default();
        let read = self.prompt_tokens_details.as_ref().or(self.input_tokens_details.as_ref()).unwrap_or(&none);
        let written = self.completion_tokens_details.as_ref().or(self.output_tokens_details.as_ref()).unwrap_or(&none);
        Quantities {
            input: self.prompt_tokens.or(self.input_tokens).unwrap_or(0),
            cached_input: read.cached_tokens.unwrap_or(0),
            audio_input: read.audio_tokens.unwrap_or(0),
            output: self.completion_tokens.or(self.output_tokens).unwrap_or(0),
            audio_output: written.audio_tokens.unwrap_or(0),
            seconds: self.seconds.as_ref().map_or(0, whole_seconds),
            ..Quantities::default()
        }
    }
}

/// A second that was begun counts.
fn whole_seconds(seconds: &Number) -> u64 {
    // as text: what is billed is not computed in floats
    prices::micros(&cut(&seconds.to_string())).map_or(0, |micros| micros.div_ceil(1_000_000))
}

/// At most six digits behind the point.
fn cut(number: &str) -> String {
    match number.split_once('.') {
        Some((whole, part)) => format!("{whole}.{}", part.chars().take(6).collect::<String>()),
        None => number.to_owned(),
    }
}

/// Who used something, and what it costs.
#[derive(Debug)]
pub(crate) struct Bill<'a> {
    pub(crate) config: &'a Config,
    pub(crate) model: Option<&'a str>,
    /// Of the prices.
    pub(crate) percent: u32,
    /// Makes a repeat harmless.
    pub(crate) id: Option<&'a str>,
}

impl<'a> Bill<'a> {
    /// Of one answer.
    pub(crate) const fn new(config: &'a Config, model: Option<&'a str>) -> Self {
        Self { config, model, percent: 100, id: None }
    }

    fn price(&self) -> Option<&'a Price> {
        self.config.prices.as_ref().zip(self.model).and_then(|(prices, model)| prices.of(model))
    }

    /// Has budgets in money end a stream as it flows: what was read, and each token that is written, costs something.
    fn grows(&self, read: &Quantities) -> Result<(), Error> {
        let Some(price) = self.price() else { return Ok(()) };
        let token = Quantities { output: 1, ..Quantities::default() };
        usage::grows(COST, WRITTEN, price.cost(read, self.percent), price.cost(&token, self.percent))
    }

    /// Meters so much.
    pub(crate) fn meter(&self, used: &Quantities, basis: Basis) -> Result<(), Error> {
        let price = self.price();
        let meters = [
            ("input_tokens", used.input),
            ("cached_input_tokens", used.cached_input),
            ("audio_input_tokens", used.audio_input),
            (WRITTEN, used.output),
            ("audio_output_tokens", used.audio_output),
            ("audio_seconds", used.seconds),
            ("characters", used.characters),
            ("images", used.images),
            (COST, price.map_or(0, |price| price.cost(used, self.percent))),
        ];
        for (meter, quantity) in meters.into_iter().filter(|(_, quantity)| *quantity > 0) {
            let id = self.id.map(|id| format!("{id}:{meter}"));
            usage::add(meter, quantity, basis, id.as_deref())?;
        }
        Ok(())
    }
}

/// What an answer uses.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected {
    /// Known from the request: characters to be spoken, images to be looked at.
    pub(crate) known: Quantities,
    /// What it comes to where OpenAI does not say.
    pub(crate) estimate: Quantities,
    /// Text that passes is counted in tokens where OpenAI does not say.
    pub(crate) writes: bool,
}

impl Expected {
    /// Says what a streamed answer costs while it flows, if it is one that is measured.
    pub(crate) fn announce(&self, bill: &Bill<'_>) -> Result<(), Error> {
        if self.writes { bill.grows(&self.estimate) } else { Ok(()) }
    }

    /// Meters what was asked for and never came: OpenAI has read it.
    pub(crate) fn meter_unanswered(&self, bill: &Bill<'_>) -> Result<(), Error> {
        bill.meter(&self.known, Basis::Reported)?;
        bill.meter(&self.estimate, Basis::Estimated)
    }

    /// Meters what was forwarded: by OpenAI's figures if they came, else by what passed.
    pub(crate) fn meter_forwarded(&self, bill: &Bill<'_>, summary: &Summary) -> Result<(), Error> {
        let usage = PLACES.into_iter().find_map(|place| summary.captured::<Usage>(place));
        let duration = summary.captured::<Number>(DURATION);
        if let Some(reported) = reported(usage.as_ref(), duration.as_ref()) {
            return bill.meter(&self.with_known(reported), Basis::Reported);
        }
        let text = summary.measured_in_all();
        // A frame carries about one token, and some carry several.
        let output = match text.characters {
            0 => 0,
            characters if self.writes => text.events.max(characters.div_ceil(CHARACTERS_PER_TOKEN)),
            _ => 0,
        };
        bill.meter(&self.known, Basis::Reported)?;
        bill.meter(&Quantities { output, ..self.estimate }, Basis::Estimated)
    }

    /// Meters a whole answer: by OpenAI's figures, or by what it was asked to read if they are not there.
    pub(crate) fn meter_body(&self, bill: &Bill<'_>, body: &[u8]) -> Result<(), Error> {
        let metered = serde_json::from_slice::<Metered>(body).unwrap_or_default();
        match reported(metered.usage.as_ref(), metered.duration.as_ref()) {
            Some(reported) => bill.meter(&self.with_known(reported), Basis::Reported),
            None => self.meter_unanswered(bill),
        }
    }

    fn with_known(&self, reported: Quantities) -> Quantities {
        Quantities { characters: self.known.characters, images: self.known.images, ..reported }
    }
}

#[derive(Default, Deserialize)]
struct Metered {
    #[serde(default)]
    usage: Option<Usage>,
    #[serde(default)]
    duration: Option<Number>,
}

/// OpenAI's own figures; none if there are none.
fn reported(usage: Option<&Usage>, duration: Option<&Number>) -> Option<Quantities> {
    if usage.is_none() && duration.is_none() {
        return None;
    }
    let mut quantities = usage.map(Usage::quantities).unwrap_or_default();
    if quantities.seconds == 0 {
        quantities.seconds = duration.map_or(0, whole_seconds);
    }
    Some(quantities)
}

/// What the host looks for while it forwards.
pub(crate) fn observation() -> Observation {
    let observation = PLACES.into_iter().fold(Observation::new(), Observation::capture).capture(DURATION);
    TEXTS.into_iter().fold(observation, Observation::measure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_whole_and_a_second_that_was_begun_counts() {
        let seconds = |text: &str| whole_seconds(&serde_json::from_str(text).unwrap());
        assert_eq!((seconds("9"), seconds("8.470000267028809"), seconds("8.0"), seconds("0.2")), (9, 9, 8, 1));
    }

    #[test]
    fn each_api_names_its_figures_differently() {
        let quantities = |json: &str| serde_json::from_str::<Usage>(json).unwrap().quantities();
        let transcribed = quantities(
            r#"{"type":"tokens","input_tokens":14,"input_token_details":{"text_tokens":10,"audio_tokens":4},"output_tokens":101}"#,
        );
        assert_eq!((transcribed.input, transcribed.audio_input, transcribed.output), (14, 4, 101));
        let chat = quantities(
            r#"{"prompt_tokens":9,"prompt_tokens_details":{"cached_tokens":5},"completion_tokens":3,"completion_tokens_details":{"audio_tokens":2}}"#,
        );
        assert_eq!((chat.input, chat.cached_input, chat.output, chat.audio_output), (9, 5, 3, 2));
        assert_eq!(quantities(r#"{"type":"duration","seconds":61.2}"#).seconds, 62);
    }
}
