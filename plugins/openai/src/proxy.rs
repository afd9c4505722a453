//! OpenAI's own API, for its SDKs.

use patchbay_sdk::proxy::{Observation, Request, Responder, retain_request_headers, retain_response_headers};
use patchbay_sdk::{Error, Headers, http};

use crate::request::Facts;
use crate::{KEY, ORIGIN, config, usage};

/// As in the manifest, in bytes.
const MAX_BODY: u32 = 16 << 20;

/// What a request that cannot be metered is told, in OpenAI's own shape.
const NO_BACKGROUND: &str = r#"{"error":{"message":"Responses in the background are not offered here: leave 'background' out.","type":"invalid_request_error","param":"background","code":"unsupported_parameter"}}"#;

/// Forwards one request and its answer.
pub(crate) fn handle(mut request: Request, responder: &Responder) -> Result<(), Error> {
    retain_request_headers(&mut request.headers);
    config::apply(&mut request.headers)?;
    let mut url = format!("{ORIGIN}{}", request.path);
    if !request.query.is_empty() {
        url.push('?');
        url.push_str(&request.query);
    }
    let forwarded = http::Request::new(request.method.as_str(), url).headers(request.headers).credential(KEY);
    if request.method == "GET" {
        return answer(forwarded, responder, None);
    }

    let mut body = request.body.read_to_end(MAX_BODY)?;
    let facts = Facts::of(&body);
    if facts.background {
        let headers: Headers = [("content-type", "application/json")].into_iter().collect();
        responder.start(400, headers)?;
        return responder.write(NO_BACKGROUND.as_bytes());
    }
    let mut observation = usage::observation();
    let asked = if request.path == "/v1/chat/completions" { facts.ask_for_usage } else { None };
    if let Some(edit) = asked {
        edit.apply(&mut body);
        // The frame that brings the usage is the only one without choices; the others gain `"usage": null`.
        observation = observation.withhold_equal("/choices", "[]").withhold_present("/usage").strip("/usage");
    }
    let metered = Metered { observation, input_tokens: facts.input_tokens };
    answer(forwarded.body(http::Body::Bytes(body)), responder, Some(metered))
}

/// How a request is metered.
struct Metered {
    observation: Observation,
    /// Estimated.
    input_tokens: u64,
}

fn answer(request: http::Request, responder: &Responder, metered: Option<Metered>) -> Result<(), Error> {
    let mut response = match (request.send(), &metered) {
        // No answer came in time, or the client left before it: OpenAI has read the request by then.
        (Err(Error::Timeout), Some(metered)) => {
            usage::estimate(metered.input_tokens, 0)?;
            return Err(Error::Timeout);
        }
        (sent, _) => sent?,
    };
    let is_json = response.headers.get("content-type").is_some_and(|media| media.starts_with("application/json"));
    retain_response_headers(&mut response.headers);
    // A failure of OpenAI costs nothing and passes as it is.
    let metered = metered.filter(|_| response.is_success());
    let started = responder.start(response.status, response.headers);
    let Some(metered) = metered else {
        started?;
        responder.forward(response.body, None)?;
        return Ok(());
    };
    if let Err(left) = started {
        // Nobody gets the answer. A whole one is made by now, so its figures are worth reading; a stream is not.
        let figures = if is_json { response.body.read_to_end(MAX_BODY).ok() } else { None };
        usage::meter_body(figures.as_deref().unwrap_or_default(), || metered.input_tokens)?;
        return Err(left);
    }
    match responder.forward(response.body, Some(metered.observation)) {
        Ok(summary) => usage::meter_forwarded(&summary, metered.input_tokens),
        Err(error) => {
            usage::estimate(metered.input_tokens, 0)?;
            Err(error)
        }
    }
}
