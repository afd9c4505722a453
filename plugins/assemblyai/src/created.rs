//! What follows a transcript that AssemblyAI has taken on.

use patchbay_sdk::{Error, http, log};
use serde::Deserialize;

use crate::config::Region;
use crate::{api, watch};

#[derive(Deserialize)]
struct Created {
    id: String,
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
