//! From OpenAI's figures, or without them, to the meters.
//!
//! The three APIs name the same figures differently: chat and embeddings count `prompt_tokens` and
//! `completion_tokens`, responses count `input_tokens` and `output_tokens`.

use patchbay_sdk::Error;
use patchbay_sdk::proxy::{Observation, Summary};
use patchbay_sdk::usage::{self, Basis};
use serde::Deserialize;

use crate::text::CHARACTERS_PER_TOKEN;

/// Where usage is: in a body and in the frames of a chat completion, and in the last events of a response.
const PLACES: [&str; 2] = ["/usage", "/response/usage"];

/// Where text is: in the frames of a chat completion, and in the events of a response.
const TEXTS: [&str; 4] = [
    "/choices/0/delta/content",
    "/choices/0/delta/refusal",
    "/choices/0/delta/tool_calls/0/function/arguments",
    "/delta",
];

/// OpenAI's figures.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Usage {
    prompt_tokens: Option<u64>,
    input_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    output_tokens: Option<u64>,
    prompt_tokens_details: Option<Details>,
    input_tokens_details: Option<Details>,
}

#[derive(Debug, Deserialize)]
struct Details {
    cached_tokens: Option<u64>,
}

/// What the host looks for while it forwards.
pub(crate) fn observation() -> Observation {
    let observation = PLACES.into_iter().fold(Observation::new(), Observation::capture);
    TEXTS.into_iter().fold(observation, Observation::measure)
}

/// Meters what was forwarded: by OpenAI's figures if they came, else by what passed.
pub(crate) fn meter_forwarded(summary: &Summary, input_tokens: u64) -> Result<(), Error> {
    match PLACES.into_iter().find_map(|place| summary.captured::<Usage>(place)) {
        Some(usage) => meter(&usage),
        None => {
            let text = summary.measured_in_all();
            // A frame carries about one token, and some carry several.
            let output_tokens =
                if text.characters == 0 { 0 } else { text.events.max(text.characters.div_ceil(CHARACTERS_PER_TOKEN)) };
            estimate(input_tokens, output_tokens)
        }
    }
}

#[derive(Deserialize)]
struct Metered {
    usage: Option<Usage>,
}

/// Meters a whole answer: by OpenAI's figures, or by what it was asked to read if they are not there.
pub(crate) fn meter_body(body: &[u8], input_tokens: impl FnOnce() -> u64) -> Result<(), Error> {
    match serde_json::from_slice::<Metered>(body).ok().and_then(|metered| metered.usage) {
        Some(usage) => meter(&usage),
        None => estimate(input_tokens(), 0),
    }
}

/// Meters OpenAI's figures.
fn meter(usage: &Usage) -> Result<(), Error> {
    let details = usage.prompt_tokens_details.as_ref().or(usage.input_tokens_details.as_ref());
    let input = usage.prompt_tokens.or(usage.input_tokens);
    let output = usage.completion_tokens.or(usage.output_tokens);
    add("input_tokens", input, Basis::Reported)?;
    add("cached_input_tokens", details.and_then(|details| details.cached_tokens), Basis::Reported)?;
    add("output_tokens", output, Basis::Reported)
}

/// Meters without OpenAI's figures.
pub(crate) fn estimate(input_tokens: u64, output_tokens: u64) -> Result<(), Error> {
    add("input_tokens", Some(input_tokens), Basis::Estimated)?;
    add("output_tokens", Some(output_tokens), Basis::Estimated)
}

fn add(meter: &str, tokens: Option<u64>, basis: Basis) -> Result<(), Error> {
    match tokens {
        None | Some(0) => Ok(()),
        Some(tokens) => usage::add(meter, tokens, basis, None),
    }
}
