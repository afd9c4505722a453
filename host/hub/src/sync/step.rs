//! What a sync does next, and what a step of it comes to.
//!
//! What is live goes first: what somebody said has changed there, then what has changed here, and only then the next page of a
//! run, however long that has been going on.

use std::time::Duration;

use patchbay_model::{
    Failure, OrgId, PluginId,
    event::Event,
    object::{ObjectChange, StandardObject},
    sync::{SyncCounts, SyncRun, SyncStatus},
};
use patchbay_storage::SyncCommit;

use super::{
    Sync, here,
    place::{Phase, Place},
};
use crate::hub::Inner;

/// Ids that the plugin is asked for at once.
const IDS: u32 = 100;
/// Records that one step may push; a manifest asks for fewer.
const MOST_PUSHED: u32 = 200;
/// A plugin is not waited for longer than this, however long it asks for.
const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 3_600);

/// What comes next.
#[derive(Debug, Clone)]
pub(crate) enum Next {
    /// Nothing.
    Rest,
    /// Somebody said that these have changed, and values do not come from the vendor: there is nothing to ask.
    Forget(Vec<(String, u64)>),
    /// The sync was switched off: its run ends.
    Stop(Box<SyncRun>),
    /// All is done: the run ends well.
    Finish(Box<SyncRun>, Place),
    /// All is read. These records are to be written at the vendor, which may lack them, and the run goes on behind them.
    Offer(Box<SyncRun>, Place, Vec<String>),
    /// A run begins, or goes on with one that failed.
    Begin(Box<SyncRun>),
    /// The plugin is asked for something.
    Pull(Ask),
    /// The plugin is given records that have changed here, of these rows of the outbox, while this run goes on, if one does.
    Push(Vec<(String, u64)>, Option<Box<SyncRun>>),
}

/// What the plugin is asked for.
#[derive(Debug, Clone)]
pub(crate) enum Ask {
    /// What somebody said has changed, while this run goes on, if one does.
    Hints(Vec<(String, u64)>, Option<Box<SyncRun>>),
    /// A page.
    Page(Box<SyncRun>, Place),
    /// What a run through all has not seen.
    Unseen(Box<SyncRun>, Place, Vec<String>),
}

impl Ask {
    /// The run that is open.
    pub(crate) fn run(&self) -> Option<&SyncRun> {
        match self {
            Self::Hints(_, run) => run.as_deref(),
            Self::Page(run, _) | Self::Unseen(run, ..) => Some(run),
        }
    }

    /// Where the run is that this is a part of.
    pub(crate) const fn place(&self) -> Option<&Place> {
        match self {
            Self::Hints(..) => None,
            Self::Page(_, place) | Self::Unseen(_, place, _) => Some(place),
        }
    }
}

/// What a step comes to.
#[derive(Debug)]
pub(crate) struct Stepped {
    /// What is stored of the sync.
    pub(crate) commit: SyncCommit,
    /// What is written to records.
    pub(crate) records: Vec<ObjectChange>,
    /// What is to be asked for once more, of this sync and of others of the plugin.
    pub(crate) hints: Vec<(StandardObject, String)>,
    /// What the hub publishes of it, beside what becomes of records.
    pub(crate) events: Vec<Event>,
    /// What it counts for.
    pub(crate) counts: SyncCounts,
    /// What comes after it.
    pub(crate) then: Then,
}

/// What comes after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// The next, with how far the run has come, in percent.
    Again(Option<u32>),
    /// The next, after so long.
    Later(Duration),
    /// Nothing, unless there is more by then.
    Rest,
}

impl Then {
    /// After an answer of the plugin, which may ask to be left alone for a while.
    pub(crate) fn after(pause_ms: Option<u64>, percent: Option<u32>) -> Self {
        match pause_ms.map(Duration::from_millis).filter(|pause| !pause.is_zero()) {
            Some(pause) => Self::Later(pause.min(LONGEST_PAUSE)),
            None => Self::Again(percent),
        }
    }
}

impl Stepped {
    /// A step that changes nothing but what `commit` says.
    pub(crate) fn of(commit: SyncCommit, then: Then) -> Self {
        let counts = SyncCounts::default();
        Self { commit, records: Vec::new(), hints: Vec::new(), events: Vec::new(), counts, then }
    }
}

impl Inner {
    /// Reads what a sync does next. Nothing if there is no such sync (any more).
    pub(crate) async fn next_of_sync(
        &self,
        org: OrgId,
        plugin: &PluginId,
        object: StandardObject,
    ) -> Result<Option<(Sync, Next)>, Failure> {
        let mut tx = self.database.read().await?;
        let mut ours = tx.org(org);
        // first, so that whatever comes after what is read here has moved what it says is wanted
        let Some(state) = ours.syncs().get(plugin, object).await? else { return Ok(None) };
        let sync = Sync { org, state };
        let run = match sync.state.open_run {
            Some(id) => ours.syncs().run(id).await?.map(Box::new),
            None => None,
        };
        if !sync.state.settings.enabled {
            let next = run.map_or(Next::Rest, Next::Stop);
            return Ok(Some((sync, next)));
        }
        let direction = sync.state.settings.direction;
        let begun = || run.clone().filter(|run| run.status == SyncStatus::Running);
        let hints = ours.syncs().hints(plugin, object, IDS).await?;
        if !hints.is_empty() {
            let next = match direction.is_inward() {
                true => Next::Pull(Ask::Hints(hints, begun())),
                false => Next::Forget(hints),
            };
            return Ok(Some((sync, next)));
        }
        let rows = ours.syncs().outbox(plugin, object, MOST_PUSHED).await?;
        if !rows.is_empty() {
            let run = begun();
            return Ok(Some((sync, Next::Push(rows, run))));
        }
        let Some(run) = run else { return Ok(Some((sync, Next::Rest))) };
        let place = match run.status {
            SyncStatus::Running => Place::of(&run)?,
            _ => None,
        };
        let Some(place) = place else { return Ok(Some((sync, Next::Begin(run)))) };
        let next = match &place.phase {
            Phase::Pages if direction.is_inward() => Next::Pull(Ask::Page(run, place)),
            Phase::Unseen { after } if direction.is_inward() => {
                let unseen = ours.syncs().unseen_links(plugin, object, run.id, after.as_deref(), IDS).await?;
                let ids: Vec<String> = unseen.into_iter().map(|link| link.vendor_id).collect();
                match ids.is_empty() {
                    true => here::next(&mut ours, &sync, run, place).await?,
                    false => Next::Pull(Ask::Unseen(run, place, ids)),
                }
            }
            // values come from there by now
            Phase::Here { version, has_read: false, .. } if direction.is_inward() && *version != sync.state.version => {
                Next::Pull(Ask::Page(run, Place { phase: Phase::Pages, ..place }))
            }
            Phase::Pages | Phase::Unseen { .. } | Phase::Here { .. } => {
                here::next(&mut ours, &sync, run, place).await?
            }
        };
        Ok(Some((sync, next)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_is_left_alone_for_as_long_as_it_asks_and_not_for_ever() {
        assert_eq!(Then::after(None, Some(7)), Then::Again(Some(7)));
        assert_eq!(Then::after(Some(0), Some(7)), Then::Again(Some(7)), "a pause of nothing is none");
        assert_eq!(Then::after(Some(1_500), Some(7)), Then::Later(Duration::from_millis(1_500)));
        assert_eq!(Then::after(Some(u64::MAX), None), Then::Later(LONGEST_PAUSE));
    }
}
