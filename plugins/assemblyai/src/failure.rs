//! What a caller is told of a failure of AssemblyAI.

use patchbay_sdk::{Error, UpstreamFailure, clock, http};
use serde::Deserialize;

/// The longest message of AssemblyAI that is passed on, in characters.
const MAX_MESSAGE: usize = 1000;

#[derive(Default, Deserialize)]
struct Refusal {
    error: Option<String>,
}

/// The error in words that callers know. A 503 or 504 may come without JSON.
pub(crate) fn of(response: &http::WholeResponse) -> Error {
    if response.status == 401 {
        return Error::Reauthorize("AssemblyAI refused the API key".to_owned());
    }
    let message = message(response);
    Error::Upstream(UpstreamFailure {
        status: response.status,
        code: None,
        message: message.unwrap_or_else(|| format!("AssemblyAI answered with the status {}", response.status)),
        retry_after_ms: http::retry_after_ms(&response.headers, clock::now()),
    })
}

/// True if there is no such transcript. AssemblyAI says that with 404 and, for some ids, with 400.
pub(crate) fn is_missing(response: &http::WholeResponse) -> bool {
    let says_so = || message(response).is_some_and(|text| text.to_ascii_lowercase().contains("not found"));
    response.status == 404 || (response.status == 400 && says_so())
}

fn message(response: &http::WholeResponse) -> Option<String> {
    let refusal: Refusal = response.json().unwrap_or_default();
    refusal.error.map(|text| text.chars().take(MAX_MESSAGE).collect())
}
