//! To OpenAI, and to the next model where the first one cannot answer.

use patchbay_sdk::{Error, Headers, http, log};

use crate::config::Config;
use crate::request::Edit;

/// The answer to a request, and whose it is.
#[derive(Debug)]
pub(crate) struct Sent {
    /// The model that was asked last.
    pub(crate) model: Option<String>,
    /// The model that was asked first, if it was another.
    pub(crate) instead_of: Option<String>,
    pub(crate) answer: Result<http::Response, Error>,
}

impl Sent {
    /// Says in an answer's headers which model gave it, where that is not the one that was asked for.
    pub(crate) fn tell(&self, headers: &mut Headers) {
        if let (Some(first), Some(model)) = (&self.instead_of, &self.model) {
            headers.set("patchbay-model", model);
            headers.set("patchbay-fallback-from", first);
        }
    }
}

/// Sends a body that asks for this model. While the answer is 429 or 5xx, or there is none to be had, the organization's other
/// models are asked, if there are any for this one: nothing has reached the client by then.
pub(crate) fn send(
    config: &Config,
    may_fall_back: bool,
    model: Option<String>,
    mut body: Vec<u8>,
    request: impl Fn(Vec<u8>) -> http::Request,
) -> Sent {
    let successors: &[String] = if may_fall_back { config.successors(model.as_deref()) } else { &[] };
    let first = model.clone();
    let mut asked = model;
    for successor in successors {
        let Some(edit) = Edit::naming(successor, &body) else { break };
        let next = edit.apply(&body);
        let answer = request(body).send();
        let Some(why) = cannot_answer(&answer) else {
            return Sent { instead_of: other(first, &asked), model: asked, answer };
        };
        log::warn(
            &format!("{} gives no answer ({why}), so {successor} is asked", asked.as_deref().unwrap_or_default()),
            &[],
        );
        // lets go of the connection before the next request
        drop(answer);
        body = next;
        asked = Some(successor.clone());
    }
    let answer = request(body).send();
    Sent { instead_of: other(first, &asked), model: asked, answer }
}

fn other(first: Option<String>, asked: &Option<String>) -> Option<String> {
    first.filter(|first| asked.as_ref() != Some(first))
}

/// Why another model might do better. Not after a timeout, or a connection that broke off: the vendor may be at work.
fn cannot_answer(answer: &Result<http::Response, Error>) -> Option<String> {
    match answer {
        Ok(response) if response.status == 429 || response.status >= 500 => Some(format!("status {}", response.status)),
        Err(Error::Unavailable(why)) => Some(why.clone()),
        Err(Error::RateLimited(_)) => Some("the vendor asked for a pause".to_owned()),
        _ => None,
    }
}
