//! Recordings: fetched at once, because Telnyx' links end after ten minutes, and kept as files of the organization.

use patchbay_sdk::blobs::{self, Blob};
use patchbay_sdk::clock::{self, Timestamp};
use patchbay_sdk::task::{Next, Step};
use patchbay_sdk::{Error, http, jobs, log, objects, records};
use patchbay_telephony::fold::{Recording, RecordingStatus};
use patchbay_telephony::time;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::config::Config;
use crate::{api, calls};

/// The kind of job in the manifest.
pub(crate) const JOB: &str = "fetch-recording";

/// How long Telnyx' links lead to a recording, in milliseconds, and a little less.
const LINK_MS: u64 = 9 * 60_000 + 30_000;

/// Between two questions for a recording that Telnyx does not list yet, in milliseconds.
const WAIT_MS: u64 = 30_000;

/// After so long, in milliseconds, a recording that Telnyx does not list is none.
const GIVEN_UP_MS: u64 = 24 * 3_600_000;

/// A recording that Telnyx has told of.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Saved {
    /// As in [`calls::Work::call`].
    pub(crate) call: String,
    pub(crate) leg: Option<String>,
    pub(crate) control: Option<String>,
    /// Telnyx' id of it, if Telnyx has told that with it.
    pub(crate) recording: Option<String>,
    /// Telnyx' id of it, as it was found by. That of the record stays as it was.
    #[serde(default)]
    pub(crate) found: Option<String>,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) ended_at: Option<Timestamp>,
    pub(crate) duration_s: Option<u64>,
    pub(crate) channels: Option<u8>,
    /// Where it is for some minutes.
    pub(crate) url: Option<String>,
    pub(crate) content_type: Option<String>,
    /// When Telnyx told.
    pub(crate) told_at: Option<Timestamp>,
}

/// What the job is made with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Fetch {
    saved: Saved,
    since: Timestamp,
}

/// What became of it.
#[derive(Debug, Serialize)]
pub(crate) struct Fetched {
    recording: String,
    status: &'static str,
}

/// A recording in Telnyx' list.
#[derive(Debug, Deserialize)]
struct Listed {
    id: String,
    status: Option<String>,
    #[serde(default)]
    download_urls: Urls,
    duration_millis: Option<u64>,
    recording_started_at: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Urls {
    mp3: Option<String>,
    wav: Option<String>,
}

/// How fetching went.
enum Got {
    Kept(Blob),
    /// The link leads nowhere any more.
    LinkGone,
}

impl Saved {
    /// The same whenever Telnyx tells of it: its id, or what distinguishes it where Telnyx does not say one.
    pub(crate) fn id(&self) -> String {
        match &self.recording {
            Some(id) => id.clone(),
            None => {
                let of = self.leg.as_deref().or(self.control.as_deref()).unwrap_or(&self.call);
                let started = self.started_at.map(time::rfc3339).unwrap_or_default();
                crate::command::uuid(&["recording", of, &started])
            }
        }
    }

    /// As the call knows it.
    pub(crate) fn fact(&self) -> Recording {
        Recording {
            id: self.id(),
            status: RecordingStatus::Available,
            started_at: self.started_at,
            ended_at: self.ended_at,
            duration_s: self.duration_s,
            channels: self.channels,
            content_type: self.content_type.clone(),
            url: None,
            url_expires_at: None,
        }
    }

    /// Has it fetched as soon as there is room.
    pub(crate) fn plan(self) -> Result<(), Error> {
        let key = self.id();
        let fetch = Fetch { saved: self, since: clock::now() };
        jobs::Plan::new().key(&key).enqueue(JOB, &fetch).map(drop)
    }

    fn object_id(&self) -> String {
        format!("telnyx:{}", self.id())
    }

    /// Writes the standard object `recording`.
    fn show(&self, status: &str, more: Map<String, Value>) -> Result<(), Error> {
        let duration = self.duration_s.or_else(|| {
            let (from, to) = self.started_at.zip(self.ended_at)?;
            Some(to.saturating_sub(from).div_ceil(1000))
        });
        let known = json!({
            "call_id": calls::object_id(&self.call),
            "status": status,
            "started_at": self.started_at.map(time::rfc3339),
            "ended_at": self.ended_at.map(time::rfc3339),
            "duration_s": duration,
            "channels": self.channels,
            "content_type": self.content_type,
            "external_ids": self.recording.as_ref().or(self.found.as_ref()).map(|id| json!({"telnyx": id})),
        });
        let Value::Object(mut members) = known else { return Ok(()) };
        members.extend(more);
        members.retain(|_, member| !member.is_null());
        objects::change(objects::RECORDING, &self.object_id(), |fields| calls::merge(fields, members)).map(drop)
    }

    fn show_kept(&self, blob: &Blob) -> Result<(), Error> {
        let Value::Object(file) = json!({
            "blob_id": blob.id, "content_type": blob.content_type, "size_bytes": blob.size, "sha256": blob.sha256,
        }) else {
            return Ok(());
        };
        self.show("available", file)
    }
}

/// Does one job: fetches the file by the link while that leads there, else by a new one.
pub(crate) fn step(step: Step<Fetch, ()>) -> Result<Next<(), Fetched>, Error> {
    let Fetch { mut saved, since } = step.payload;
    let recording = saved.object_id();
    let done = |status| Ok(Next::Done(Fetched { recording: recording.clone(), status }));
    if is_kept(&recording)? {
        return done("kept before");
    }
    if !Config::load()?.keeps_recordings() {
        saved.show("available", Map::new())?;
        return done("not kept");
    }
    let is_fresh = clock::now().saturating_sub(saved.told_at.unwrap_or(since)) < LINK_MS;
    if let Some(url) = saved.url.clone().filter(|_| is_fresh)
        && let Got::Kept(blob) = fetch(&saved, &url)?
    {
        saved.show_kept(&blob)?;
        return done("kept");
    }
    match look(&mut saved)? {
        Some(url) => match fetch(&saved, &url)? {
            Got::Kept(blob) => {
                saved.show_kept(&blob)?;
                done("kept")
            }
            Got::LinkGone => Err(Error::Unavailable("Telnyx' new link to the recording leads nowhere".to_owned())),
        },
        None if clock::now().saturating_sub(since) > GIVEN_UP_MS => {
            log::error("Telnyx does not have a recording that it told of", &[("recording", &recording)]);
            saved.show("failed", Map::new())?;
            done("gone")
        }
        None => Ok(Next::LaterMs(WAIT_MS)),
    }
}

fn is_kept(recording: &str) -> Result<bool, Error> {
    let found = records::get::<Map<String, Value>>(objects::RECORDING, recording)?;
    Ok(found.is_some_and(|found| found.data.contains_key("blob_id")))
}

/// Lets the file flow into the store.
fn fetch(saved: &Saved, url: &str) -> Result<Got, Error> {
    // the link is its own proof: no key goes there
    let response = http::Request::get(url).send()?;
    match response.status {
        200 => {
            let told = response.header("content-type").filter(|media| media.starts_with("audio/")).map(str::to_owned);
            let media = told.or_else(|| saved.content_type.clone()).unwrap_or_else(|| "audio/mpeg".to_owned());
            Ok(Got::Kept(blobs::put(&media, response.body)?))
        }
        // as S3 says that a link has ended
        400 | 401 | 403 | 404 | 410 => Ok(Got::LinkGone),
        status => Err(Error::upstream(status, "the recording could not be fetched")),
    }
}

/// A new link, if Telnyx has the recording by now; fills in what the list says of it.
fn look(saved: &mut Saved) -> Result<Option<String>, Error> {
    let Some(listed) = find(saved)? else { return Ok(None) };
    if listed.status.as_deref().is_some_and(|status| status != "completed") {
        return Ok(None);
    }
    saved.found = Some(listed.id);
    let duration = listed.duration_millis.map(|millis| millis.div_ceil(1000));
    saved.duration_s = saved.duration_s.or(duration);
    let mp3 = listed.download_urls.mp3.map(|url| (url, "audio/mpeg"));
    let chosen = mp3.or_else(|| listed.download_urls.wav.map(|url| (url, "audio/wav")));
    Ok(chosen.map(|(url, media)| {
        saved.content_type = Some(media.to_owned());
        url
    }))
}

fn find(saved: &Saved) -> Result<Option<Listed>, Error> {
    if let Some(id) = &saved.recording {
        let path = format!("/recordings/{}", api::segment("/recording_id", id)?);
        return match api::data(http::Request::get(api::url(&path))) {
            Ok(listed) => Ok(Some(listed)),
            Err(Error::Upstream(failure)) if failure.status == 404 => Ok(None),
            Err(error) => Err(error),
        };
    }
    let (name, id) = match (&saved.leg, &saved.control) {
        (Some(leg), _) => ("filter[call_leg_id]", leg),
        (None, Some(control)) => ("filter[call_control_id]", control),
        (None, None) => ("filter[call_session_id]", &saved.call),
    };
    let request = http::Request::get(api::url("/recordings")).query(name, id).query("page[size]", "250");
    let listed: api::List<Listed> = api::list(request)?;
    let began = |one: &Listed| one.recording_started_at.as_deref().and_then(time::parse);
    // of several the one that began then; what is alone is the one
    let alone = listed.data.len() == 1;
    Ok(listed.data.into_iter().find(|one| alone || (saved.started_at.is_some() && began(one) == saved.started_at)))
}
