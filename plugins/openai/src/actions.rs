//! The typed operations.

use patchbay_sdk::{Call, Error, Headers, UpstreamFailure, Verbatim, clock, http};
use serde::Deserialize;

use crate::request::Facts;
use crate::types::{ChatCompletion, CreateChatCompletion, CreateEmbedding, CreateResponse, Embeddings, Response};
use crate::{KEY, ORIGIN, config, usage};

/// The longest message of OpenAI that is passed on, in characters.
const MAX_MESSAGE: usize = 1000;

/// Failures of an account that no waiting mends, by OpenAI's `code` or `type`.
const WITHOUT_MONEY: [&str; 4] =
    ["insufficient_quota", "credit_balance_exhausted", "billing_hard_limit_reached", "billing_not_active"];

pub(crate) fn create_chat_completion(
    call: Call<Verbatim<CreateChatCompletion>>,
) -> Result<Verbatim<ChatCompletion>, Error> {
    create("/v1/chat/completions", call.input)
}

pub(crate) fn create_response(call: Call<Verbatim<CreateResponse>>) -> Result<Verbatim<Response>, Error> {
    create("/v1/responses", call.input)
}

pub(crate) fn create_embedding(call: Call<Verbatim<CreateEmbedding>>) -> Result<Verbatim<Embeddings>, Error> {
    create("/v1/embeddings", call.input)
}

#[derive(Deserialize)]
struct Peek {
    stream: Option<bool>,
    background: Option<bool>,
}

fn create<I, O>(path: &str, input: Verbatim<I>) -> Result<Verbatim<O>, Error> {
    let peek: Peek = input.peek()?;
    if peek.stream == Some(true) {
        return Err(Error::invalid(
            "/stream",
            format!(
                "false or nothing: an action answers once; for a stream send the same body to /v1/proxy/openai{path}"
            ),
        ));
    }
    if peek.background == Some(true) {
        return Err(Error::invalid("/background", "false or nothing: what ends after the call cannot be metered"));
    }
    let mut headers = Headers::new();
    config::apply(&mut headers)?;
    let body = input.into_string();
    let input_tokens = || Facts::of(body.as_bytes()).input_tokens;
    let request = http::Request::post(format!("{ORIGIN}{path}"))
        .headers(headers)
        .bytes("application/json", body.as_str())
        .credential(KEY);
    let response = match request.send() {
        // OpenAI has read it and may have answered by now: that is paid for.
        Err(Error::Timeout) => {
            usage::estimate(input_tokens(), 0)?;
            return Err(Error::Timeout);
        }
        sent => sent?,
    };
    let succeeded = response.is_success();
    let response = match response.whole(u32::MAX) {
        Err(error) if succeeded => {
            usage::estimate(input_tokens(), 0)?;
            return Err(error);
        }
        whole => whole?,
    };
    if !succeeded {
        return Err(failure(&response));
    }
    usage::meter_body(&response.body, input_tokens)?;
    let status = response.status;
    let unreadable =
        |error: &dyn std::fmt::Display| Error::upstream(status, format!("OpenAI's answer is not JSON: {error}"));
    let text = String::from_utf8(response.body).map_err(|error| unreadable(&error))?;
    Verbatim::new(text).map_err(|error| unreadable(&error))
}

#[derive(Default, Deserialize)]
struct Refusal {
    #[serde(default)]
    error: Reason,
}

#[derive(Default, Deserialize)]
struct Reason {
    message: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    code: Option<String>,
}

/// What a caller is told of a failure of OpenAI.
fn failure(response: &http::WholeResponse) -> Error {
    let Reason { message, kind, code } = response.json::<Refusal>().unwrap_or_default().error;
    let is_one_of = |names: &[&str]| [&code, &kind].into_iter().flatten().any(|own| names.contains(&own.as_str()));
    let without_money = is_one_of(&WITHOUT_MONEY);
    let name = code.or(kind);
    if response.status == 401 {
        // OpenAI's message repeats parts of the key.
        let name = name.as_deref().unwrap_or("no reason given");
        return Error::Reauthorize(format!("OpenAI refused the secret key: {name}"));
    }
    let message = message.unwrap_or_else(|| format!("OpenAI answered with the status {}", response.status));
    let wait = http::retry_after_ms(&response.headers, clock::now());
    Error::Upstream(UpstreamFailure {
        status: response.status,
        code: name,
        message: message.chars().take(MAX_MESSAGE).collect(),
        retry_after_ms: if without_money { None } else { wait },
    })
}
