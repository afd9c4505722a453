//! Several hubs on one database: what one changes, the others take over.
//!
//! What a hub keeps in memory is told apart from the database by a change that another hub makes. Each change says so in
//! its own transaction, and this task hears it: entries of caches are dropped, and packages that another hub was
//! given are loaded. Whoever may have missed something drops everything. Behind that stands the clock: no
//! entry is older than a minute, packages are looked for every minute, and those that nobody runs any more are let go.
//!
//! A notice costs what it is about, and not what is there: one installation that is put concerns its own entry, and not
//! the other ten thousand of its plugin.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use patchbay_model::PluginId;
use patchbay_storage::{Change, LaneKey, Notice, Told};

use crate::hub::{Hub, Inner, lock};

/// Looks for packages that were asked for and have not begun, by plugin; none: for those of all. Who is told of a
/// hundred changes looks once for what they brought.
#[derive(Default)]
pub(crate) struct Looks(Mutex<BTreeSet<Option<PluginId>>>);

impl Looks {
    /// False if one is to come anyway.
    fn ask(&self, plugin: &Option<PluginId>) -> bool {
        lock(&self.0).insert(plugin.clone())
    }

    /// What is asked for from now on is asked for anew.
    fn begin(&self, plugin: &Option<PluginId>) {
        lock(&self.0).remove(plugin);
    }
}

/// Follows other hubs until this one ends. Nothing to do on a database that is this hub's alone.
pub(crate) fn start(hub: &Hub) {
    if !hub.0.database.is_shared() {
        return;
    }
    let (weak, stop, mut changes) = (hub.downgrade(), hub.0.stop.clone(), hub.0.database.changes());
    tokio::spawn(async move {
        while let Some(Some(Told { notice, by_us })) = stop.run_until_cancelled(changes.next_told()).await {
            let Some(hub) = weak.upgrade() else { return };
            if !(by_us && is_taken_over_by_its_teller(&notice)) {
                take_over(&hub, notice).await;
            }
        }
    });
}

/// True for what the hub that changes it puts in order itself, in the same call.
const fn is_taken_over_by_its_teller(notice: &Notice) -> bool {
    matches!(
        notice,
        Notice::Changed(
            Change::Installation { .. }
                | Change::Connection { .. }
                | Change::Tokens { .. }
                | Change::PluginVersion { .. }
                | Change::Endpoint { .. }
                | Change::Documents { .. }
        )
    )
}

async fn take_over(hub: &Arc<Inner>, notice: Notice) {
    match notice {
        // the cache is keyed by hash, which nobody can tell from the id; revoking is rare
        Notice::Changed(Change::ApiKey { .. }) => hub.keys.invalidate_all(),
        // likewise; a member's sessions are several
        Notice::Changed(Change::Member { .. }) => hub.sessions.invalidate_all(),
        Notice::Changed(Change::Installation { org, id, plugin }) => {
            hub.registry.forget_verdicts(id);
            let key = (org, plugin.clone());
            hub.read_anew(&key);
            hub.tenants.invalidate(&key).await;
            hub.takers.invalidate(&org).await;
            hub.relay.concerned(org);
            // the token is not said: a notice is outside of row-level security
            hub.hooks.invalidate_all();
            // it may be pinned to a version that is kept for others
            look_for_packages(hub, Some(plugin.clone()));
            // or have left one that was kept for it, which the next sweep lets go
            if hub.registry.catalogue().keeps_unoffered(&plugin) {
                hub.registry.mark_unsettled(&plugin);
            }
        }
        Notice::Changed(Change::Connection { org, plugin, .. }) => {
            let key = (org, plugin);
            hub.read_anew(&key);
            hub.tenants.invalidate(&key).await;
            hub.takers.invalidate(&org).await;
            // what failed before may have been put right there
            hub.refresher.wake(&key);
            // an open connection to a vendor may be logged in with what no longer counts
            hub.egress.forget_org(org);
        }
        // renewed ones are those of the same account, and each request carries its own
        Notice::Changed(Change::Tokens { org, plugin }) => {
            let key = (org, plugin);
            hub.tenants.invalidate(&key).await;
            // what failed here did not fail there
            hub.refresher.wake(&key);
        }
        Notice::Changed(Change::PluginVersion { plugin, .. }) => look_for_packages(hub, Some(plugin)),
        Notice::Changed(Change::Org { org }) => {
            hub.rates.invalidate(&org).await;
            if let Err(failure) = hub.org_changed(org).await {
                tracing::warn!(%org, error = %failure, "what became of an organization was not looked up");
            }
        }
        Notice::Changed(Change::Documents { org, plugin }) => hub.documents_changed((org, plugin)),
        // opened with the next use, if the database still has them
        Notice::Changed(Change::DataKeys { org }) => {
            hub.vault.forget(org);
            hub.read_org_anew(org);
        }
        Notice::Changed(Change::Endpoint { org, id }) => {
            hub.endpoint_is_changed(LaneKey { org, endpoint: id }).await;
        }
        Notice::Changed(Change::Lane { org, endpoint }) => {
            hub.deliveries.poke([LaneKey { org, endpoint }], &*hub.clock);
        }
        Notice::Changed(Change::Plan { org }) => hub.standings.invalidate(&org).await,
        Notice::Resync => {
            hub.registry.forget_all_verdicts();
            hub.keys.invalidate_all();
            hub.sessions.invalidate_all();
            hub.tenants.invalidate_all();
            hub.takers.invalidate_all();
            hub.standings.invalidate_all();
            hub.hooks.invalidate_all();
            hub.egress.forget_all();
            hub.registry.mark_kept_unsettled();
            hub.rates.invalidate_all();
            hub.vault.forget_all();
            hub.read_all_anew();
            if let Err(failure) = hub.leave_orgs_being_deleted().await {
                tracing::warn!(error = %failure, "it was not looked up which organizations are being deleted");
            }
            hub.deliveries.live.invalidate_all();
            hub.deliveries.look_at_all(&*hub.clock);
            hub.relay.forget_all();
            look_for_packages(hub, None);
        }
    }
}

/// Beside what is heard next: loading takes its time, and a revoked key must not wait for it.
fn look_for_packages(hub: &Arc<Inner>, plugin: Option<PluginId>) {
    if !hub.looks.ask(&plugin) {
        return;
    }
    let inner = Arc::clone(hub);
    hub.work.spawn(async move {
        // what this very hub is being given is in place once its publisher lets go of the plugin
        if let Some(plugin) = &plugin {
            drop(inner.registry.hold(plugin).await);
        }
        inner.looks.begin(&plugin);
        if let Err(failure) = inner.load_missing(plugin.as_ref()).await {
            tracing::warn!(error = %failure, "what other hubs were given was not looked for");
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_that_is_to_come_is_not_asked_for_again() {
        let (looks, plugin) = (Looks::default(), Some("openai".parse().unwrap()));
        assert!(looks.ask(&plugin));
        assert!(!looks.ask(&plugin));
        assert!(looks.ask(&None), "for others");
        looks.begin(&plugin);
        assert!(looks.ask(&plugin), "what is told while one is under way may have come too late for it");
    }
}
