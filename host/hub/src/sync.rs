//! Syncs: a standard object of the hub, kept alike with what a vendor calls something else.
//!
//! Each sync of an organization is driven by one job ([`crate::jobs`]). It has no plan of its own: at each step it reads from
//! the database what is next (`step.rs`), so that what comes meanwhile goes before what takes long. A step that calls the plugin
//! commits all that came of it at once: records, links, conflicts, failures, where to go on, and what becomes of the job. So a
//! step that a crash interrupts is done again, and one whose effects are stored is not.
//!
//! What a page says is compared with what both sides agreed on last (`apply.rs`), so a page that is read twice, and what we
//! wrote ourselves, changes nothing. Whoever writes a record or a link at the same time makes the step be done again, with what is
//! there then.
//!
//! Rejected: a job for each run and each hint (two that write one record at once), and a plugin that writes records itself
//! (each would have to find out by itself who changed what, and none could be asked to wait for live work).

mod apply;
mod ask;
mod cancel;
pub(crate) mod connected;
mod counterpart;
pub(crate) mod due;
pub(crate) mod ends;
pub(crate) mod fields;
mod here;
mod log;
pub(crate) mod outbox;
pub(crate) mod place;
pub(crate) mod preview;
pub(crate) mod pull;
pub(crate) mod push;
mod readers;
mod request;
pub(crate) mod settings;
pub(crate) mod step;
mod trigger;
pub(crate) mod views;

use patchbay_model::{
    Failure, JobId, OrgId, PluginId, Timestamp,
    job::NewJob,
    object::StandardObject,
    sync::{Direction, Mapping, SyncState},
};
use patchbay_package::{Manifest, manifest::sync::SyncDecl};
use patchbay_storage::{OrgTx, SyncCommit};

use self::counterpart::Whose;
use crate::hub::Inner;

/// A sync of an organization, as it was when a step of it began.
#[derive(Debug, Clone)]
pub(crate) struct Sync {
    pub(crate) org: OrgId,
    pub(crate) state: SyncState,
}

impl Sync {
    pub(crate) const fn plugin(&self) -> &PluginId {
        &self.state.plugin
    }

    pub(crate) const fn object(&self) -> StandardObject {
        self.state.object
    }

    /// By whose ids records name their counterparts.
    fn whose(&self) -> Whose<'_> {
        Whose { plugin: self.state.plugin.as_str(), account: self.state.account.as_deref() }
    }

    /// A commit that changes nothing yet.
    pub(crate) fn commit(&self) -> SyncCommit {
        SyncCommit::new(self.state.plugin.clone(), self.state.object)
    }
}

/// What a version of a plugin says of a sync of this object.
pub(crate) fn declared(manifest: &Manifest, object: StandardObject) -> Option<&SyncDecl> {
    manifest.syncs.iter().find(|decl| decl.object == object)
}

/// Which ways values go: as the settings say, as far as the plugin can.
pub(crate) fn direction_of(state: &SyncState, decl: &SyncDecl) -> Option<Direction> {
    let (inward, outward) = (decl.directions.contains(&Direction::In), decl.directions.contains(&Direction::Out));
    let able = match (inward, outward) {
        (true, true) => Direction::Both,
        (true, false) => Direction::In,
        (false, true) => Direction::Out,
        (false, false) => return None,
    };
    state.settings.direction.within(able)
}

/// The mapping that a sync goes by: the organization's, or else the plugin's.
pub(crate) fn mapping_of<'a>(state: &'a SyncState, decl: &'a SyncDecl) -> &'a Mapping {
    state.settings.mapping.as_ref().unwrap_or(&decl.mapping)
}

impl Inner {
    /// The job that drives a sync. While it waits or runs, another one is not made.
    pub(crate) fn sync_driver(&self, plugin: &PluginId, object: StandardObject, now: Timestamp) -> NewJob {
        NewJob::sync(JobId::new(&*self.clock, &*self.random), plugin.clone(), object, 0, now)
    }

    /// Makes the job of a sync, in the transaction of what it is to be woken for. Tell the queue once that is committed.
    pub(crate) async fn drive_sync(
        &self,
        ours: &mut OrgTx<'_>,
        plugin: &PluginId,
        object: StandardObject,
    ) -> Result<(), Failure> {
        let now = self.clock.now();
        ours.jobs().enqueue(&[self.sync_driver(plugin, object, now)]).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
