//! An endpoint as seen by who sends: what is ready for it, what is under way, and whether it is time for more.
//!
//! Nothing here waits or asks: it is told what there is and what became of it, and says what is next. So it is tested
//! without a network or a database.

use std::collections::{HashSet, VecDeque};

use chrono::TimeDelta;
use patchbay_model::{Random, Timestamp, rate::Rate};
use patchbay_storage::{DueDelivery, Lane as Found, LaneKey, LaneState};

use super::schedule;

/// How many deliveries of one endpoint are under way at once: as many as it has shown to take, between these. Few
/// enough that one of a hundred slow ones leaves room for others.
const FIRST_LIMIT: usize = 8;
const MOST_AT_ONCE: usize = 32;
/// More is read when fewer than so many are ready.
const LOW: usize = 16;
/// So many are read beyond those that are known.
pub(super) const PORTION: usize = 64;
/// So many are ready at most when some are handed over: a backlog stays in the database.
const HANDED_OVER: usize = 2 * PORTION;

/// What became of an attempt, as far as it concerns the endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// It took it.
    Taken,
    /// It did not.
    Failed,
    /// It has too much to do, until then.
    Throttled(Timestamp),
    /// Nothing was asked of it.
    Nothing,
}

/// The lane of an endpoint.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) key: LaneKey,
    fifo: bool,
    rate: Option<Rate>,
    /// As counted when it was last read.
    added: u64,
    ready: VecDeque<DueDelivery>,
    /// Ready, under way, or ended and not written down: all that the queue has and that is not to be read again.
    known: HashSet<i64>,
    in_flight: usize,
    limit: usize,
    taken_in_a_row: usize,
    failures: u32,
    failing_since: Option<Timestamp>,
    paused_until: Option<Timestamp>,
    /// The pause that it asked for itself: another delivery that it took meanwhile does not end it.
    asked_until: Option<Timestamp>,
    /// The endpoint changed: how it stands is what the database says, whatever is known here.
    changed_elsewhere: bool,
    /// The database is being asked because of that.
    reads_anew: bool,
    /// Until when what was sent counts, by its rate.
    spent_until: Option<Timestamp>,
    /// When there is room for one more.
    full_until: Option<Timestamp>,
    /// When the first is due of what is not ready.
    next_due: Option<Timestamp>,
    /// There may be more than was read.
    stale: bool,
    /// Something was queued since the database was last asked.
    poked: bool,
    /// While the database is asked: what was written down since, which the answer still has.
    written_meanwhile: Option<HashSet<i64>>,
    /// Something is to be written down of it.
    changed: bool,
    /// Nothing is known to be due, and that is written down.
    resting: bool,
    /// Until when no other hub takes it.
    pub(super) lease_until: Option<Timestamp>,
    /// When it is to be looked at, as the list of times has it.
    pub(super) timer: Option<Timestamp>,
    /// When something last happened in it.
    pub(super) used_at: Timestamp,
}

impl Lane {
    /// Of which nothing is known but that something may be due.
    pub(super) fn new(key: LaneKey, now: Timestamp) -> Self {
        Self {
            key,
            fifo: false,
            rate: None,
            added: 0,
            ready: VecDeque::new(),
            known: HashSet::new(),
            in_flight: 0,
            limit: FIRST_LIMIT,
            taken_in_a_row: 0,
            failures: 0,
            failing_since: None,
            paused_until: None,
            asked_until: None,
            changed_elsewhere: false,
            reads_anew: false,
            spent_until: None,
            full_until: None,
            next_due: None,
            stale: true,
            poked: false,
            written_meanwhile: None,
            changed: false,
            resting: false,
            lease_until: None,
            timer: None,
            used_at: now,
        }
    }

    /// Something was queued in it.
    pub(super) fn poke(&mut self) {
        self.stale = true;
        self.poked = true;
        self.resting = false;
    }

    /// Its endpoint changed. One that was switched on begins anew, so a pause is no reason not to look.
    pub(super) fn endpoint_changed(&mut self) {
        self.poke();
        self.changed_elsewhere = true;
    }

    /// Takes over what this hub has queued in it and committed just now, due at once, in its order: nothing has to be read
    /// back. `added`: as counted in that transaction. False if something else may be in the queue that is not known here, or
    /// is not to be sent now: it is to be read then.
    pub(super) fn hand_over(&mut self, rows: Vec<DueDelivery>, added: u64, now: Timestamp) -> bool {
        let count = u64::try_from(rows.len()).unwrap_or(u64::MAX);
        // of another hub, or of who queues something again, this one may not have heard yet; but the count has it
        let knows_all = !self.stale && self.written_meanwhile.is_none() && self.added.checked_add(count) == Some(added);
        let changes = self.changed_elsewhere || self.reads_anew || self.poked;
        // in a lane of order one that is not due yet holds up those behind it, which were not read
        let waits = self.fifo && self.next_due.is_some();
        if !knows_all || changes || waits || self.is_paused(now) || self.ready.len() + rows.len() > HANDED_OVER {
            return false;
        }
        (self.added, self.used_at, self.resting) = (added, now, false);
        for row in rows {
            if self.known.insert(row.sequence) {
                self.ready.push_back(row);
            }
        }
        true
    }

    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// True if those behind one that ended wait until that is written down.
    pub(super) const fn is_of_order(&self) -> bool {
        self.fifo
    }

    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    pub(super) const fn is_resting(&self) -> bool {
        self.resting
    }

    /// True if more is to be read now.
    pub(super) fn wants_more(&self, now: Timestamp) -> bool {
        let due = self.stale || self.next_due.is_some_and(|due| due <= now);
        let may_look = self.changed_elsewhere || self.reads_anew || !self.is_paused(now);
        due && may_look && self.ready.len() < LOW && (!self.fifo || self.known.is_empty())
    }

    /// The database is about to be asked: what changes from here on is to be read once more.
    pub(super) fn begin_reading(&mut self) {
        self.reads_anew |= std::mem::take(&mut self.changed_elsewhere);
        self.poked = false;
        self.written_meanwhile = Some(HashSet::new());
    }

    /// How many to ask for, so that there are some that are not known.
    pub(super) fn portion(&self) -> u32 {
        u32::try_from(self.known.len() + PORTION).unwrap_or(u32::MAX)
    }

    fn is_paused(&self, now: Timestamp) -> bool {
        self.paused_until.is_some_and(|until| until > now)
    }

    /// It was read: how it stands, what its endpoint wants, and what the queue begins with. `asked`: for how many.
    pub(super) fn take_in(
        &mut self,
        found: &Found,
        (fifo, rate): (bool, Option<Rate>),
        rows: Vec<DueDelivery>,
        asked: u32,
        now: Timestamp,
    ) {
        if (self.is_empty() && !self.changed) || self.reads_anew {
            // another hub may have sent to it since, or it was switched on
            (self.failures, self.failing_since) = (found.failures, found.failing_since);
            (self.paused_until, self.asked_until) = (found.paused_until, None);
            (self.reads_anew, self.changed) = (false, false);
        }
        (self.added, self.fifo, self.rate, self.used_at) = (found.added, fifo, rate, now);
        self.resting = false;
        self.next_due = None;
        let written = self.written_meanwhile.take().unwrap_or_default();
        let changes = self.changed_elsewhere || self.poked;
        // as many as were asked for: there may be more behind them
        self.stale = rows.len() >= usize::try_from(asked).unwrap_or(usize::MAX) || changes;
        for row in rows {
            if written.contains(&row.sequence) {
                // it was there when the database looked, and is not, or not for now, since
                if self.fifo {
                    self.stale = true;
                    break;
                }
                continue;
            }
            if self.known.contains(&row.sequence) {
                if self.fifo {
                    // it became a lane of order while that was under way: what is behind it is read once that is over
                    self.stale = true;
                    break;
                }
                continue;
            }
            if row.due_at > now {
                self.next_due = Some(row.due_at);
                // of later ones nothing is due before
                self.stale = changes;
                break;
            }
            self.known.insert(row.sequence);
            self.ready.push_back(row);
        }
    }

    /// What to send now, if there is something and it is time.
    pub(super) fn next(&mut self, now: Timestamp) -> Option<DueDelivery> {
        if self.ready.is_empty() || self.is_paused(now) || self.in_flight >= self.room() {
            return None;
        }
        // of order: one that has ended holds the others up until that is written down
        if self.fifo && self.known.len() > self.ready.len() {
            return None;
        }
        if let Some(rate) = self.rate {
            // GCRA: as many as the rate says may come at once, and one more after each interval
            let (interval, window) = (delta(rate.interval()), delta(rate.window()));
            let spent = self.spent_until.map_or(now, |until| until.max(now)) + interval;
            if spent - window > now {
                self.full_until = Some(spent - window);
                return None;
            }
            (self.spent_until, self.full_until) = (Some(spent), None);
        }
        let row = self.ready.pop_front()?;
        self.in_flight += 1;
        self.used_at = now;
        Some(row)
    }

    fn room(&self) -> usize {
        if self.fifo || self.failures >= schedule::OPEN_AFTER { 1 } else { self.limit }
    }

    /// An attempt ended. It holds its place until that is written down. True if the endpoint has failed since a time
    /// before `failing_before`, with nothing that it took since.
    pub(super) fn ended(
        &mut self,
        told: Told,
        goes_on: bool,
        now: Timestamp,
        failing_before: Option<Timestamp>,
        random: &dyn Random,
    ) -> bool {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.used_at = now;
        if goes_on && self.fifo {
            // those after it wait for it
            self.let_go();
        }
        match told {
            Told::Nothing => false,
            Told::Taken => {
                let asked = self.asked_until.filter(|until| *until > now);
                self.changed |= self.failures > 0 || self.failing_since.is_some() || self.paused_until != asked;
                (self.failures, self.failing_since, self.paused_until) = (0, None, asked);
                self.taken_in_a_row += 1;
                if self.taken_in_a_row >= self.limit {
                    self.taken_in_a_row = 0;
                    self.limit = (self.limit + 1).min(MOST_AT_ONCE);
                }
                false
            }
            Told::Failed | Told::Throttled(_) => {
                self.failures = self.failures.saturating_add(1);
                let since = *self.failing_since.get_or_insert(now);
                self.taken_in_a_row = 0;
                self.limit = (self.limit / 2).max(1);
                // in a lane of order the first one's own wait holds up the others
                let pause = if self.fifo { None } else { schedule::pause(self.failures, now, random) };
                let asked = if let Told::Throttled(until) = told { Some(until) } else { None };
                self.asked_until = self.asked_until.max(asked);
                self.paused_until = self.paused_until.max(pause).max(asked);
                self.changed = true;
                if self.is_paused(now) {
                    self.let_go();
                }
                failing_before.is_some_and(|before| since <= before)
            }
        }
    }

    /// What is ready is read again when the pause is over: it may be another hub that does it.
    fn let_go(&mut self) {
        for row in self.ready.drain(..) {
            self.known.remove(&row.sequence);
        }
        self.stale = true;
    }

    /// What became of a delivery is written down. One that goes on is due again at some time, which is read with the others.
    pub(super) fn written(&mut self, sequence: i64, goes_on: bool) {
        self.known.remove(&sequence);
        if let Some(written) = &mut self.written_meanwhile {
            written.insert(sequence);
        }
        if goes_on {
            self.poke();
        }
    }

    /// What is to be written down of it, together with the end of these deliveries.
    pub(super) fn take_change(&mut self, ending: &HashSet<i64>, now: Timestamp) -> Option<LaneState> {
        let done = self.ready.is_empty() && self.known.iter().all(|sequence| ending.contains(sequence));
        let rests = done && !self.stale && !self.resting && self.next_due.is_none_or(|due| due > now);
        if !rests && !self.changed {
            return None;
        }
        Some(LaneState {
            key: self.key,
            failures: self.failures,
            failing_since: self.failing_since,
            paused_until: self.paused_until,
            changed: std::mem::take(&mut self.changed),
            rest: rests.then_some((self.added, self.next_due)),
        })
    }

    /// What was to be written down was, or not: whether it is at rest.
    pub(super) fn was_written(&mut self, state: &LaneState, is_at_rest: bool) {
        let Some((added, _)) = state.rest else { return };
        if added != self.added {
            // more was handed over or read since, and it rests after that
            return;
        }
        if is_at_rest && !self.stale {
            self.resting = true;
        } else {
            self.stale = true;
        }
    }

    /// It is not looked at before this.
    pub(super) fn set_aside(&mut self, until: Timestamp) {
        self.paused_until = self.paused_until.max(Some(until));
        (self.changed_elsewhere, self.reads_anew) = (false, false);
        self.let_go();
    }

    /// Nothing was written: it is to be tried again.
    pub(super) fn was_not_written(&mut self, state: &LaneState) {
        self.changed |= state.changed;
    }

    /// When it is to be looked at again, if nothing happens before; never a time that has come.
    pub(super) fn wakes_at(&self, now: Timestamp) -> Option<Timestamp> {
        if let Some(until) = self.paused_until.filter(|until| *until > now) {
            return (self.stale || self.next_due.is_some() || !self.ready.is_empty()).then_some(until);
        }
        let by_rate = self.full_until.filter(|until| *until > now && !self.ready.is_empty());
        // what is due by now is wanted already, or has to wait for what is under way: no time brings it on
        let next_due = self.next_due.filter(|due| *due > now);
        by_rate.into_iter().chain(next_due).min()
    }
}

fn delta(duration: std::time::Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}

#[cfg(test)]
mod tests;
