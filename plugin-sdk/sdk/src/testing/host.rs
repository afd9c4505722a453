//! The native side of every capability: the same functions as the component's bindings, answered by this
//! thread's mock host.

use std::cell::RefCell;
use std::collections::VecDeque;

use super::crypto;
use super::exchange::{Reply, Sent};
use super::manifest::{Credential, ManifestFacts};
use super::state::{self, Enqueued, Grows, LogLine, Published, State, Used};
use crate::clock::Timestamp;
use crate::http::{Body, Request, Response, WholeResponse};
use crate::installation::Account;
use crate::log::Level;
use crate::signature::{Digest, KeyEncoding};
use crate::usage::Basis;
use crate::{Error, Source as PublicSource};

pub(crate) use super::answers::{Keeping, Vacancy, cache_find};
pub(crate) use super::client::Responder;
pub(crate) use super::entitlements::{
    apply_entitlement, begin_entitlement, compare_day, day_sums, due_readings, note_billing, settle_reading,
};
pub(crate) use super::peers::call_peer;
pub(crate) use super::store::*;
pub(crate) use super::syncs::sync_changed;

/// The largest data of an event, in bytes.
const EVENT: usize = 1 << 20;
/// The largest payload of a job, in bytes.
const PAYLOAD: usize = 256 << 10;
/// How many jobs one call may plan.
const JOBS: usize = 100;
/// The longest delay of a job, in milliseconds.
const DELAY_MS: u64 = 366 * 24 * 3_600_000;

/// A source of these bytes, for a test to hand to a connector.
#[must_use]
pub fn source(bytes: impl Into<Vec<u8>>) -> PublicSource {
    PublicSource(Source::of_bytes(bytes.into()))
}

/// Chunks, and what comes after the last.
#[derive(Debug)]
pub(crate) struct Source {
    chunks: RefCell<VecDeque<Vec<u8>>>,
    end: Option<Box<Error>>,
    size: Option<u64>,
    content_type: Option<String>,
    /// What is kept of it once it was read to its end.
    keeping: RefCell<Option<Box<Keeping>>>,
}

impl Source {
    pub(crate) fn of_bytes(bytes: Vec<u8>) -> Self {
        let size = u64::try_from(bytes.len()).ok();
        let chunks = if bytes.is_empty() { VecDeque::new() } else { VecDeque::from([bytes]) };
        Self { chunks: RefCell::new(chunks), end: None, size, content_type: None, keeping: RefCell::default() }
    }

    /// A vendor's body.
    fn of_reply(reply: Reply) -> Self {
        let content_type = reply.headers.get("content-type").map(str::to_owned);
        let chunks = RefCell::new(reply.chunks.into());
        Self { chunks, end: reply.end.map(Box::new), size: None, content_type, keeping: RefCell::default() }
    }

    /// The same, and what flows out of it is kept.
    pub(crate) fn kept(mut self, keeping: Keeping) -> Self {
        self.keeping = RefCell::new(Some(Box::new(keeping)));
        self
    }

    /// The same, of this media type.
    pub(crate) fn of_type(mut self, content_type: Option<&str>) -> Self {
        self.content_type = content_type.map(str::to_owned);
        self
    }

    pub(crate) fn content_type(&self) -> &str {
        self.content_type.as_deref().unwrap_or_default()
    }

    pub(crate) fn read(&self, max: u32) -> Result<Option<Vec<u8>>, Error> {
        let max = usize::try_from(max.clamp(1, 1 << 20)).unwrap_or(usize::MAX);
        let mut chunks = self.chunks.borrow_mut();
        let mut keeping = self.keeping.borrow_mut();
        let Some(mut chunk) = chunks.pop_front() else {
            let keeping = keeping.take();
            if self.end.is_none()
                && let Some(keeping) = keeping
            {
                keeping.keep();
            }
            return self.end.as_deref().cloned().map_or(Ok(None), Err);
        };
        if chunk.len() > max {
            chunks.push_front(chunk.split_off(max));
        }
        if let Some(keeping) = &mut *keeping {
            keeping.bytes.extend_from_slice(&chunk);
        }
        Ok(Some(chunk))
    }

    pub(crate) fn read_to_end(&self, limit: u32) -> Result<Vec<u8>, Error> {
        let held = state::with(|state| state.manifest.as_ref().map_or(u32::MAX, ManifestFacts::body_bytes));
        self.all(limit.min(held))
    }

    /// What flows on without the connector holding it.
    pub(crate) fn all(&self, limit: u32) -> Result<Vec<u8>, Error> {
        let mut all = Vec::new();
        while let Some(chunk) = self.read(u32::MAX)? {
            all.extend(chunk);
            if u32::try_from(all.len()).map_or(true, |length| length > limit) {
                return Err(Error::Exhausted(format!(
                    "the body has more than the {limit} bytes that may be held at once"
                )));
            }
        }
        Ok(all)
    }

    pub(crate) const fn size(&self) -> Option<u64> {
        self.size
    }
}

pub(crate) fn http_send(request: Request) -> Result<Response, Error> {
    let body = match request.body {
        Body::Empty => Vec::new(),
        Body::Bytes(bytes) => bytes,
        Body::Stream(source) => source.0.all(u32::MAX)?,
    };
    let sent = Sent {
        method: request.method,
        url: request.url,
        headers: request.headers,
        body,
        credential: request.credential,
        timeout_ms: request.timeout_ms,
        repeatable: request.repeatable,
    };
    let reply = state::with(|state| {
        if let Some(manifest) = &state.manifest
            && let Some(denial) = manifest.egress_denial(&sent.method, &sent.url, &state.config)
        {
            return Err(Error::Denied(denial));
        }
        if let Some(name) = &sent.credential
            && declared(state, name)?.is_some_and(|credential| credential.inject.is_none())
        {
            return Err(Error::Denied(format!("the credential {name} needs [credentials.inject] in plugin.toml")));
        }
        if let Some(name) = &sent.credential
            && declared(state, name)?.is_some_and(Credential::goes_by_itself)
        {
            return Err(Error::Denied(format!(
                "the credential {name} goes into bodies by itself: no request names it"
            )));
        }
        let number = state.sent.len() + 1;
        let Some((exchange, reply)) = state.expected.pop_front() else {
            panic!("request {number} was not expected: {} {}", sent.method, sent.url);
        };
        let differences = exchange.differences(&sent);
        assert!(differences.is_empty(), "request {number} is not {}:\n{differences}", exchange.line());
        state.sent.push(sent);
        Ok(reply)
    })?;
    match reply.failure.clone() {
        Some(error) => Err(error),
        None => Ok(Response {
            status: reply.status,
            headers: reply.headers.clone(),
            body: PublicSource(Source::of_reply(reply)),
        }),
    }
}

pub(crate) fn http_fetch(request: Request) -> Result<WholeResponse, Error> {
    http_send(request)?.whole(u32::MAX)
}

/// What the manifest says of a credential; nothing if there is no manifest.
fn declared<'a>(state: &'a State, credential: &str) -> Result<Option<&'a Credential>, Error> {
    let Some(manifest) = &state.manifest else { return Ok(None) };
    let found = manifest.credentials.iter().find(|own| own.name == credential);
    found.map(Some).ok_or_else(|| undeclared("credentials", credential))
}

/// A name that a list of the manifest does not have.
fn undeclared(list: &str, name: &str) -> Error {
    Error::Denied(format!("{name:?} is not among the manifest's {list}: add [[{list}]] name = {name:?}"))
}

fn secrets(credential: &str) -> Result<Vec<String>, Error> {
    state::with(|state| {
        declared(state, credential)?;
        let values = state.secrets.get(credential).cloned();
        values.ok_or_else(|| Error::Reauthorize(format!("the connection has no {credential}")))
    })
}

pub(crate) fn hmac_matches(
    credential: &str,
    digest: Digest,
    encoding: KeyEncoding,
    message: &[u8],
    mac: &[u8],
) -> Result<bool, Error> {
    let keys =
        secrets(credential)?.iter().map(|secret| crypto::key(encoding, secret)).collect::<Result<Vec<_>, _>>()?;
    Ok(keys.iter().any(|key| crypto::hmac(digest, key, message) == mac))
}

pub(crate) fn ed25519_matches(credential: &str, message: &[u8], signature: &[u8]) -> Result<bool, Error> {
    for key in secrets(credential)? {
        if crypto::ed25519(&key, message, signature)? {
            return Ok(true);
        }
    }
    Ok(false)
}

pub(crate) fn secret_equals(credential: &str, presented: &[u8]) -> Result<bool, Error> {
    Ok(secrets(credential)?.iter().any(|secret| secret.as_bytes() == presented))
}

pub(crate) fn config() -> String {
    state::with(|state| state.config.to_string())
}

pub(crate) fn connection() -> Option<Account> {
    state::with(|state| {
        let names = || state.secrets.keys().cloned().collect();
        match &state.account {
            Some(account) => Some(Account { credentials: names(), ..account.clone() }),
            None if state.secrets.is_empty() => None,
            None => Some(Account { credentials: names(), ..Account::default() }),
        }
    })
}

pub(crate) fn webhook_url() -> String {
    state::with(|state| state.webhook_url.clone())
}

pub(crate) fn now() -> Timestamp {
    state::with(|state| state.now)
}

pub(crate) fn random(length: u32) -> Vec<u8> {
    let length = usize::try_from(length.min(4096)).unwrap_or_default();
    state::with(|state| std::iter::repeat_with(|| splitmix(&mut state.random)).take(length).collect())
}

/// One byte of SplitMix64: the same in each test, and not a pattern.
fn splitmix(seed: &mut u64) -> u8 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*seed ^ (*seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ (mixed >> 31)).to_le_bytes()[0]
}

pub(crate) fn log(level: Level, message: &str, fields: &[(&str, &str)]) {
    let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    state::with(|state| state.log.push(LogLine { level, message: message.to_owned(), fields }));
}

pub(crate) fn usage_add(meter: &str, quantity: u64, basis: Basis, id: Option<&str>) -> Result<(), Error> {
    state::with(|state| {
        if let Some(manifest) = &state.manifest
            && !manifest.meters.iter().any(|own| own.name == meter)
        {
            return Err(undeclared("meters", meter));
        }
        let repeat = id.is_some() && state.usage.iter().any(|used| used.meter == meter && used.id.as_deref() == id);
        if !repeat {
            state.usage.push(Used { meter: meter.to_owned(), quantity, basis, id: id.map(str::to_owned) });
        }
        Ok(())
    })
}

pub(crate) fn usage_grows(meter: &str, by: &str, begun: u64, each: u64) -> Result<(), Error> {
    state::with(|state| {
        let undeclared_one = [meter, by].into_iter().find(|name| {
            state.manifest.as_ref().is_some_and(|manifest| !manifest.meters.iter().any(|own| own.name == *name))
        });
        if let Some(name) = undeclared_one {
            return Err(undeclared("meters", name));
        }
        state.grows.push(Grows { meter: meter.to_owned(), by: by.to_owned(), begun, each });
        Ok(())
    })
}

pub(crate) fn publish(kind: &str, subject: &str, data: &str, id: Option<&str>) -> Result<String, Error> {
    state::with(|state| {
        if let Some(manifest) = &state.manifest
            && !manifest.emits(kind)
        {
            return Err(Error::Denied(format!("[[events.emits]] in plugin.toml needs type = \"{kind}\"")));
        }
        at_most("/data", data.len(), EVENT, " bytes")?;
        at_most("/subject", subject.len(), 1024, " bytes")?;
        if id.is_some_and(|id| id.is_empty() || id.len() > 256) {
            return Err(Error::invalid("/id", "1 to 256 bytes"));
        }
        let data = serde_json::from_str(data).map_err(|error| Error::invalid("/data", format!("JSON ({error})")))?;
        let repeat = id.and_then(|id| state.events.iter().position(|event| event.id.as_deref() == Some(id)));
        let position = repeat.unwrap_or(state.events.len());
        if repeat.is_none() {
            state.events.push(Published {
                kind: kind.to_owned(),
                subject: subject.to_owned(),
                data,
                id: id.map(str::to_owned),
            });
        }
        Ok(format!("evt_{}", position + 1))
    })
}

pub(crate) fn enqueue(kind: &str, payload: &str, delay_ms: u64, key: Option<&str>) -> Result<String, Error> {
    state::with(|state| {
        if let Some(manifest) = &state.manifest
            && !manifest.jobs.iter().any(|own| own.kind == kind)
        {
            return Err(Error::Denied(format!(
                "{kind:?} is not among the manifest's jobs: add [[jobs]] kind = {kind:?}"
            )));
        }
        at_most("/payload", payload.len(), PAYLOAD, " bytes")?;
        if delay_ms > DELAY_MS {
            return Err(Error::invalid("/delay-ms", format!("at most {DELAY_MS}")));
        }
        if key.is_some_and(|key| key.is_empty() || key.len() > 256) {
            return Err(Error::invalid("/key", "1 to 256 bytes"));
        }
        let payload =
            serde_json::from_str(payload).map_err(|error| Error::invalid("/payload", format!("JSON ({error})")))?;
        let waits = |job: &&Enqueued| key.is_some() && job.kind == kind && job.key.as_deref() == key;
        if let Some(waiting) = state.jobs.iter().find(waits) {
            return Ok(waiting.id.clone());
        }
        if state.planned >= JOBS {
            return Err(Error::Exhausted(format!("{JOBS} jobs per call")));
        }
        state.planned += 1;
        state.job_count += 1;
        let id = format!("job_{}", state.job_count);
        state.jobs.push(Enqueued {
            id: id.clone(),
            kind: kind.to_owned(),
            payload,
            delay_ms,
            key: key.map(str::to_owned),
        });
        Ok(id)
    })
}
