//! Records that were here before their sync went out, or that changed while it did not.
//!
//! What changes here waits in the outbox (`outbox.rs`), but only from when the sync goes out. So a run through all goes through
//! the org's records too, once it has read what the vendor has: those without a counterpart are put into the outbox, page by
//! page, each with the place behind it. Of a sync that reads nothing the others are as well, because nothing else would find
//! that they differ. What is in the outbox goes before the run's next step: so it holds no more than a page of these, what is
//! live waits for no more than that, and a run has ended when the last of them was written, refused or left out.
//!
//! Not every record without a counterpart is one that the vendor lacks. What the sync's own plugin wrote last is left alone, as its
//! events are: it came from there, or its counterpart was deleted there, and who deletes a customer there does not want it back. And
//! so is a record that says whose counterpart it was: its link went with another installation or account, and to make it anew would
//! be to make it twice. Any of them is written when it changes here.
//!
//! Rejected: to put all at once into the outbox when a sync is switched on (a transaction as long as the org is large, and
//! whatever is read first would be made twice), and a mark for each record (a write for each of them that says nothing to anybody
//! else).

use std::collections::HashSet;

use patchbay_model::{
    Failure,
    object::ObjectRecord,
    sync::{SyncCounts, SyncMode, SyncRun, SyncSettings},
};
use patchbay_storage::{OrgTx, PlaceChange, RunChange};

use super::{
    Sync,
    counterpart::id_in,
    ends::{counted, stays},
    place::{Phase, Place},
    step::{Next, Stepped, Then},
};
use crate::hub::Inner;

/// Records that one step looks at.
const LOOKED_AT: u32 = 2_000;
/// Records that it puts into the outbox at the most.
const OFFERED: usize = 100;

/// What a run does next that has read all that it reads.
pub(super) async fn next(ours: &mut OrgTx<'_>, sync: &Sync, run: Box<SyncRun>, place: Place) -> Result<Next, Failure> {
    let settings = &sync.state.settings;
    let (plugin, object, version) = (sync.plugin(), sync.object(), sync.state.version);
    let (after, has_read) = match &place.phase {
        Phase::Here { after, version: before, has_read } => {
            // by other settings other records go there: from the beginning
            (after.clone().filter(|_| *before == version), *has_read)
        }
        Phase::Unseen { .. } => (None, settings.direction.is_inward()),
        Phase::Pages => (None, false),
    };
    let at = |after| Place { phase: Phase::Here { after, version, has_read }, ..place.clone() };
    let any_goes = goes(settings, false) || goes(settings, true);
    if place.mode != SyncMode::Full || !any_goes {
        return Ok(Next::Finish(run, at(after)));
    }
    let rows = ours.syncs().records_behind(plugin, object, after.as_deref(), LOOKED_AT).await?;
    let (mut behind, mut ids, mut linked) = (None, Vec::new(), HashSet::new());
    for (id, is_linked) in rows {
        behind = Some(id.clone());
        if goes(settings, is_linked) {
            if is_linked {
                linked.insert(id.clone());
            }
            ids.push(id);
        }
        if ids.len() >= OFFERED {
            break;
        }
    }
    let Some(behind) = behind else { return Ok(Next::Finish(run, at(after))) };
    let records = if ids.is_empty() { Vec::new() } else { ours.objects().get_many(object, &ids).await? };
    let wanted = records.into_iter().filter(|record| is_wanted(sync, record, linked.contains(&record.id)));
    let ids = wanted.map(|record| record.id).collect();
    Ok(Next::Offer(run, at(Some(behind)), ids))
}

/// True if records go there that have a counterpart already, or that have none.
fn goes(settings: &SyncSettings, is_linked: bool) -> bool {
    let direction = settings.direction;
    // of those with one a sync that comes in has just compared all
    direction.is_outward() && if is_linked { !direction.is_inward() } else { settings.create_there }
}

/// True if the vendor may lack something of a record.
fn is_wanted(sync: &Sync, record: &ObjectRecord, is_linked: bool) -> bool {
    let Some(data) = &record.data else { return false };
    let is_theirs = || record.updated.plugin == *sync.plugin() || id_in(data, sync.plugin().as_str()).is_some();
    let only = sync.state.settings.only.as_ref();
    only.is_none_or(|only| only.matches(data)) && (is_linked || !is_theirs())
}

impl Inner {
    /// Puts records into the outbox that the vendor may lack. `place`: where the run goes on behind them.
    pub(crate) fn offer(
        &self,
        sync: &Sync,
        run: &SyncRun,
        place: &Place,
        ids: Vec<String>,
    ) -> Result<Stepped, Failure> {
        // how many there are behind is not known
        let percent = place.has_read().then_some(99);
        let mut stepped = Stepped::of(sync.commit(), Then::Again(percent));
        stepped.commit.outbox_add = ids;
        stepped.commit.place = Some(PlaceChange { cursor: Some(place.stored()?), ..stays(run) });
        let going_on = counted(run, SyncCounts::default(), self.clock.now());
        stepped.commit.run = Some(RunChange { progress: percent, ..going_on });
        Ok(stepped)
    }
}

#[cfg(test)]
mod tests;
