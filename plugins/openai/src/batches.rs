//! Batches: hundreds of requests in one file, answered within a day.
//!
//! Nothing is used when a batch is made, so a job looks after it until it has ended and meters what OpenAI then says. Where the
//! organization's settings say which models may be used, the file is read before: a batch would be a way around them.

use patchbay_sdk::proxy::{Request, Responder, retain_response_headers};
use patchbay_sdk::task::{Next, Step};
use patchbay_sdk::usage::Basis;
use patchbay_sdk::{Error, Headers, clock, http, jobs, log};
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::refusal::Refusal;
use crate::usage::{Bill, Usage};
use crate::{KEY, proxy};

/// The kind of job that looks after a batch, as in the manifest.
pub(crate) const JOB: &str = "meter-batch";

/// The largest request and the largest answer about a batch, in bytes.
const MAX_BODY: u32 = 1 << 20;

/// The largest file that is read for its models, in bytes.
const MAX_FILE: u32 = 16 << 20;

/// How long a batch is left alone between two looks, in milliseconds: most take minutes, and some hours.
const LOOK_AGAIN_MS: u64 = 120_000;

/// What the job is made with.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Planned {
    batch: String,
}

/// How a batch ended.
#[derive(Debug, Serialize)]
pub(crate) struct Ended {
    batch: String,
    status: String,
}

#[derive(Deserialize)]
struct Wanted {
    input_file_id: Option<String>,
}

/// A batch, as far as it matters here.
#[derive(Deserialize)]
struct Batch {
    id: String,
    #[serde(default)]
    status: String,
    model: Option<String>,
    usage: Option<Usage>,
}

/// Makes a batch, and sees to it that it will be metered.
pub(crate) fn create(config: &Config, request: Request, responder: &Responder) -> Result<(), Error> {
    let body = request.body.read_to_end(MAX_BODY)?;
    if config.minds_models()
        && let Err(refusal) = check(config, &body)?
    {
        return refusal.answer(responder);
    }
    let url = config.url(&request.path, &request.query);
    let sent = http::Request::new(request.method, url).headers(request.headers).credential(KEY);
    let mut response = sent.body(http::Body::Bytes(body)).send()?;
    if !response.is_success() {
        return proxy::pass_answer(response, responder);
    }
    retain_response_headers(&mut response.headers);
    let (status, headers) = (response.status, std::mem::take(&mut response.headers));
    let made = response.body.read_to_end(MAX_BODY)?;
    let is_planned = match serde_json::from_slice::<Batch>(&made) {
        Ok(batch) => {
            let plan = jobs::Plan::new().after_ms(LOOK_AGAIN_MS).key(&batch.id);
            plan.enqueue(JOB, &Planned { batch: batch.id })?;
            true
        }
        Err(_) => {
            log::warn("the vendor's answer is no batch, so nothing of it will be metered", &[]);
            false
        }
    };
    match responder.start(status, headers).and_then(|()| responder.write(&made)) {
        // it was made and will cost: a run that fails would plan nothing
        Err(error) if is_planned => {
            log::warn("the client left before it was told of its batch", &[("error", &error.to_string())]);
            Ok(())
        }
        told => told,
    }
}

/// Whether each request of the batch asks for a model that may be used.
fn check(config: &Config, body: &[u8]) -> Result<Result<(), Refusal>, Error> {
    let wanted = serde_json::from_slice::<Wanted>(body).ok().and_then(|wanted| wanted.input_file_id);
    let Some(file) = wanted.filter(|file| is_id(file)) else {
        return Ok(Err(Refusal::unread_batch("`input_file_id` names a file")));
    };
    let mut headers = Headers::new();
    config.apply(&mut headers);
    let url = config.url(&format!("/v1/files/{file}/content"), "");
    let response = http::Request::get(url).headers(headers).credential(KEY).send()?;
    if !response.is_success() {
        return Ok(Err(Refusal::unread_batch("OpenAI does not give the file")));
    }
    let lines = match response.body.read_to_end(MAX_FILE) {
        Ok(lines) => lines,
        Err(Error::Exhausted(_)) => return Ok(Err(Refusal::unread_batch("the file has more than 16 MiB"))),
        Err(error) => return Err(error),
    };
    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()) {
        let Ok(asked) = serde_json::from_slice::<Line>(line) else {
            return Ok(Err(Refusal::unread_batch("a line of the file is no request with a model")));
        };
        if let Err(refusal) = config.check(asked.body.model.as_deref()) {
            return Ok(Err(refusal));
        }
    }
    Ok(Ok(()))
}

/// One request of a batch.
#[derive(Deserialize)]
struct Line {
    body: Asked,
}

#[derive(Deserialize)]
struct Asked {
    model: Option<String>,
}

/// What stands in a path as it is.
fn is_id(text: &str) -> bool {
    (1..=200).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// Looks whether a batch has ended, and meters it.
pub(crate) fn step(step: Step<Planned, ()>) -> Result<Next<(), Ended>, Error> {
    let Planned { batch } = step.payload;
    if !is_id(&batch) {
        return Err(Error::Internal("a batch's id that cannot stand in a path".to_owned()));
    }
    let config = Config::load()?;
    let mut headers = Headers::new();
    config.apply(&mut headers);
    let url = config.url(&format!("/v1/batches/{batch}"), "");
    let response = http::Request::get(url).headers(headers).credential(KEY).fetch()?;
    match response.status {
        200 => {}
        404 => return Ok(Next::Done(Ended { batch, status: "gone".to_owned() })),
        401 | 403 => return Err(Error::Reauthorize("OpenAI does not show the batch to this key".to_owned())),
        429 | 500.. => {
            let wait = http::retry_after_ms(&response.headers, clock::now());
            return Ok(Next::LaterMs(wait.unwrap_or(LOOK_AGAIN_MS)));
        }
        status => return Err(Error::upstream(status, "OpenAI does not show the batch")),
    }
    let found: Batch = response.json()?;
    if !matches!(&*found.status, "completed" | "failed" | "expired" | "cancelled") {
        return Ok(Next::LaterMs(LOOK_AGAIN_MS));
    }
    if let Some(usage) = &found.usage {
        let percent = config.prices.as_ref().map_or(100, |prices| prices.batch_percent);
        let id = format!("batch:{}", found.id);
        let bill = Bill { config: &config, model: found.model.as_deref(), percent, id: Some(&id) };
        bill.meter(&usage.quantities(), Basis::Reported)?;
    }
    Ok(Next::Done(Ended { batch, status: found.status }))
}
