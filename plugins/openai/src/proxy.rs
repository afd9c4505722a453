//! OpenAI's own API, for its SDKs.

use patchbay_sdk::proxy::{Observation, Request, Responder, retain_request_headers, retain_response_headers};
use patchbay_sdk::{Error, Headers, http};

use crate::cache::{self, Kept, Place};
use crate::config::Config;
use crate::forward::{self, Sent};
use crate::operation::Operation;
use crate::prices::Quantities;
use crate::refusal::Refusal;
use crate::request::{Edit, Facts};
use crate::usage::{self, Bill, Expected};
use crate::{KEY, batches, transcription};

/// As in the manifest, in bytes.
const MAX_BODY: u32 = 16 << 20;

/// Forwards one request and its answer.
pub(crate) fn handle(mut request: Request, responder: &Responder) -> Result<(), Error> {
    let config = Config::load()?;
    retain_request_headers(&mut request.headers);
    config.apply(&mut request.headers);
    match Operation::of(&request.method, &request.path) {
        Operation::Other => pass(&config, request, responder),
        Operation::Transcription => transcription::handle(&config, request, responder),
        Operation::Batch => batches::create(&config, request, responder),
        operation => converse(&config, operation, request, responder),
    }
}

/// A request that uses nothing, in constant memory.
fn pass(config: &Config, request: Request, responder: &Responder) -> Result<(), Error> {
    let url = config.url(&request.path, &request.query);
    let has_body = !matches!(request.method.as_str(), "GET" | "DELETE");
    let sent = http::Request::new(request.method, url).headers(request.headers).credential(KEY);
    let sent = if has_body { sent.body(http::Body::Stream(request.body)) } else { sent };
    pass_answer(sent.send()?, responder)
}

/// An answer that is nobody's bill.
pub(crate) fn pass_answer(mut response: http::Response, responder: &Responder) -> Result<(), Error> {
    retain_response_headers(&mut response.headers);
    responder.start(response.status, response.headers)?;
    responder.forward(response.body, None)?;
    Ok(())
}

/// A request in JSON that a model answers.
fn converse(config: &Config, operation: Operation, request: Request, responder: &Responder) -> Result<(), Error> {
    let mut body = request.body.read_to_end(MAX_BODY)?;
    let facts = Facts::of(&body);
    if facts.background {
        return Refusal::in_the_background().answer(responder);
    }
    let model = match config.choose(operation, &facts) {
        Ok(model) => model,
        Err(refusal) => return refusal.answer(responder),
    };
    let mut observation = usage::observation();
    if operation == Operation::Chat
        && let Some(edit) = &facts.ask_for_usage
    {
        body = edit.apply(&body);
        // The frame that brings the usage is the only one without choices; the others gain `"usage": null`.
        observation = observation.withhold_equal("/choices", "[]").withhold_present("/usage").strip("/usage");
    }
    body = with_default_model(body, &facts, model.as_deref());

    let may_be_kept = operation.may_be_kept() && !facts.streams;
    let kept = if may_be_kept { cache::look(config, &request.headers, &request.path, &body)? } else { Kept::Unwanted };
    let place = match kept {
        Kept::Unwanted => None,
        Kept::Place(place) => Some(place),
        Kept::Answer(answer) => {
            let answer = *answer;
            let mut headers = answer.headers;
            headers.set(cache::HEADER, "hit");
            responder.start(200, headers)?;
            responder.forward(answer.body, None)?;
            return Ok(());
        }
    };

    let url = config.url(&request.path, &request.query);
    let (method, headers) = (request.method, request.headers);
    let sent = forward::send(config, operation.writes(), model, body, |body| {
        let request = http::Request::new(method.as_str(), url.as_str()).headers(headers.clone());
        request.body(http::Body::Bytes(body)).credential(KEY)
    });
    let metered = Metered { expected: expected(operation, &facts), observation };
    settle(config, sent, responder, &metered, place)
}

/// The body with the organization's default model, where it names none.
pub(crate) fn with_default_model(body: Vec<u8>, facts: &Facts, model: Option<&str>) -> Vec<u8> {
    let missing = model.filter(|_| facts.model.is_none());
    match missing.and_then(|model| Edit::naming(model, &body)) {
        Some(edit) => edit.apply(&body),
        None => body,
    }
}

/// What the answer to a request uses.
pub(crate) fn expected(operation: Operation, facts: &Facts) -> Expected {
    let none = Quantities::default();
    let reads = Quantities { input: facts.input_tokens, ..none };
    match operation {
        Operation::Speech => {
            Expected { known: Quantities { characters: facts.spoken, ..none }, estimate: none, writes: false }
        }
        Operation::Moderation | Operation::Other => Expected { known: none, estimate: none, writes: false },
        _ => {
            Expected { known: Quantities { images: facts.images, ..none }, estimate: reads, writes: operation.writes() }
        }
    }
}

/// How an answer is metered.
#[derive(Debug)]
pub(crate) struct Metered {
    pub(crate) expected: Expected,
    pub(crate) observation: Observation,
}

/// Gives the client what came, says whose it is, and meters it for the model that gave it.
fn settle(
    config: &Config,
    sent: Sent,
    responder: &Responder,
    metered: &Metered,
    place: Option<Place>,
) -> Result<(), Error> {
    let mut told = Headers::new();
    sent.tell(&mut told);
    let model = sent.model;
    let bill = Bill::new(config, model.as_deref());
    let mut response = match sent.answer {
        // No answer came in time or before the connection broke off, or the client left before it: OpenAI has read the
        // request by then.
        Err(Error::Timeout) => {
            metered.expected.meter_unanswered(&bill)?;
            return Err(Error::Timeout);
        }
        answered => answered?,
    };
    for (name, value) in told.iter() {
        response.headers.set(name, value);
    }
    // A failure of OpenAI costs nothing and passes as it is.
    if !response.is_success() {
        return pass_answer(response, responder);
    }
    let is_whole = response.status == 200 && is_json(&response);
    if let Some(place) = place.filter(|_| is_whole) {
        response.headers.set(cache::HEADER, "miss");
        response.body = place.keep(response.body)?;
    }
    answer(response, responder, metered, &bill)
}

fn is_json(response: &http::Response) -> bool {
    response.header("content-type").is_some_and(|media| media.starts_with("application/json"))
}

fn is_stream(response: &http::Response) -> bool {
    response.header("content-type").is_some_and(|media| media.starts_with("text/event-stream"))
}

/// Passes a successful answer on and meters it.
pub(crate) fn answer(
    mut response: http::Response,
    responder: &Responder,
    metered: &Metered,
    bill: &Bill<'_>,
) -> Result<(), Error> {
    let is_json = is_json(&response);
    if is_stream(&response) {
        metered.expected.announce(bill)?;
    }
    retain_response_headers(&mut response.headers);
    if let Err(left) = responder.start(response.status, response.headers) {
        // Nobody gets the answer. A whole one is made by now, so its figures are worth reading; a stream is not.
        let figures = if is_json { response.body.read_to_end(MAX_BODY).ok() } else { None };
        metered.expected.meter_body(bill, figures.as_deref().unwrap_or_default())?;
        return Err(left);
    }
    match responder.forward(response.body, Some(metered.observation.clone())) {
        Ok(summary) => metered.expected.meter_forwarded(bill, &summary),
        Err(error) => {
            metered.expected.meter_unanswered(bill)?;
            Err(error)
        }
    }
}
