//! Plugins take in events: a job for each event and each plugin that its manifest says it for.
//!
//! Which plugins of an org take in what depends on the versions that serve it, and finding that out may ask a plugin whether it
//! takes its settings. So it is found out outside of the transaction that hands events on, and kept under the version that the
//! org's cursor has: what is switched on or off changes that version in its own transaction, on whichever hub. What a hub is
//! to forget by itself (another package serves, other credentials) it forgets by key.
//!
//! The job looks once more: an event whose plugin is switched off, or has another version that does not take it in, is let go
//! of there. Rejected: calling the plugin from here (the cursor would wait for the slowest), and a cursor for each plugin (each
//! event would be read once for each, and a plugin that fails would stand still with all that comes after).

use std::{
    collections::BTreeSet,
    sync::{Arc, Weak},
    time::Duration,
};

use futures::future::BoxFuture;
use patchbay_model::{
    Failure, JobId, OrgId, PluginId,
    endpoint::ENDPOINT_TEST,
    event::is_for,
    installation::{Installation, VersionPolicy},
    job::NewJob,
};
use patchbay_package::{Manifest, capabilities};
use patchbay_storage::{ActiveVersion, RawEvent, Tx};
use semver::VersionReq;

use super::EventConsumer;
use crate::hub::{Hub, Inner};

/// How long a plugin may take to say whether it takes its settings, before it is handed events as its best version would be.
const PATIENCE: Duration = Duration::from_secs(1);

/// Who of an org's plugins takes in events.
#[derive(Debug)]
pub(crate) struct Takers {
    /// Under which version of who is concerned by the org's events; 0: by nobody.
    version: u64,
    plugins: Vec<Taker>,
}

#[derive(Debug)]
struct Taker {
    plugin: PluginId,
    consumes: Vec<String>,
}

impl Taker {
    /// What somebody tries an endpoint with is about that endpoint alone.
    fn wants(&self, event: &RawEvent) -> bool {
        event.kind != ENDPOINT_TEST
            && is_for(&self.plugin, &self.consumes, event.source.as_ref(), &event.kind, event.hops)
    }
}

/// The plugins of all orgs, as one consumer.
struct Plugins(Weak<Inner>);

/// From now on plugins take in events.
pub(crate) fn start(hub: &Hub) {
    hub.consume_events(Arc::new(Plugins(hub.downgrade())));
}

impl Plugins {
    async fn takers(&self, org: OrgId, version: u64) -> Option<(Arc<Inner>, Arc<Takers>)> {
        let hub = self.0.upgrade()?;
        let takers = hub.takers.cached(&org).await.filter(|takers| takers.version == version)?;
        Some((hub, takers))
    }
}

impl EventConsumer for Plugins {
    fn prepare(&self, org: OrgId) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(async move {
            let Some(hub) = self.0.upgrade() else { return Ok(()) };
            // what is here is of another version, or not here
            hub.takers.invalidate(&org).await;
            let load = || async { hub.load_takers(org).await.map(Some) };
            hub.takers.get(&org, load).await?;
            Ok(())
        })
    }

    fn concerns(&self, org: OrgId, version: u64) -> BoxFuture<'_, Option<bool>> {
        Box::pin(async move {
            let (_, takers) = self.takers(org, version).await?;
            Some(!takers.plugins.is_empty())
        })
    }

    fn take<'a>(
        &'a self,
        tx: &'a mut Tx,
        org: OrgId,
        version: u64,
        events: &'a [RawEvent],
    ) -> BoxFuture<'a, Result<Option<bool>, Failure>> {
        Box::pin(async move {
            let Some((hub, takers)) = self.takers(org, version).await else { return Ok(None) };
            let now = hub.clock.now();
            let mut jobs = Vec::new();
            for event in events {
                for taker in takers.plugins.iter().filter(|taker| taker.wants(event)) {
                    let (id, plugin) = (JobId::new(&*hub.clock, &*hub.random), taker.plugin.clone());
                    jobs.push(NewJob::event(id, plugin, event.id, event.kind.clone(), event.hops, now));
                }
            }
            if !jobs.is_empty() {
                tx.org(org).jobs().enqueue(&jobs).await?;
            }
            Ok(Some(!jobs.is_empty()))
        })
    }

    fn committed(&self) {
        if let Some(hub) = self.0.upgrade() {
            hub.jobs.due_at(hub.clock.now());
        }
    }
}

impl Inner {
    /// Makes sure that an org's events are handed on from now on, if a version of the plugin takes in any: where another version
    /// came into use without the installation being put.
    pub(crate) async fn bring_events(&self, org: OrgId, plugin: &PluginId) -> Result<(), Failure> {
        if !self.registry.catalogue().consumes(plugin) {
            return Ok(());
        }
        let mut tx = self.database.read().await?;
        let has_cursor = tx.org(org).relay().last().await?.is_some();
        drop(tx);
        if !has_cursor {
            let mut tx = self.database.begin().await?;
            let mut ours = tx.org(org);
            ours.lock().await?;
            if ours.installations().get(plugin).await?.is_none_or(|installation| !installation.enabled) {
                return Ok(());
            }
            ours.relay().changed().await?;
            tx.commit().await?;
        }
        self.takers.invalidate(&org).await;
        self.relay.concerned(org);
        Ok(())
    }

    async fn load_takers(&self, org: OrgId) -> Result<Takers, Failure> {
        let mut tx = self.database.read().await?;
        let mut ours = tx.org(org);
        // first, so that what is read after it is no older
        let version = ours.relay().version().await?.unwrap_or_default();
        let installations = ours.installations().list().await?;
        let active = match self.database.is_shared() {
            true => tx.hub().active_versions(None).await?,
            false => Vec::new(),
        };
        drop(tx);
        let mut plugins = Vec::new();
        for installation in installations.into_iter().filter(|installation| installation.enabled) {
            let consumes = self.consumed_by(&installation, &active).await?;
            if !consumes.is_empty() {
                plugins.push(Taker { plugin: installation.plugin, consumes: consumes.into_iter().collect() });
            }
        }
        Ok(Takers { version, plugins })
    }

    /// What an installation takes in by the version that serves it. By the best that is known of where none serves, which may be
    /// another hub's or come back: its jobs are tried again until it does. And by one that other hubs were given and that is
    /// still to be loaded here.
    async fn consumed_by(
        &self,
        installation: &Installation,
        active: &[ActiveVersion],
    ) -> Result<BTreeSet<String>, Failure> {
        let plugin = &installation.plugin;
        let mut consumes: BTreeSet<String> = match self.consumed_here(installation).await {
            Some(consumes) => consumes.into_iter().collect(),
            None => {
                let mut tx = self.database.read().await?;
                let known = tx.hub().active_versions(Some(plugin)).await?;
                drop(tx);
                self.consumed_by_best(installation, &known).await?
            }
        };
        let of_others: Vec<ActiveVersion> =
            active.iter().filter(|row| row.plugin == *plugin && self.registry.lacks(row)).cloned().collect();
        if !of_others.is_empty() {
            consumes.extend(self.consumed_by_best(installation, &of_others).await?);
        }
        Ok(consumes)
    }

    /// By what is loaded here; none if no version of it can serve the installation.
    async fn consumed_here(&self, installation: &Installation) -> Option<Vec<String>> {
        let plugin = &installation.plugin;
        let (fits, consumes_any) = {
            let catalogue = self.registry.catalogue();
            (catalogue.choice_within(installation).cloned()?, catalogue.consumes(plugin))
        };
        // as most: it need not be known which one serves
        if !consumes_any {
            return Some(Vec::new());
        }
        let key = (installation.org, plugin.clone());
        let is_present = |known: &Installation| {
            (known.id, known.updated_at, &known.policy)
                == (installation.id, installation.updated_at, &installation.policy)
        };
        let cached = self.tenants.cached(&key).await;
        if cached.is_some_and(|installed| !is_present(&installed.settings.installation)) {
            self.tenants.invalidate(&key).await;
        }
        let installed = tokio::time::timeout(PATIENCE, self.installed(installation.org, plugin)).await;
        let serving = installed.ok().and_then(Result::ok).flatten().and_then(|installed| installed.serving());
        let serving = serving.map_or(fits, |serving| Arc::clone(&serving.plugin));
        Some(serving.manifest().events.consumes.clone())
    }

    /// By the newest of these that the installation's policy and its approvals allow, as its manifest was written down.
    async fn consumed_by_best(
        &self,
        installation: &Installation,
        rows: &[ActiveVersion],
    ) -> Result<BTreeSet<String>, Failure> {
        let mut best: Option<Manifest> = None;
        let mut tx = self.database.read().await?;
        for row in rows {
            let Some(stored) = tx.hub().plugin_version(&row.digest).await? else { continue };
            // one that a newer hub wrote may be none that this one understands
            let Ok(manifest) = serde_json::from_value::<Manifest>(stored.manifest) else { continue };
            let is_approved = |approved: &BTreeSet<String>| capabilities::beyond(&manifest, approved).is_empty();
            let is_allowed = match &installation.policy {
                VersionPolicy::Pin(digest) => *digest == row.digest,
                VersionPolicy::Track(range) => {
                    VersionReq::parse(range).is_ok_and(|range| range.matches(&manifest.version))
                        && installation.approved.as_ref().is_none_or(is_approved)
                }
            };
            if is_allowed && best.as_ref().is_none_or(|known| known.version < manifest.version) {
                best = Some(manifest);
            }
        }
        Ok(best.map(|best| best.events.consumes.into_iter().collect()).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests;
