//! What calls did, written down afterwards.
//!
//! Answers are given by many runs, perhaps twice and perhaps at the same time, and what they did comes here in any order. A
//! step is known by its id and a call is the set of its steps, so the order and repeats make no difference. Written down by
//! the answers themselves, two at a time would have lost one's steps, or failed a call over its log.

use patchbay_sdk::clock::Timestamp;
use patchbay_sdk::task::{Next, Step as Task};
use patchbay_sdk::{Call, Error, clock, events, jobs, records};
use serde::{Deserialize, Serialize};

use crate::call;
use crate::config::Config;
use crate::digest::digest;
use crate::published::{CALL_ENDED, CallEnded, SPEND_ALERT, SURVEY_ANSWERED, SpendAlert, SurveyAnswered};
use crate::resolved::Resolved;
use crate::store::{ANSWERS, CALLS, SPENDING, StoredAnswer, StoredCall, StoredSpending, call_key};
use crate::types::{CallFacts, Closing, Did, Direction, HungUp, Step};
use crate::voicemail;
use crate::walk::{Left, Turn};

/// The kinds of jobs in the manifest.
pub(crate) const NOTE: &str = "note";
pub(crate) const CLOSE: &str = "close";
pub(crate) const SPEND: &str = "spend";

/// How long after the menu's last word a call is told to have ended: what its last steps are has come by then.
const SETTLED_MS: u64 = 10_000;

/// How long after its carrier has said that a call is over it is told to have ended: a message that was being left comes first.
const HUNG_UP_MS: u64 = 60_000;

/// How long after its first step a call is told to have ended, if nobody says that it is over: longer than carriers let calls go
/// on.
const ABANDONED_MS: u64 = 5 * 3_600_000;

/// What a call did with one request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Note {
    pub(crate) call: String,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) direction: Direction,
    pub(crate) menu: String,
    pub(crate) version: u32,
    pub(crate) at: Timestamp,
    pub(crate) steps: Vec<Step>,
    pub(crate) left: Vec<Left>,
    pub(crate) ended: bool,
}

/// A call whose end is to be told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Close {
    call: String,
}

/// What is to be added to what calls cost.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Spent {
    at: Timestamp,
    calls: u32,
    transfers: u32,
}

impl Note {
    pub(crate) fn of(call: &CallFacts, menu: &Resolved, at: Timestamp, turn: &Turn) -> Self {
        Self {
            call: call.id.clone(),
            from: call.from.clone(),
            to: call.to.clone(),
            direction: call.direction,
            menu: menu.menu.clone(),
            version: menu.version,
            at,
            steps: turn.steps.clone(),
            left: turn.left.clone(),
            ended: turn.ended,
        }
    }
}

/// Writes down what a call did.
pub(crate) fn note(task: Task<Note, ()>) -> Result<Next<()>, Error> {
    let note = task.payload;
    let key = call_key(&note.call);
    let there = records::get::<StoredCall>(CALLS, &key)?;
    let (before, expected) = there.map_or((None, 0), |there| (Some(there.data), there.version));
    let first = before.is_none();
    let (merged, new) = call::merge(before, &note);
    if !new.is_empty() {
        records::put(CALLS, &key, &merged, Some(expected))?;
        plan_spending(note.at, &new)?;
    }
    for left in &note.left {
        match left {
            Left::Message { node, mailbox, recording } => {
                voicemail::receive(&note, node, mailbox.as_deref(), recording)?;
            }
            Left::Answer { survey, question, key } => survey_answered(&note, survey, question, key)?,
        }
    }
    if first {
        let plan = jobs::Plan::new().after_ms(ABANDONED_MS).key(&format!("abandoned:{}", digest(&[&key])));
        plan.enqueue(CLOSE, &Close { call: key.clone() })?;
    }
    if note.ended {
        let plan = jobs::Plan::new().after_ms(SETTLED_MS).key(&format!("ended:{}", digest(&[&key])));
        plan.enqueue(CLOSE, &Close { call: key })?;
    }
    Ok(Next::Done(()))
}

/// Takes in that a call is over. Its menu may not know yet what it did last: that comes by requests of its own.
pub(crate) fn hung_up(asked: Call<HungUp>) -> Result<Closing, Error> {
    let key = call_key(&asked.input.call);
    let plan = jobs::Plan::new().after_ms(HUNG_UP_MS).key(&format!("hung-up:{}", digest(&[&key])));
    plan.enqueue(CLOSE, &Close { call: key })?;
    Ok(Closing { at: clock::rfc3339(clock::now().saturating_add(HUNG_UP_MS)) })
}

/// Tells once that a call has ended.
pub(crate) fn close(task: Task<Close, ()>) -> Result<Next<()>, Error> {
    let key = task.payload.call;
    let Some(there) = records::get::<StoredCall>(CALLS, &key)? else { return Ok(Next::Done(())) };
    if there.data.outcome.is_some() {
        return Ok(Next::Done(()));
    }
    let outcome = call::outcome(&there.data);
    let closed = StoredCall { outcome: Some(outcome), ..there.data };
    records::put(CALLS, &key, &closed, Some(there.version))?;
    let data = CallEnded {
        call: &closed.call,
        from: &closed.from,
        to: &closed.to,
        direction: closed.direction,
        menu: &closed.menu,
        version: closed.version,
        outcome,
        path: call::path(&closed),
        started_at: &closed.started_at,
        ended_at: closed.steps.values().next_back().map_or(closed.started_at.as_str(), |step| step.at.as_str()),
    };
    events::publish(CALL_ENDED, &closed.call, &data, Some(&format!("ended:{}", digest(&[&key]))))?;
    Ok(Next::Done(()))
}

/// Has what the new steps cost added. The sums are one document for all calls, and jobs of that kind run one at a time: calls
/// that added to it themselves would fail each other's notes.
fn plan_spending(at: Timestamp, new: &[Step]) -> Result<(), Error> {
    if Config::load()?.spend.is_none() {
        return Ok(());
    }
    let count =
        |which: fn(Did) -> bool| u32::try_from(new.iter().filter(|step| which(step.did)).count()).unwrap_or(u32::MAX);
    let calls = count(|did| matches!(did, Did::Start | Did::Closed));
    let transfers = count(|did| did == Did::Transfer);
    if calls == 0 && transfers == 0 {
        return Ok(());
    }
    jobs::enqueue(SPEND, &Spent { at, calls, transfers }).map(drop)
}

/// Adds what was spent, and tells if that is out of the ordinary.
pub(crate) fn spend(task: Task<Spent, ()>) -> Result<Next<()>, Error> {
    let Spent { at, calls, transfers } = task.payload;
    // by the settings of now: they may have changed since
    let Some(spend) = Config::load()?.spend else { return Ok(Next::Done(())) };
    let cost = spend.cost(calls, transfers).filter(|cost| !cost.amount.is_zero());
    let Some(cost) = cost else { return Ok(Next::Done(())) };
    let there = records::get::<StoredSpending>(SPENDING, &spend.currency)?;
    let (mut spending, expected) = there.map_or_else(Default::default, |there| (there.data, there.version));
    let alert = spend.spike().add(&mut spending.windows, at, &cost);
    records::put(SPENDING, &spend.currency, &spending, Some(expected))?;
    if let Some(alert) = alert {
        events::publish(SPEND_ALERT, &spend.currency, &SpendAlert::from(&alert), Some(&alert.id))?;
    }
    Ok(Next::Done(()))
}

/// Keeps an answer. The first one to a question holds: who is asked again has not been heard.
fn survey_answered(note: &Note, survey: &str, question: &str, key: &str) -> Result<(), Error> {
    let id = format!("{}:{}", call_key(&note.call), digest(&[survey, question]));
    if records::get::<StoredAnswer>(ANSWERS, &id)?.is_some() {
        return Ok(());
    }
    let stored = StoredAnswer {
        call: note.call.clone(),
        from: note.from.clone(),
        menu: note.menu.clone(),
        version: note.version,
        survey: survey.to_owned(),
        question: question.to_owned(),
        key: key.to_owned(),
        answered_at: clock::rfc3339(note.at),
    };
    records::put(ANSWERS, &id, &stored, Some(0))?;
    let data = SurveyAnswered {
        call: &stored.call,
        from: &stored.from,
        menu: &stored.menu,
        survey,
        question,
        key,
        answered_at: &stored.answered_at,
    };
    events::publish(SURVEY_ANSWERED, &stored.call, &data, Some(&format!("answer:{}", digest(&[&id]))))?;
    Ok(())
}
