//! What the facts of a leg come to.

use std::{cmp::Reverse, collections::BTreeMap};

use serde::{Deserialize, Serialize};

use super::{About, AnsweredBy, Cause, Direction, Fact, What};
use crate::{phone::Party, time::Millis};

/// The status of a call or of a leg, as the standard object `call` has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Not yet begun, or on its way to the called.
    Queued,
    /// It rings, or came in.
    Ringing,
    /// It is being talked.
    InProgress,
    /// It was answered and is over.
    Completed,
    /// The called was busy.
    Busy,
    /// Nobody answered.
    NoAnswer,
    /// The caller gave up.
    Canceled,
    /// It could not be carried, or was not wanted.
    Failed,
}

impl Status {
    /// As the object has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Ringing => "ringing",
            Self::InProgress => "in-progress",
            Self::Completed => "completed",
            Self::Busy => "busy",
            Self::NoAnswer => "no-answer",
            Self::Canceled => "canceled",
            Self::Failed => "failed",
        }
    }
}

/// One leg, worked out from its facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leg {
    /// The carrier's id of it.
    pub id: String,
    /// The leg that made it.
    pub parent: Option<String>,
    /// Which way it went, if a fact tells.
    pub direction: Option<Direction>,
    /// Who called.
    pub from: Option<Party>,
    /// Who was called.
    pub to: Option<Party>,
    /// The caller's name, as the network shows it.
    pub from_name: Option<String>,
    /// How far it is.
    pub status: Status,
    /// When it began: its first time, whichever fact has it.
    pub started_at: Option<Millis>,
    /// When it was answered, if a fact tells, or the carrier's seconds do with the end.
    pub answered_at: Option<Millis>,
    /// When it ended. Of an end without a time, the last time of the leg.
    pub ended_at: Option<Millis>,
    /// True once it has ended, with or without a time.
    pub ended: bool,
    /// True if it was answered: a fact says so, or the carrier counts seconds of talk.
    pub answered: bool,
    /// Seconds from answer to end, of a leg that was answered and has ended: the carrier's, else by the times, rounded up.
    pub duration_s: Option<u64>,
    /// True if those are the carrier's, or from the time at which it was told to have been answered. Of a leg that is only known to
    /// have been connected, that may come yet, and be earlier: it is not billed before.
    pub measured: bool,
    /// Who took it.
    pub answered_by: Option<AnsweredBy>,
    /// Why it ended.
    pub cause: Option<Cause>,
    /// The carrier's word for it.
    pub reason: Option<String>,
}

/// The legs, the main one first.
pub(super) fn of<'a>(call: &str, facts: impl Iterator<Item = &'a Fact>) -> Vec<Leg> {
    let mut by_leg = BTreeMap::<&str, Vec<&Fact>>::new();
    for fact in facts {
        by_leg.entry(&fact.leg).or_default().push(fact);
    }
    by_leg.retain(|_, facts| facts.iter().any(|fact| fact.is_of_leg()));
    let mut legs = by_leg.into_iter().map(|(id, facts)| leg(id, facts)).collect::<Vec<_>>();
    // a time that is not known comes after all that are
    legs.sort_by_cached_key(|leg| {
        let main = leg.id == call;
        (Reverse(main), leg.parent.is_some(), leg.started_at.unwrap_or(Millis::MAX), leg.id.clone())
    });
    legs
}

fn leg(id: &str, mut facts: Vec<&Fact>) -> Leg {
    facts.sort_by(|one, other| in_order(one, other));
    let first_at =
        |wanted: fn(&What) -> bool| facts.iter().filter(|fact| wanted(&fact.what)).filter_map(|fact| fact.at).min();
    let has = |wanted: fn(&What) -> bool| facts.iter().any(|fact| wanted(&fact.what));
    let told = End::of(&facts);

    let cause = told.as_ref().map(|end| end.cause);
    let seconds = told.as_ref().and_then(|end| end.duration_s);
    let answered = has(|what| matches!(what, What::Answered | What::Bridged { .. }))
        || seconds.is_some_and(|seconds| seconds > 0)
        || cause == Some(Cause::Completed);
    let ended_at = told.as_ref().and_then(|end| end.at.or_else(|| facts.iter().filter_map(|fact| fact.at).max()));
    let told_at = first_at(|what| matches!(what, What::Answered));
    let answered_at = told_at
        .or_else(|| first_at(|what| matches!(what, What::Bridged { .. })))
        .or_else(|| Some(ended_at?.saturating_sub(seconds.filter(|seconds| *seconds > 0)?.saturating_mul(1000))));
    let talked = || Some(ended_at?.saturating_sub(answered_at?).div_ceil(1000));
    let outbound = about(&facts, |about| about.direction) == Some(Direction::Outbound);

    Leg {
        id: id.to_owned(),
        parent: about(&facts, |about| about.parent.clone()),
        direction: about(&facts, |about| about.direction),
        from: about(&facts, |about| about.from.clone()),
        to: about(&facts, |about| about.to.clone()),
        from_name: about(&facts, |about| about.from_name.clone()),
        status: match cause {
            Some(_) if answered => Status::Completed,
            Some(Cause::Completed) => Status::Completed,
            Some(Cause::Busy) => Status::Busy,
            Some(Cause::NoAnswer | Cause::Cleared) => Status::NoAnswer,
            Some(Cause::Canceled) => Status::Canceled,
            Some(Cause::Rejected | Cause::Failed) => Status::Failed,
            None if answered => Status::InProgress,
            None if outbound && !has(|what| matches!(what, What::Ringing)) => Status::Queued,
            None => Status::Ringing,
        },
        started_at: facts.iter().filter_map(|fact| fact.at).min(),
        answered_at: answered_at.filter(|_| answered),
        ended_at,
        ended: told.is_some(),
        answered,
        duration_s: if told.is_some() && answered { seconds.or_else(talked) } else { None },
        measured: told_at.is_some() || seconds.is_some_and(|seconds| seconds > 0),
        answered_by: facts.iter().rev().find_map(|fact| match fact.what {
            What::Detected { by } => Some(by),
            _ => None,
        }),
        cause,
        reason: told.and_then(|end| end.reason),
    }
}

/// What all that tells of an end comes to: carriers tell of one end in more than one message.
struct End {
    at: Option<Millis>,
    cause: Cause,
    reason: Option<String>,
    duration_s: Option<u64>,
}

impl End {
    fn of(facts: &[&Fact]) -> Option<Self> {
        let mut end = None::<Self>;
        for fact in facts {
            let What::Ended { cause, reason, duration_s } = &fact.what else { continue };
            let told = end.get_or_insert(Self { at: None, cause: *cause, reason: None, duration_s: None });
            told.at = told.at.or(fact.at);
            // the first that says more than that somebody hung up
            if told.cause == Cause::Cleared {
                told.cause = *cause;
            }
            told.reason = told.reason.take().or_else(|| reason.clone());
            told.duration_s = told.duration_s.max(*duration_s);
        }
        end
    }
}

/// What the first fact says that says it.
fn about<T>(facts: &[&Fact], member: impl Fn(&About) -> Option<T>) -> Option<T> {
    facts.iter().filter_map(|fact| fact.about.as_ref()).find_map(member)
}

/// In the order of what happened; what has no time comes last.
pub(super) fn in_order(one: &Fact, other: &Fact) -> std::cmp::Ordering {
    let key = |fact: &Fact| (fact.at.unwrap_or(Millis::MAX), fact.sequence.unwrap_or(u64::MAX));
    key(one).cmp(&key(other)).then_with(|| one.id.cmp(&other.id))
}
