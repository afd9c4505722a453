//! What the facts of a leg come to.

use serde::{Deserialize, Serialize};

use super::{AnsweredBy, Cause, Direction};
use crate::{phone::Party, time::Millis};

/// The status of a call or of a leg, as the standard object `call` has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Not yet begun.
    Queued,
    /// It rings, or is on its way there.
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
    /// When it was answered, if a fact tells.
    pub answered_at: Option<Millis>,
    /// When it ended. Of an end without a time, the last time of the leg.
    pub ended_at: Option<Millis>,
    /// True if it was answered: a fact says so, or the carrier counts seconds of talk.
    pub answered: bool,
    /// Seconds from answer to end, of a leg that was answered and has ended: the carrier's, else by the times, rounded up.
    pub duration_s: Option<u64>,
    /// Who took it.
    pub answered_by: Option<AnsweredBy>,
    /// Why it ended.
    pub cause: Option<Cause>,
    /// The carrier's word for it.
    pub reason: Option<String>,
}
