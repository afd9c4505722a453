//! AssemblyAI's webhooks: a header with our secret, and which transcript has ended.
//!
//! The body says no more than where to look: what is metered and told comes from the transcript itself.

use patchbay_sdk::{Error, Headers, log, signature, webhook};
use serde::Deserialize;

use crate::api::is_id;
use crate::config::Config;
use crate::order::{HEADER, SECRET};
use crate::settle::{self, Seen};
use crate::watch;

#[derive(Deserialize)]
struct Notice {
    transcript_id: Option<String>,
    status: String,
}

/// A transcript that has ended.
struct Ended {
    id: String,
    status: String,
}

/// Tells if the request is from AssemblyAI, and which transcript it is about.
pub(crate) fn verify(request: &webhook::Request) -> Result<webhook::Verdict, Error> {
    let presented = {
        let mut values = request.headers.get_all(HEADER);
        match (values.next(), values.next()) {
            (Some(value), None) => value.to_owned(),
            _ => return Ok(webhook::Verdict::Refused(format!("there must be exactly one header {HEADER}"))),
        }
    };
    if !signature::equals(SECRET, presented.as_bytes())? {
        return Ok(webhook::Verdict::Refused(format!("{HEADER} is not the connection's webhook secret")));
    }
    Ok(match parse(&request.body) {
        Ok(Some(Ended { id, status })) => webhook::Verdict::Genuine(webhook::Receipt {
            id: format!("{id}:{status}"),
            kind: status,
            occurred_at: None,
            in_line: false,
        }),
        Ok(None) => {
            webhook::Verdict::Answer(webhook::Answer { status: 200, headers: Headers::new(), body: Vec::new() })
        }
        Err(reason) => webhook::Verdict::Refused(format!("with the right secret, but {reason}")),
    })
}

/// Nothing for what needs nothing done: redacted audio is asked for by those who want it.
fn parse(body: &[u8]) -> Result<Option<Ended>, String> {
    let notice: Notice = serde_json::from_slice(body).map_err(|error| format!("nothing of AssemblyAI: {error}"))?;
    match (notice.transcript_id, notice.status.as_str()) {
        (None, "redacted_audio_ready") => Ok(None),
        (Some(id), "completed" | "error") if is_id(&id) => Ok(Some(Ended { id, status: notice.status })),
        _ => Err("nothing of AssemblyAI: no id of a transcript that has ended".to_owned()),
    }
}

/// Meters and tells of the transcript.
pub(crate) fn process(request: &webhook::Request) -> Result<(), Error> {
    let Some(Ended { id, status }) = parse(&request.body).map_err(|reason| Error::invalid("", reason))? else {
        return Ok(());
    };
    let region = match watch::region_of(&id)? {
        Some(region) => region,
        None => Config::load()?.region(),
    };
    match settle::look(region, &id)? {
        Seen::Ended(_) => Ok(()),
        Seen::Gone => {
            log::warn("AssemblyAI told of a transcript that it does not have", &[("transcript", &id)]);
            Ok(())
        }
        Seen::Underway => {
            Err(Error::Unavailable(format!("the transcript {id} is not yet what it was said to be: {status}")))
        }
    }
}
