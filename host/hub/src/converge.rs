//! Several hubs on one database: what one changes, the others take over.
//!
//! What a hub keeps in memory is told apart from the database by a change that another hub makes. Each change says so in
//! its own transaction, and this task hears it: entries of caches are dropped, and packages that another hub was
//! given are loaded. Whoever may have missed something drops everything. Behind that stands the clock: no
//! entry is older than a minute, and packages are looked for every minute.

use std::sync::Arc;

use patchbay_model::PluginId;
use patchbay_storage::{Change, Notice};

use crate::hub::{Hub, Inner};

/// Follows other hubs until this one ends. Nothing to do on a database that is this hub's alone.
pub(crate) fn start(hub: &Hub) {
    if !hub.0.database.is_shared() {
        return;
    }
    let (weak, stop, mut changes) = (hub.downgrade(), hub.0.stop.clone(), hub.0.database.changes());
    tokio::spawn(async move {
        while let Some(Some(notice)) = stop.run_until_cancelled(changes.next()).await {
            let Some(hub) = weak.upgrade() else { return };
            take_over(&hub, notice).await;
        }
    });
}

async fn take_over(hub: &Arc<Inner>, notice: Notice) {
    match notice {
        // the cache is keyed by hash, which nobody can tell from the id; revoking is rare
        Notice::Changed(Change::ApiKey { .. }) => hub.keys.invalidate_all(),
        // likewise; a member's sessions are several
        Notice::Changed(Change::Member { .. }) => hub.sessions.invalidate_all(),
        Notice::Changed(Change::Installation { org, id, plugin }) => {
            hub.registry.forget_verdicts(id);
            hub.tenants.invalidate(&(org, plugin.clone())).await;
            // the token is not said: a notice is outside of row-level security
            hub.hooks.invalidate_all();
            // it may be pinned to a version that is kept for others, or have left one
            look_for_packages(hub, Some(plugin));
        }
        Notice::Changed(Change::Connection { org, plugin, .. }) => {
            hub.tenants.invalidate(&(org, plugin)).await;
            // an open connection to a vendor may be logged in with what no longer counts
            hub.egress.forget_org(org);
        }
        Notice::Changed(Change::PluginVersion { plugin, .. }) => look_for_packages(hub, Some(plugin)),
        Notice::Changed(Change::Org { org }) => {
            hub.rates.invalidate(&org).await;
            if let Err(failure) = hub.org_changed(org).await {
                tracing::warn!(%org, error = %failure, "what became of an organization was not looked up");
            }
        }
        // opened with the next use, if the database still has them
        Notice::Changed(Change::DataKeys { org }) => hub.vault.forget(org),
        Notice::Changed(Change::Plan { org }) => hub.standings.invalidate(&org).await,
        Notice::Resync => {
            hub.registry.forget_all_verdicts();
            hub.keys.invalidate_all();
            hub.sessions.invalidate_all();
            hub.tenants.invalidate_all();
            hub.standings.invalidate_all();
            hub.hooks.invalidate_all();
            hub.rates.invalidate_all();
            look_for_packages(hub, None);
        }
    }
}

/// Beside what is heard next: loading takes its time, and a revoked key must not wait for it.
fn look_for_packages(hub: &Arc<Inner>, plugin: Option<PluginId>) {
    let inner = Arc::clone(hub);
    hub.work.spawn(async move {
        if let Err(failure) = inner.load_missing(plugin.as_ref()).await {
            tracing::warn!(error = %failure, "what other hubs were given was not looked for");
        }
        if let Some(plugin) = plugin.filter(|plugin| inner.registry.catalogue().keeps_unoffered(plugin)) {
            let _held = inner.registry.hold(&plugin).await;
            inner.settle(&plugin).await;
        }
    });
}
