//! Requests for a transcript that have no answer.
//!
//! AssemblyAI may have taken one on all the same: then a transcript is made and paid for whose id nobody here was told. Its webhook
//! tells of it, if there is one and it comes. For when none does, such a request is written down at once, and each hour a job looks
//! for what became of it in AssemblyAI's list: a transcript of the same audio from about that time that nobody here knows, with the
//! hub's webhook in it if the request had that. What is found is watched like any other.
//!
//! Of the audio's address a hash is kept: addresses may carry a signature by which anybody could fetch the audio.

use std::time::Duration;

use patchbay_sdk::clock::{self, Timestamp};
use patchbay_sdk::task::{Next, Step};
use patchbay_sdk::{Error, http, installation, kv, log};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::config::Region;
use crate::{api, settle, watch};

/// Its kind in the manifest.
pub(crate) const JOB: &str = "find-transcripts";

/// Where they are written down.
const KEY: &str = "lost";
/// As many are kept as fit into a value, with room.
const MOST: usize = 300;
/// A value that others write as well is tried so often.
const TRIES: usize = 10;
/// How far the times of AssemblyAI and the hub may be apart, and how long the request took, in milliseconds.
const APART_MS: u64 = 600_000;
/// What is not in the list by then was never made.
const GIVEN_UP_MS: u64 = 3 * 3_600_000;
/// Longer than they are looked for.
const KEPT: Duration = Duration::from_secs(24 * 3600);
/// Pages of 200 that are looked through for one region.
const PAGES: usize = 50;

/// A request without an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Lost {
    region: Region,
    since: Timestamp,
    audio: String,
    /// AssemblyAI was asked to call the hub.
    hooked: bool,
}

/// What became of them.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Found {
    /// Transcripts that were made, and are watched now.
    found: usize,
    /// Requests that nothing came of.
    given_up: usize,
}

#[derive(Deserialize)]
struct Page {
    page_details: Details,
    transcripts: Vec<Listed>,
}

#[derive(Deserialize)]
struct Details {
    prev_url: Option<String>,
}

#[derive(Deserialize)]
struct Listed {
    id: String,
    created: String,
    audio_url: String,
}

impl Listed {
    /// AssemblyAI writes times of UTC without saying so.
    fn created(&self) -> Option<Timestamp> {
        clock::parse_rfc3339(&self.created).or_else(|| clock::parse_rfc3339(&format!("{}Z", self.created)))
    }
}

impl Lost {
    fn may_be(&self, listed: &Listed) -> bool {
        let is_near = listed.created().is_some_and(|created| created.abs_diff(self.since) <= APART_MS);
        is_near && hash(&listed.audio_url) == self.audio
    }
}

/// Writes down a request that AssemblyAI may have taken on although it was not said so. What names no audio was not taken on.
pub(crate) fn remember(region: Region, members: &Map<String, Value>, hooked: bool) -> Result<(), Error> {
    let Some(audio) = members.get("audio_url").and_then(Value::as_str) else { return Ok(()) };
    let lost = Lost { region, since: clock::now(), audio: hash(audio), hooked };
    change(|all| {
        if all.len() >= MOST {
            log::error("so many requests for transcripts have no answer that the oldest is forgotten", &[]);
            all.remove(0);
        }
        all.push(lost.clone());
    })
}

/// Looks for all that were written down.
pub(crate) fn step(_: Step<(), ()>) -> Result<Next<(), Found>, Error> {
    let (all, _) = read()?;
    let mut found = Vec::new();
    for region in [Region::Us, Region::Eu] {
        let here: Vec<&Lost> = all.iter().filter(|lost| lost.region == region).collect();
        if !here.is_empty() {
            found.extend(find(region, &here)?);
        }
    }
    let now = clock::now();
    let is_given_up = |lost: &&Lost| now.saturating_sub(lost.since) > GIVEN_UP_MS && !found.contains(*lost);
    let given_up: Vec<Lost> = all.iter().filter(is_given_up).cloned().collect();
    let done: Vec<&Lost> = found.iter().chain(&given_up).collect();
    change(|all| {
        for one in &done {
            if let Some(at) = all.iter().position(|lost| lost == *one) {
                all.remove(at);
            }
        }
    })?;
    Ok(Next::Done(Found { found: found.len(), given_up: given_up.len() }))
}

/// Those of them that were made: they are watched from then on.
fn find(region: Region, lost: &[&Lost]) -> Result<Vec<Lost>, Error> {
    let oldest = lost.iter().map(|lost| lost.since).min().unwrap_or_default().saturating_sub(APART_MS);
    let ours = installation::webhook_url();
    let mut missing = lost.to_vec();
    let mut found = Vec::new();
    let mut before: Option<String> = None;
    for _ in 0..PAGES {
        let page = page(region, before.as_deref())?;
        for listed in &page.transcripts {
            let may_be_one = api::is_id(&listed.id) && missing.iter().any(|lost| lost.may_be(listed));
            if !may_be_one || watch::region_of(&listed.id)?.is_some() {
                continue;
            }
            // one that the hub asked to be called for names its webhook; of another nothing more can be told
            let hooked = settle::webhook_of(region, &listed.id)?.as_ref() == Some(&ours);
            if let Some(at) = missing.iter().position(|lost| lost.hooked == hooked && lost.may_be(listed)) {
                watch::begin(region, &listed.id, hooked)?;
                found.push(missing.remove(at).clone());
            }
        }
        let is_old = |listed: &Listed| listed.created().is_some_and(|created| created < oldest);
        before = match page.transcripts.last() {
            Some(last) if page.page_details.prev_url.is_some() && !is_old(last) && !missing.is_empty() => {
                Some(last.id.clone())
            }
            _ => break,
        };
    }
    Ok(found)
}

fn page(region: Region, before: Option<&str>) -> Result<Page, Error> {
    let request = http::Request::get(format!("{}/v2/transcript", region.api())).query("limit", "200");
    let request = match before {
        Some(id) => request.query("before_id", id),
        None => request,
    };
    api::call(request)?.json()
}

fn read() -> Result<(Vec<Lost>, u64), Error> {
    let Some(entry) = kv::get(KEY)? else { return Ok((Vec::new(), 0)) };
    // what an older version wrote down otherwise is given up
    Ok((serde_json::from_slice(&entry.value).unwrap_or_default(), entry.version))
}

/// Changes what is written down, whoever else does at the same time.
fn change(edit: impl Fn(&mut Vec<Lost>)) -> Result<(), Error> {
    for _ in 0..TRIES {
        let (before, version) = read()?;
        let mut after = before.clone();
        edit(&mut after);
        if after == before {
            return Ok(());
        }
        let value = serde_json::to_vec(&after).map_err(|error| Error::Internal(error.to_string()))?;
        match kv::set(KEY, &value, Some(KEPT), Some(version)) {
            Err(Error::Conflict(_)) => {}
            written => return written.map(drop),
        }
    }
    Err(Error::Conflict("too many requests for transcripts break off at the same time".to_owned()))
}

fn hash(audio_url: &str) -> String {
    Sha256::digest(audio_url).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
