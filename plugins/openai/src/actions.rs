//! The typed operations.

use patchbay_sdk::{Call, Error, File, Headers, UpstreamFailure, Verbatim, clock, http};
use serde::Deserialize;

use crate::KEY;
use crate::cache::{self, Kept};
use crate::config::Config;
use crate::forward;
use crate::operation::Operation;
use crate::proxy::{expected, with_default_model};
use crate::request::Facts;
use crate::types::{
    ChatCompletion, CreateChatCompletion, CreateEmbedding, CreateModeration, CreateResponse, CreateSpeech, Embeddings,
    Moderation, Response,
};
use crate::usage::Bill;

/// The longest message of OpenAI that is passed on, in characters.
const MAX_MESSAGE: usize = 1000;

/// Failures of an account that no waiting mends, by OpenAI's `code` or `type`.
const WITHOUT_MONEY: [&str; 4] =
    ["insufficient_quota", "credit_balance_exhausted", "billing_hard_limit_reached", "billing_not_active"];

/// The largest answer, in bytes: half an hour of speech.
const MAX_ANSWER: u32 = 26 << 20;

pub(crate) fn create_chat_completion(
    call: Call<Verbatim<CreateChatCompletion>>,
) -> Result<Verbatim<ChatCompletion>, Error> {
    create(Operation::Chat, "/v1/chat/completions", call.input)
}

pub(crate) fn create_response(call: Call<Verbatim<CreateResponse>>) -> Result<Verbatim<Response>, Error> {
    create(Operation::Response, "/v1/responses", call.input)
}

pub(crate) fn create_embedding(call: Call<Verbatim<CreateEmbedding>>) -> Result<Verbatim<Embeddings>, Error> {
    create(Operation::Embedding, "/v1/embeddings", call.input)
}

pub(crate) fn create_moderation(call: Call<Verbatim<CreateModeration>>) -> Result<Verbatim<Moderation>, Error> {
    create(Operation::Moderation, "/v1/moderations", call.input)
}

pub(crate) fn create_speech(call: Call<Verbatim<CreateSpeech>>) -> Result<File, Error> {
    let answer = ask(Operation::Speech, "/v1/audio/speech", call.input.into_string().into_bytes())?;
    Ok(File::Bytes { content_type: answer.content_type, bytes: answer.body })
}

#[derive(Deserialize)]
struct Peek {
    stream: Option<bool>,
    background: Option<bool>,
}

fn create<I, O>(operation: Operation, path: &str, input: Verbatim<I>) -> Result<Verbatim<O>, Error> {
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
    let answer = ask(operation, path, input.into_string().into_bytes())?;
    let unreadable =
        |error: &dyn std::fmt::Display| Error::upstream(answer.status, format!("OpenAI's answer is not JSON: {error}"));
    let mut text = String::from_utf8(answer.body).map_err(|error| unreadable(&error))?;
    if let Some(first) = &answer.instead_of {
        tell_fallback(&mut text, first);
    }
    Verbatim::new(text).map_err(|error| unreadable(&error))
}

/// Says in an answer for which model another one stood in; the answer's own `model` says which.
fn tell_fallback(text: &mut String, first: &str) {
    if let Some(at) = text.find('{').filter(|at| text.get(at + 1..).is_some_and(|rest| rest.trim_start() != "}")) {
        text.insert_str(at + 1, &format!("\"fallback_from\":{},", serde_json::Value::from(first)));
    }
}

/// What OpenAI said.
struct Answer {
    status: u16,
    content_type: String,
    body: Vec<u8>,
    /// The model that was asked for, if another one answered.
    instead_of: Option<String>,
}

/// Asks and meters.
fn ask(operation: Operation, path: &str, body: Vec<u8>) -> Result<Answer, Error> {
    let config = Config::load()?;
    let facts = Facts::of(&body);
    let model = config.choose(operation, &facts)?;
    let body = with_default_model(body, &facts, model.as_deref());
    let mut headers = Headers::new();
    config.apply(&mut headers);
    let kept = if operation.may_be_kept() { cache::look(&config, &headers, path, &body)? } else { Kept::Unwanted };
    let place = match kept {
        Kept::Unwanted => None,
        Kept::Place(place) => Some(place),
        Kept::Answer(answer) => {
            let body = answer.body.read_to_end(MAX_ANSWER)?;
            return Ok(Answer { status: 200, content_type: "application/json".to_owned(), body, instead_of: None });
        }
    };

    let url = config.url(path, "");
    let sent = forward::send(&config, operation.writes(), model, body, |body| {
        let request = http::Request::post(url.as_str()).headers(headers.clone());
        request.bytes("application/json", body).credential(KEY)
    });
    let expected = expected(operation, &facts);
    let bill = Bill::new(&config, sent.model.as_deref());
    let mut response = match sent.answer {
        // No answer in time, or none before the connection broke off: OpenAI has read it, and that is paid for.
        Err(Error::Timeout) => {
            expected.meter_unanswered(&bill)?;
            return Err(Error::Timeout);
        }
        answered => answered?,
    };
    let succeeded = response.is_success();
    if let Some(place) = place.filter(|_| response.status == 200) {
        response.body = place.keep(response.body)?;
    }
    let response = match response.whole(MAX_ANSWER) {
        Err(error) if succeeded => {
            expected.meter_unanswered(&bill)?;
            return Err(error);
        }
        whole => whole?,
    };
    if !succeeded {
        return Err(failure(&response));
    }
    expected.meter_body(&bill, &response.body)?;
    let content_type = response.header("content-type").unwrap_or("application/octet-stream").to_owned();
    Ok(Answer { status: response.status, content_type, body: response.body, instead_of: sent.instead_of })
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
