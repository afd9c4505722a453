//! What follows a request for a transcript: it is watched, and where it has no answer it is looked for.

use patchbay_sdk::{Error, http, log};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::config::Region;
use crate::{api, lost, watch};

#[derive(Deserialize)]
struct Created {
    id: String,
}

/// Asks for a transcript. What AssemblyAI may have taken on without saying so is looked for later.
pub(crate) fn ask(
    region: Region,
    request: http::Request,
    members: &Map<String, Value>,
    hooked: bool,
) -> Result<http::WholeResponse, Error> {
    let answer = request.fetch();
    let is_lost = match &answer {
        Ok(response) => response.status >= 500 || (response.is_success() && response.json::<Created>().is_err()),
        // an answer that breaks off half way is `unavailable`, as is a vendor that was never reached, of which nothing is found
        Err(error) => matches!(error, Error::Timeout | Error::Unavailable(_)),
    };
    if is_lost && let Err(error) = lost::remember(region, members, hooked) {
        log::error("a request for a transcript broke off and was not written down", &[("error", &error.to_string())]);
    }
    answer
}

/// Has it watched. From here on it will be paid for, so it must not be lost.
pub(crate) fn follow(region: Region, response: &http::WholeResponse, hooked: bool) -> Result<(), Error> {
    match response.json::<Created>() {
        Ok(created) if api::is_id(&created.id) => watch::begin(region, &created.id, hooked),
        Ok(_) => Err(Error::upstream(response.status, "AssemblyAI gave the transcript an id that is none")),
        Err(error) => {
            log::error("AssemblyAI took a transcript on without an id to follow it by", &[]);
            Err(error)
        }
    }
}
