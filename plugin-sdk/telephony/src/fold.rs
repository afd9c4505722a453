//! One call out of what a carrier tells of it, in any order and any number of times.
//!
//! A call's state is a set of facts, each with an id that is the same whenever the carrier repeats it. Everything else
//! (status, times, cost) is worked out from the set. A set does not know in which order it was filled, so whichever
//! message comes late, twice or first of all, the call becomes the same. Rejected: a state machine that follows the events,
//! which must say for each pair of events what happens if they come the wrong way round.
//!
//! The set has a bound, [`MOST_FACTS`], beyond which the facts that matter least go, whenever they came: the k greatest of a
//! set are the same in any order, too.

mod facts;
mod legs;
mod object;
mod recordings;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    billing::{Increments, LegMinutes},
    text,
    time::Millis,
};

pub use facts::{About, AnsweredBy, Cause, Direction, Fact, Recording, RecordingStatus, Step, What};
pub use legs::{Leg, Status};

/// Facts that one call holds at most. Beyond it goes what matters least: steps of menus first, the oldest of them; then
/// ringing, recordings, bridges and costs; last of all what tells when a leg began, was answered and ended.
pub const MOST_FACTS: usize = 300;

/// All that is known of one call. Stored as a record of the plugin, and made into the standard object `call` from there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallState {
    source: String,
    id: String,
    facts: BTreeMap<String, Fact>,
}

impl CallState {
    /// A call of which nothing is known. `source` is the plugin's id (`telnyx`), `id` the carrier's id of the call: of its
    /// session, if the carrier has one for all legs, else of its first leg.
    #[must_use]
    pub fn new(source: &str, id: &str) -> Self {
        Self { source: source.to_owned(), id: id.to_owned(), facts: BTreeMap::new() }
    }

    /// The id of its standard object: `telnyx:v3:abc`. One that is longer than ids may be is cut off at 256 bytes.
    #[must_use]
    pub fn object_id(&self) -> String {
        text::object_id(&self.source, &self.id)
    }

    /// Adds a fact; true if the call is another than before. The same facts make the same call, in whatever order and
    /// however often they are added. Of two with one id the later holds: by the vendor's time, then by its sequence.
    pub fn add(&mut self, fact: Fact) -> bool {
        let fact = fact.clipped();
        if let Some(known) = self.facts.get(&fact.id) {
            if fact.against(known).is_le() {
                return false;
            }
        } else if self.facts.len() >= MOST_FACTS {
            let least = self.facts.values().min_by(|one, other| one.against(other));
            match least.filter(|least| fact.against(least).is_gt()).map(|least| least.id.clone()) {
                Some(least) => self.facts.remove(&least),
                None => return false,
            };
        }
        self.facts.insert(fact.id.clone(), fact);
        true
    }

    /// Adds all facts of another state of the same call; true if this one is another than before.
    pub fn merge(&mut self, other: Self) -> bool {
        other.facts.into_values().fold(false, |changed, fact| self.add(fact) | changed)
    }

    /// The facts, by their ids.
    pub fn facts(&self) -> impl Iterator<Item = &Fact> {
        self.facts.values()
    }

    /// Its legs as the facts tell of them: the main one first, then those that no other leg made, then the rest, each in the
    /// order in which they began.
    ///
    /// The main leg is the one that the call's id names, else the first that no other leg made. Its parties, its status and
    /// its times are the call's.
    #[must_use]
    pub fn legs(&self) -> Vec<Leg> {
        legs::of(&self.id, self.facts.values())
    }

    /// What the main leg's status is; [`Status::Queued`] before anything is known.
    #[must_use]
    pub fn status(&self) -> Status {
        self.legs().first().map_or(Status::Queued, |leg| leg.status)
    }

    /// True once every leg has ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        let legs = self.legs();
        !legs.is_empty() && legs.iter().all(|leg| leg.ended)
    }

    /// True for a call that a menu has answered and whose main leg has ended: the menu hears of no hang-up by itself. Tell the
    /// plugin `ivr` (`hung-up`) when a fact makes it so.
    #[must_use]
    pub fn has_left_menu(&self) -> bool {
        let answered = self.facts.values().any(|fact| matches!(fact.what, What::Step(_)));
        answered && self.legs().first().is_some_and(|leg| leg.ended)
    }

    /// When it began: the first time that any fact has.
    #[must_use]
    pub fn started_at(&self) -> Option<Millis> {
        self.facts.values().filter_map(|fact| fact.at).min()
    }

    /// The standard object `call`, valid by its schema.
    ///
    /// Of a call whose direction no fact tells, `inbound`: what the organization dials is told by the plugin that dials.
    /// `extra` has below the source's name the `legs` and the exact `costs`, and `more` if facts went because there were too many; and
    /// the menus' path in order of its times in `ivr`.
    /// Merge its members into the record that is there, so that what others wrote (a summary, a contact) stays.
    #[must_use]
    pub fn to_object(&self) -> Value {
        object::call(self)
    }

    /// The standard objects `recording` of its recordings: id (`telnyx:rec-1`) and object, in the order of their ids.
    #[must_use]
    pub fn recordings(&self) -> Vec<(String, Value)> {
        recordings::objects(self)
    }

    /// Minutes of each leg that was answered and has ended, by whole minutes; see [`Self::billing_by`].
    #[must_use]
    pub fn billing(&self) -> Vec<LegMinutes> {
        self.billing_by(Increments::MINUTE)
    }

    /// Minutes of each leg that was answered and has ended, in the carrier's increments, in the order of [`Self::legs`]. The
    /// seconds are the carrier's if it tells them, else from answer to end, rounded up. A leg that nobody answered is not
    /// among them, nor one of which only a connection is known: what is metered first holds. Meter each under its leg's id, so that a repeat is harmless.
    #[must_use]
    pub fn billing_by(&self, increments: Increments) -> Vec<LegMinutes> {
        self.legs()
            .into_iter()
            .filter(|leg| leg.measured)
            .filter_map(|leg| {
                let seconds = leg.duration_s.filter(|seconds| *seconds > 0)?;
                Some(LegMinutes::of(&leg.id, seconds, increments))
            })
            .collect()
    }
}
