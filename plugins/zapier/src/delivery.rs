//! From an event to a URL of Zapier's.
//!
//! Each push is a job of its own, so that a Zap that does not answer holds up no other. Zapier does not drop repeats of
//! hooks as it does of polls: a push that was taken is noted at once, outside of the run, and one of which nobody knows is
//! sent again with the same `id`, on which a Zap can filter.

use std::time::Duration;

use patchbay_sdk::task::{Next, Step};
use patchbay_sdk::{Error, UpstreamFailure, clock, events, http, jobs, kv, log};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{hook, pace, payload, sample, target};

/// The kinds of jobs in the manifest.
pub(crate) const PUSH: &str = "push";
pub(crate) const SPREAD: &str = "spread";

/// For how long it is known what was pushed: longer than any job is tried.
const REMEMBERED: Duration = Duration::from_secs(7 * 86_400);

/// How long Zapier may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long to wait where Zapier says that it is too much and not for how long.
const DEFAULT_WAIT_MS: u64 = 30_000;

/// Hooks that one call plans pushes for; a call may plan a hundred jobs.
const PORTION: usize = 90;

/// Bytes of pushes that one call plans: what it leaves behind is held in memory until it ends, and has a limit.
const MOST_PLANNED: usize = 8 << 20;

/// Hooks that one job spreads an event over: their ids, of some forty bytes, are in its payload beside the event.
const SPREAD_OVER: usize = 1_000;

/// The largest payload of a push, in bytes: what a job may carry, less what is beside it.
const MOST_BYTES: usize = 200_000;

/// One event for one hook.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Push {
    hook: String,
    body: Map<String, Value>,
}

/// One event for many hooks.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Spread {
    hooks: Vec<String>,
    body: Map<String, Value>,
}

/// What became of a push.
enum Pushed {
    Taken,
    /// The Zap is off: the hook is no more.
    Ended,
    /// To be done later, in so many milliseconds.
    Later(u64),
}

/// True for the news that a job of this plugin has failed: a push of it could fail as well, and so on for ever.
fn is_own_failure(event: &events::Event) -> Result<bool, Error> {
    if event.kind != "job.failed" {
        return Ok(false);
    }
    let data: Value = event.data()?;
    Ok(data.get("plugin").and_then(Value::as_str) == Some("zapier"))
}

/// Makes a job for each hook that an event is for.
pub(crate) fn plan(event: &events::Event) -> Result<(), Error> {
    if is_own_failure(event)? {
        return Ok(());
    }
    let body = within(payload::of(event)?);
    sample::note(&event.kind, &body)?;
    let mut hooks = Vec::new();
    hook::of(&event.kind, |id, stored| {
        if stored.wants(&body) {
            hooks.push(id);
        }
        Ok(())
    })?;
    let rest = hooks.split_off(hooks.len().min(portion(&body)));
    enqueue(&hooks, &body)?;
    for hooks in rest.chunks(SPREAD_OVER) {
        jobs::enqueue(SPREAD, &Spread { hooks: hooks.to_vec(), body: body.clone() })?;
    }
    Ok(())
}

/// Plans the next pushes of an event that many hooks want.
pub(crate) fn spread(step: Step<Spread, usize>) -> Result<Next<usize>, Error> {
    let Spread { hooks, body } = step.payload;
    let done = step.cursor.unwrap_or_default();
    let portion: Vec<String> = hooks.iter().skip(done).take(portion(&body)).cloned().collect();
    enqueue(&portion, &body)?;
    let done = done + portion.len();
    Ok(if done < hooks.len() { Next::Again(done) } else { Next::Done(()) })
}

fn enqueue(hooks: &[String], body: &Map<String, Value>) -> Result<(), Error> {
    let id = body.get("id").and_then(Value::as_str).unwrap_or_default();
    for hook in hooks {
        let push = Push { hook: hook.clone(), body: body.clone() };
        jobs::Plan::new().key(&hook::digest(&[id, hook])).enqueue(PUSH, &push)?;
    }
    Ok(())
}

/// For how many hooks one call plans pushes of this payload.
fn portion(body: &Map<String, Value>) -> usize {
    (MOST_PLANNED / size_of(body).max(1)).clamp(1, PORTION)
}

/// About how many bytes it has.
fn size_of(body: &Map<String, Value>) -> usize {
    body.iter().map(|(key, value)| key.len() + value.to_string().len() + 4).sum()
}

/// The payload, with its largest values left out if it is too large: the keys stay.
fn within(mut body: Map<String, Value>) -> Map<String, Value> {
    let size = |value: &Value| value.to_string().len();
    let mut bytes = size_of(&body);
    while bytes > MOST_BYTES {
        let Some((_, largest)) = body.iter_mut().max_by_key(|(_, value)| size(value)) else { break };
        bytes = bytes.saturating_sub(size(largest).saturating_sub(4));
        *largest = Value::Null;
        log::warn("an event is too large for a Zap: its largest value is left out", &[]);
    }
    body
}

/// Does one push.
pub(crate) fn push(step: Step<Push, ()>) -> Result<Next<(), Value>, Error> {
    Ok(match send(&step.payload)? {
        Pushed::Taken => Next::Done(json!({"pushed": true})),
        Pushed::Ended => Next::Done(json!({"pushed": false, "reason": "the hook has ended"})),
        Pushed::Later(wait) => Next::LaterMs(wait),
    })
}

fn send(push: &Push) -> Result<Pushed, Error> {
    let Some(stored) = hook::get(&push.hook)? else { return Ok(Pushed::Ended) };
    let id = push.body.get("id").and_then(Value::as_str).unwrap_or_default();
    let note = format!("pushed:{}", hook::digest(&[id, &push.hook]));
    if kv::get(&note)?.is_some() {
        return Ok(Pushed::Taken);
    }
    let account = target::account(&stored.target_url).unwrap_or_default();
    if let Some(wait) = pace::wait(&stored.target_url, account)? {
        return Ok(Pushed::Later(wait));
    }
    let request = http::Request::post(stored.target_url.as_str()).json(&push.body)?.timeout(PATIENCE);
    let response = match request.fetch() {
        // Zapier asked for a pause before: that is no failed try.
        Err(Error::RateLimited(wait)) => return Ok(Pushed::Later(wait)),
        answered => answered?,
    };
    match response.status {
        200..=299 => {
            kv::set(&note, b"1", Some(REMEMBERED), None)?;
            Ok(Pushed::Taken)
        }
        410 => {
            log::info("a Zap was switched off: its hook has ended", &[("hook", &push.hook)]);
            hook::unsubscribe(&push.hook)?;
            Ok(Pushed::Ended)
        }
        429 => {
            let wait = http::retry_after_ms(&response.headers, clock::now());
            Ok(Pushed::Later(wait.unwrap_or(DEFAULT_WAIT_MS)))
        }
        // Whatever else it is, a redirect too, Zapier asks to be asked again.
        status => Err(Error::Unavailable(format!("Zapier answered with the status {status}"))),
    }
}

/// Posts to the connection's catch hook.
pub(crate) fn push_to_catch_hook(payload: &Map<String, Value>) -> Result<(), Error> {
    // The URL is the secret, so the hub puts it in: what is written here in its place is never sent.
    let request = http::Request::post("https://hooks.zapier.com/hooks/catch/0/0").json(payload)?.timeout(PATIENCE);
    let response = request.credential("catch_hook_url").fetch()?;
    if response.is_success() {
        return Ok(());
    }
    Err(Error::Upstream(UpstreamFailure {
        status: response.status,
        code: None,
        message: format!("Zapier answered with the status {}", response.status),
        retry_after_ms: http::retry_after_ms(&response.headers, clock::now()),
    }))
}
