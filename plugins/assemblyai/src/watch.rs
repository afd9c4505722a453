//! The job that asks for a transcript until it has ended, in case no webhook comes.

use std::time::Duration;

use patchbay_sdk::clock::{self, Timestamp};
use patchbay_sdk::task::{Next, Step};
use patchbay_sdk::{Error, jobs, kv, log};
use serde::{Deserialize, Serialize};

use crate::config::Region;
use crate::settle::{self, Seen};

/// Its kind in the manifest.
pub(crate) const JOB: &str = "watch-transcript";

/// The first question where no webhook is expected, in milliseconds. Short recordings are done within seconds.
const FIRST_MS: u64 = 5_000;
/// The first question where one is.
const FIRST_BEHIND_A_WEBHOOK_MS: u64 = 60_000;
/// The longest wait between two.
const LONGEST_MS: u64 = 600_000;
/// AssemblyAI queues what is too much at once, for as long as that takes; but not for three days.
const GIVEN_UP_MS: u64 = 3 * 24 * 3_600_000;
/// How long it is remembered that a transcript was made here; longer than it is watched.
const REMEMBERED: Duration = Duration::from_secs(7 * 24 * 3600);

/// Which transcript.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Watch {
    transcript: String,
    region: Region,
    since: Timestamp,
}

/// What became of it.
#[derive(Debug, Serialize)]
pub(crate) struct Watched {
    status: String,
}

/// Remembers at once that a transcript was made here, and has it watched if the run succeeds.
pub(crate) fn begin(region: Region, id: &str, hooked: bool) -> Result<(), Error> {
    kv::set(&remembered(id), region.as_str().as_bytes(), Some(REMEMBERED), None)?;
    let watch = Watch { transcript: id.to_owned(), region, since: clock::now() };
    let first = if hooked { FIRST_BEHIND_A_WEBHOOK_MS } else { FIRST_MS };
    jobs::Plan::new().after_ms(first).key(id).enqueue(JOB, &watch).map(drop)
}

/// In which region a transcript is that was made here.
pub(crate) fn region_of(id: &str) -> Result<Option<Region>, Error> {
    Ok(kv::get(&remembered(id))?.and_then(|entry| Region::parse(&entry.value)))
}

fn remembered(id: &str) -> String {
    format!("made/{id}")
}

/// Asks once.
pub(crate) fn step(step: Step<Watch, ()>) -> Result<Next<(), Watched>, Error> {
    let Watch { transcript, region, since } = step.payload;
    let status = match settle::look(region, &transcript)? {
        Seen::Ended(status) => status,
        Seen::Gone => {
            log::warn("AssemblyAI has no such transcript any more", &[("transcript", &transcript)]);
            "gone".to_owned()
        }
        Seen::Underway => {
            let elapsed = clock::now().saturating_sub(since);
            if elapsed > GIVEN_UP_MS {
                let text = format!("AssemblyAI has not ended the transcript {transcript} within three days");
                return Err(Error::Unavailable(text));
            }
            // half as long again as it has taken so far
            return Ok(Next::LaterMs((elapsed / 2).clamp(FIRST_MS, LONGEST_MS)));
        }
    };
    Ok(Next::Done(Watched { status }))
}
